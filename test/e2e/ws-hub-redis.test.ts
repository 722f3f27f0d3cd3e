// The ws-hub dialect with a real Redis: several gateways, outages, and a backend in Python with the redis package.

import { describe, expect, test } from "bun:test";
import { HubBackend, HubGateway } from "../support/hub-gateway.ts";
import { until } from "../support/until.ts";
import { PythonProgram } from "../support/python.ts";
import { RawWebSocket } from "../support/raw.ts";
import { startRedis } from "../support/redis.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";

async function connect(gateway: HubGateway, key: string): Promise<RawWebSocket> {
  return RawWebSocket.open(gateway.url, `/ws?session_key=${encodeURIComponent(key)}`);
}

/** The next `count` messages, sorted: clients are announced in no particular order. */
async function take(backend: HubBackend, count: number): Promise<readonly string[]> {
  const messages: string[] = [];
  while (messages.length < count) messages.push(await backend.next(15_000));
  return messages.sort();
}

describe("several gateways on one Redis", () => {
  test("HUB-05 HUB-08 HUB-12 each has its own keys; groups are one; the same key may be on both", async () => {
    await using redis = await startRedis();
    await using one = await HubGateway.start({ redis: redis.url });
    await using two = await HubGateway.start({ redis: redis.url });
    const backend = await HubBackend.on(one.bus);
    using a = await connect(one, "a");
    using b = await connect(two, "b");
    using twin1 = await connect(one, "twin");
    using twin2 = await connect(two, "twin");
    expect(await take(backend, 4)).toEqual([
      "ws-hub:client-new a",
      "ws-hub:client-new b",
      "ws-hub:client-new twin",
      "ws-hub:client-new twin",
    ]);
    for (const key of ["a", "b", "twin"]) await redis.command("PUBLISH", `ws-hub:groups-new:${key}`, "all");
    for (let index = 0; index < 50; index++)
      await redis.command("PUBLISH", "ws-hub:group-data:all", `${index}`);
    const expected = Array.from({ length: 50 }, (_, index) => `${index}`);
    for (const client of [a, b, twin1, twin2]) expect(await client.waitForMessages(50)).toEqual(expected);
    await redis.command("PUBLISH", "ws-hub:groups-new:b", "");
    expect((await b.waitForClose()).code).toBe(4003);
    a.send("from one");
    twin2.send("from two");
    expect(await take(backend, 2)).toEqual([
      "ws-hub:client-data:a from one",
      "ws-hub:client-data:twin from two",
    ]);
  }, 30_000);

  test("HUB-14 T19 two systems with prefixes of their own do not hear each other, signs of patterns included", async () => {
    await using redis = await startRedis();
    await using plain = await HubGateway.start({ redis: redis.url });
    await using odd = await HubGateway.start({ redis: redis.url, options: { channelPrefix: "ws-*b[:" } });
    using client = await connect(plain, "k");
    using other = await connect(odd, "k");
    await redis.command("PUBLISH", "ws-hub:groups-new:k", "g");
    await redis.command("PUBLISH", "ws-*b[:groups-new:k", "g");
    await redis.command("PUBLISH", "ws-hub:group-data:g", "plain");
    await redis.command("PUBLISH", "ws-*b[:group-data:g", "odd");
    expect(await client.waitForMessage()).toBe("plain");
    expect(await other.waitForMessage()).toBe("odd");
  }, 30_000);
});

