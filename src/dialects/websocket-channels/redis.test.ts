import { expect, test } from "bun:test";
import { ChannelsGateway } from "../../../test/support/channels-gateway.ts";
import { until } from "../../../test/support/until.ts";
import { startRedis } from "../../../test/support/redis.ts";

test("WSC-02 WSC-03 two gateways on one Redis: what is said on one is heard on both, bytes and all", async () => {
  await using redis = await startRedis();
  await using first = await ChannelsGateway.start({ redis: redis.url });
  await using second = await ChannelsGateway.start({ redis: redis.url });
  using here = await first.join("users/1");
  using there = await second.join("users/1");
  using above = await second.join("users");
  here.send("hi");
  for (const client of [here, there]) expect(await client.waitForMessage()).toBe("hi");
  there.send(Buffer.of(0, 0xff, 0x80));
  for (const client of [here, there]) expect(await client.waitForMessage()).toEqual(Buffer.of(0, 0xff, 0x80));
  await redis.command("PUBLISH", "websocket:users/", "all");
  for (const client of [here, there]) expect(await client.waitForMessage()).toBe("all");
  expect((await first.post("/publish", '{"users":"up"}')).text).toBe("OK");
  await redis.command("PUBLISH", "websocket:/", "everyone");
  expect(await above.waitForMessages(2)).toEqual(["up", "everyone"]);
  for (const client of [here, there]) expect(await client.waitForMessage()).toBe("everyone");
});

test("WSC-06 the order of the text is the order on the wire", async () => {
  await using redis = await startRedis();
  await using gateway = await ChannelsGateway.start({ redis: redis.url });
  using client = await gateway.join("x/1");
  const names = Array.from({ length: 1_000 }, (_, at) => `${at % 2 === 0 ? "" : "/"}${"/".repeat(at)}x/1`);
  // A thousand names of one channel.
  const body = `{${names.map((name, at) => `${JSON.stringify(name)}:${at}`).join(",")}}`;
  expect((await gateway.post("/publish", body)).text).toBe("OK");
  const unique = [...new Map(names.map((name, at) => [name, at])).values()];
  expect(await client.waitForMessages(unique.length)).toEqual(unique.map(String));
});

test("WSC-01 T19 names with every byte are one Redis channel each, and no glob", async () => {
  await using redis = await startRedis();
  await using gateway = await ChannelsGateway.start({ redis: redis.url });
  using star = await gateway.join("*");
  using other = await gateway.join("x");
  using broken = await gateway.join("a%0D%0APUBLISH%20b%00%5C");
  star.send("to a star");
  expect(await star.waitForMessage()).toBe("to a star");
  await redis.command("PUBLISH", "websocket:a\r\nPUBLISH b\0\\", "here");
  expect(await broken.waitForMessage()).toBe("here");
  await redis.command("PUBLISH", "websocket:x", "first");
  expect(await other.waitForMessage()).toBe("first");
});

test("PSQ-16 WSC-02 WSC-06 Redis down: HTTP gets 503, a browser's message is dropped, counted, and never sent late", async () => {
  await using redis = await startRedis();
  await using gateway = await ChannelsGateway.start({ redis: redis.url });
  using client = await gateway.join("x");
  client.send("before");
  expect(await client.waitForMessage()).toBe("before");
  await redis.kill();
  await until(() => !gateway.bus.state().isReady);
  const sentAt = performance.now();
  expect((await gateway.post("/publish", '{"x":"lost"}')).status).toBe(503);
  expect(performance.now() - sentAt).toBeLessThan(2_000);
  client.send("lost");
  client.send("lost too");
  const dropped = (): number =>
    gateway.observed.filter((entry) => entry === "refused bus_unavailable").length;
  await until(() => dropped() === 3);
  await redis.restart();
  await until(() => gateway.bus.state().isReady, 15_000);
  client.send("after");
  expect(await client.waitForMessage()).toBe("after");
  expect(gateway.observed.filter((entry) => entry.startsWith("report"))).toEqual([]);
}, 30_000);

test("WSC-02 WSE-26 a Redis that hangs: what was refused meanwhile is not heard when it wakes", async () => {
  await using redis = await startRedis();
  await using gateway = await ChannelsGateway.start({ redis: redis.url });
  using client = await gateway.join("x");
  await until(() => gateway.connected === 1);
  redis.pause();
  client.send("late");
  await until(() => gateway.observed.includes("refused bus_unavailable"), 15_000);
  redis.resume();
  await until(() => gateway.bus.state().isReady, 15_000);
  client.send("after");
  expect(await client.waitForMessage(10_000)).toBe("after");
}, 45_000);
