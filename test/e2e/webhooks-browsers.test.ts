// Pages of a browser come and go, and a webhook is told of it: on a gateway without Redis, and on two gateways of one Redis.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { withBrowser } from "../support/chromium.ts";
import { startGateway } from "../support/gateway.ts";
import type { GatewayConfig, TestGateway } from "../support/gateway.ts";
import { RawWebSocket } from "../support/raw.ts";
import { startRedis } from "../support/redis.ts";
import type { RedisServer } from "../support/redis.ts";
import { ServedGateway } from "../support/serve.ts";
import { auth, signToken } from "../support/tokens.ts";
import { until } from "../support/until.ts";
import { WebhookReceiver } from "../support/webhook-receiver.ts";

setDefaultTimeout(90_000);

const secret = `whsec_${Buffer.alloc(32, 9).toString("base64")}`;

let site: Bun.Server<undefined>;
let redis: RedisServer;
beforeAll(async () => {
  const headers = { "content-type": "text/html" };
  site = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: () => new Response("<!doctype html><link rel=icon href=data:,><title>A page</title>", { headers }),
  });
  redis = await startRedis();
});
afterAll(async () => {
  await site.stop(true);
  await redis.stop();
});

async function start(to: WebhookReceiver, more: GatewayConfig = {}): Promise<TestGateway> {
  return startGateway({
    listeners: [{ address: "127.0.0.1:0", origins: [site.url.origin] }],
    auth,
    webhooks: { urls: [to.url], secrets: [secret], rooms: ["chat::*"], allowPrivate: ["127.0.0.1"] },
    ...more,
  });
}

/** What a receiver was told of a room: `user_joined ann`. */
function told(to: WebhookReceiver, room: string): readonly string[] {
  const events = to.events.filter((event) => event.room === room);
  // Numbers without a gap say that nothing is missing.
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
  expect(new Set(events.map(({ epoch }) => epoch)).size).toBe(events.length === 0 ? 0 : 1);
  return events.map(({ type, user }) => (user === undefined ? type : `${type} ${user}`));
}

/** Pages of ann and bob come to `room` and leave it, each by one of these gateways. */
async function comeAndGo(
  to: WebhookReceiver,
  gateways: readonly [TestGateway, TestGateway],
  room: string,
): Promise<void> {
  const [ann, bob] = await Promise.all(
    ["ann", "bob"].map(async (sub) => signToken({ sub, rooms: ["chat::*"] })),
  );
  const isTold = async (...expected: readonly string[]): Promise<void> => {
    const describe = () => `${expected.join(", ")}, got ${told(to, room).join(", ")}`;
    await until(() => told(to, room).join() === expected.join(), 20_000, describe);
  };
  await withBrowser(async ({ open }) => {
    const enter = async (gateway: TestGateway, token = "") => {
      const { page } = await open(site.url.href);
      await page.evaluate(
        async ({ url, protocol }) =>
          new Promise<void>((resolve, reject) => {
            const socket = new WebSocket(url, ["belfry", protocol]);
            socket.addEventListener("message", () => {
              resolve();
            });
            socket.addEventListener("close", ({ code }) => {
              reject(new Error(`Expected to join, got ${code}`));
            });
          }),
        { url: `${gateway.url.replace("http", "ws")}/connect?room=${room}`, protocol: `bearer.${token}` },
      );
      return page;
    };
    const first = await enter(gateways[0], ann);
    await isTold("room_occupied", "user_joined ann");
    // A second page of the same user is no news, and another user is.
    const second = await enter(gateways[1], ann);
    const third = await enter(gateways[1], bob);
    await isTold("room_occupied", "user_joined ann", "user_joined bob");
    await first.close();
    await third.close();
    await isTold("room_occupied", "user_joined ann", "user_joined bob", "user_left bob");
    await second.close();
    await isTold(
      "room_occupied",
      "user_joined ann",
      "user_joined bob",
      "user_left bob",
      "user_left ann",
      "room_vacated",
    );
  });
}

test("pages come and go on one gateway without Redis", async () => {
  await using to = await WebhookReceiver.start(secret);
  await using gateway = await start(to);
  await comeAndGo(to, [gateway, gateway], "chat::memory");
  expect(to.taken.length).toBe(6);
  expect(to.faults).toEqual([]);
});

test("pages come and go on two gateways of one Redis: one story is told, each event once", async () => {
  await using to = await WebhookReceiver.start(secret);
  await using one = await start(to, { redis: redis.url });
  await using other = await start(to, { redis: redis.url });
  await comeAndGo(to, [one, other], "chat::redis");
  expect(to.taken.length).toBe(6);
  expect(to.faults).toEqual([]);
});

test("F9 the gateway of all pages is killed: the webhook is told that they left, within 30 s", async () => {
  await using to = await WebhookReceiver.start(secret);
  await using one = await start(to, { redis: redis.url });
  const file = join(tmpdir(), `belfry-${crypto.randomUUID()}.json`);
  const webhooks = { urls: [to.url], secrets: [secret], rooms: ["chat::*"], allowPrivate: ["127.0.0.1"] };
  await Bun.write(file, JSON.stringify({ redis: redis.url, auth, webhooks }));
  await using killed = await ServedGateway.start({ args: ["--config", file] });
  const token = await signToken({ sub: "ann", rooms: ["chat::*"] });
  const headers = { authorization: `Bearer ${token}` };
  using page = await RawWebSocket.open(killed.url, "/connect?room=chat::killed", headers);
  await page.waitForMessage();
  await until(() => told(to, "chat::killed").length === 2, 20_000);
  killed.process.kill("SIGKILL");
  const since = performance.now();
  await until(() => told(to, "chat::killed").length === 4, 40_000);
  expect(told(to, "chat::killed").slice(2)).toEqual(["user_left ann", "room_vacated"]);
  expect(performance.now() - since).toBeLessThan(30_000);
  expect(one.log).not.toContain("queue_refused");
  await rm(file);
});

test("F1 Redis loses its data: numbers begin anew in another epoch, and who is there comes again in it", async () => {
  await using own = await startRedis();
  await using to = await WebhookReceiver.start(secret);
  await using gateway = await start(to, { redis: own.url });
  const enter = async (sub: string): Promise<RawWebSocket> => {
    const headers = { authorization: `Bearer ${await signToken({ sub, rooms: ["chat::*"] })}` };
    const page = await RawWebSocket.open(gateway.url, "/connect?room=chat::lost", headers);
    await page.waitForMessage();
    return page;
  };
  using _ann = await enter("ann");
  using _bob = await enter("bob");
  await until(() => told(to, "chat::lost").length === 3, 20_000);
  const [before] = to.events;
  expect(before?.epoch).toMatch(/^[\w-]{6,}$/);
  await own.command("FLUSHALL");
  const later = () => to.events.filter(({ epoch }) => epoch !== before?.epoch);
  await until(() => later().length === 3, 30_000);
  expect(later().map(({ seq }) => seq)).toEqual([1, 2, 3]);
  expect(new Set(later().map(({ epoch }) => epoch)).size).toBe(1);
  expect(
    later()
      .map(({ type, user = "" }) => `${type} ${user}`)
      .sort(),
  ).toEqual(["room_occupied ", "user_joined ann", "user_joined bob"]);
  expect(to.faults).toEqual([]);
});