describe("an outage of Redis", () => {
  test("HUB-15 clients without groups are announced again, those with groups are not, and all goes on", async () => {
    await using redis = await startRedis();
    await using gateway = await HubGateway.start({ redis: redis.url });
    const backend = await HubBackend.on(gateway.bus);
    using served = await connect(gateway, "served");
    using unanswered = await connect(gateway, "unanswered");
    expect(await take(backend, 2)).toHaveLength(2);
    await redis.command("PUBLISH", "ws-hub:groups-new:served", "g");
    await redis.command("PUBLISH", "ws-hub:group-data:g", "before");
    expect(await served.waitForMessage()).toBe("before");
    await redis.kill();
    await until(() => !gateway.bus.state().isReady, 15_000);
    using during = await connect(gateway, "during");
    served.send("lost");
    await until(async () => (await gateway.metric("belfry_refused_total", "bus_unavailable")) === 2);
    await redis.restart();
    expect(await take(backend, 2)).toEqual(["ws-hub:client-new during", "ws-hub:client-new unanswered"]);
    for (const key of ["during", "unanswered"])
      await redis.command("PUBLISH", `ws-hub:groups-new:${key}`, "g");
    await redis.command("PUBLISH", "ws-hub:group-data:g", "after");
    for (const client of [served, during, unanswered]) expect(await client.waitForMessage()).toBe("after");
    served.send("found");
    // One announcement each, and nothing that was said meanwhile.
    expect(await backend.next()).toBe("ws-hub:client-data:served found");
    expect(backend.heard).toEqual([]);
  }, 60_000);

  test("HUB-15 an answer that a deaf connection swallowed is asked for again, however fast it is replaced", async () => {
    await using redis = await startRedis();
    await using proxy = await TcpProxy.start(redis.port);
    await using gateway = await HubGateway.start({ redis: `redis://127.0.0.1:${proxy.port}` });
    await using elsewhere = await HubGateway.start({ redis: redis.url });
    const backend = await HubBackend.on(elsewhere.bus);
    // Only until the gateway notices: the next connection works.
    const isDeaf = (sent: string): boolean => gateway.bus.outages === 0 && /PSUBSCRIBE/i.test(sent);
    proxy.blackhole({ direction: "toClient", only: Object.assign(/./, { test: isDeaf }) });
    using client = await connect(gateway, "k");
    expect(await backend.next()).toBe("ws-hub:client-new k");
    await redis.command("PUBLISH", "ws-hub:groups-new:k", "swallowed");
    expect(await backend.next(15_000)).toBe("ws-hub:client-new k");
    expect(gateway.bus.outages).toBe(1);
    await redis.command("PUBLISH", "ws-hub:groups-new:k", "g");
    await redis.command("PUBLISH", "ws-hub:group-data:swallowed", "not this");
    await redis.command("PUBLISH", "ws-hub:group-data:g", "heard");
    expect(await client.waitForMessage()).toBe("heard");
    expect(backend.heard).toEqual([]);
    expect(elsewhere.bus.outages).toBe(0);
  }, 60_000);
});

test("HUB-04 HUB-05 HUB-07 HUB-08 HUB-09 a Python backend gives groups, publishes, hears and refuses", async () => {
  await using redis = await startRedis();
  await using gateway = await HubGateway.start({ redis: redis.url });
  await using backend = await PythonProgram.start("socketio-5.15", "hub_listener", [redis.url, "ws-hub:"]);
  await backend.run("groups_of['123456'] = '1,2,all,news'");
  await backend.run("groups_of['stranger'] = ''");
  using client = await connect(gateway, "123456");
  using other = await connect(gateway, "654321");
  using stranger = await connect(gateway, "stranger");
  expect(await stranger.waitForClose()).toEqual({ code: 4003, reason: "no groups" });
  const members = (group: string): number =>
    gateway.hub.select({ namespace: "/", rooms: [`ws-hub::${group}`], except: [], skip: [] }).size;
  await until(() => members("all") === 2 && members("news") === 1);
  await backend.run(
    "publish('news', 'hello'); publish('all', 'h\u00e9 \u{1f514}'); publish('all', b'\\x00\\xff')",
  );
  expect(await client.waitForMessages(3)).toEqual(["hello", "h\u00e9 \u{1f514}", Buffer.of(0, 0xff)]);
  expect(await other.waitForMessages(2)).toEqual(["h\u00e9 \u{1f514}", Buffer.of(0, 0xff)]);
  client.send("hi");
  await backend.waitFor(/^said 123456 b'hi'$/m);
  // A refresh of groups without a new connection.
  await backend.run("connection.publish('ws-hub:groups-new:654321', 'news')");
  await backend.run("publish('news', 'for both')");
  expect(await client.waitForMessage()).toBe("for both");
  expect(await other.waitForMessage()).toBe("for both");
}, 60_000);
