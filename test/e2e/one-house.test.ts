// Several dialects in one gateway, on one port: the same room is heard by all, whichever backend door a message came in
// by, and what browsers say in one dialect stays there (design: rooms and who may enter).

import { afterAll, beforeAll, expect, test } from "bun:test";
import { createClient } from "@redis/client";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway } from "../support/gateway.ts";
import { Page } from "../support/page.ts";
import { RawWebSocket } from "../support/raw.ts";
import { startRedis } from "../support/redis.ts";
import type { RedisServer } from "../support/redis.ts";

let redis: RedisServer;
let backend: ReturnType<typeof createClient>;
let gateway: TestGateway;

beforeAll(async () => {
  redis = await startRedis();
  backend = createClient({ url: redis.url });
  await backend.connect();
  gateway = await startGateway({
    redis: redis.url,
    secret: "publish-secret-of-this-test",
    listeners: [{ address: "127.0.0.1:0", dialects: ["socketio", "ws-hub", "websocket-channels"] }],
    openRooms: ["open/*"],
  });
});

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await backend.close();
  await redis.stop();
});

const channel = async (name: string): Promise<RawWebSocket> => RawWebSocket.open(gateway.url, `/ws/${name}`);

async function emit(room: string, data: unknown): Promise<void> {
  const body = JSON.stringify({ event: "update", room, data, secret: "publish-secret-of-this-test" });
  expect((await fetch(`${gateway.url}/emit`, { method: "POST", body })).status).toBe(200);
}

test("RTE-01 RTE-02 a room is heard by Socket.IO pages and channels clients alike, whichever door a message came in by", async () => {
  using page = await Page.connect(gateway.url);
  await page.join("news");
  using client = await channel("news");
  await emit("news", { n: 1 });
  await backend.publish(
    "flask-socketio",
    '{"method":"emit","event":"update","data":{"n":2},"namespace":"/","room":"news"}',
  );
  expect([await page.next(), await page.next()]).toEqual([
    ["update", { n: 1 }],
    ["update", { n: 2 }],
  ]);
  expect(await client.waitForMessage()).toBe('{"event":"update","data":{"n":1}}');
  expect(await client.waitForMessage()).toBe('{"event":"update","data":{"n":2}}');
});

test("SEC-16 what is said on a channel stays among channels, unless the room is open to it", async () => {
  using page = await Page.connect(gateway.url);
  await page.join("chat", "open/chat");
  using closed = await channel("chat");
  using open = await channel("open/chat");
  closed.send("among us");
  open.send("to all");
  expect(await closed.waitForMessage()).toBe("among us");
  expect(await open.waitForMessage()).toBe("to all");
  expect(await page.next()).toEqual(["message", "to all"]);
});

test("SEC-10 RTE-03 a room with a room-space is refused at the handshake to who cannot show its secret", async () => {
  const answer = await RawWebSocket.tryOpen(gateway.url, "/ws/shop::orders");
  expect(answer).toMatchObject({ status: 403 });
});

test("RTE-02 HUB-05 HUB-08 WS-HUB's clients come to exactly /ws and hear their groups, by every door", async () => {
  const listener = backend.duplicate();
  await listener.connect();
  const announced = Promise.withResolvers<string>();
  await listener.subscribe("ws-hub:client-new", announced.resolve);
  using client = await RawWebSocket.open(gateway.url, "/ws?session_key=k1");
  expect(await announced.promise).toBe("k1");
  await listener.close();
  await backend.publish("ws-hub:groups-new:k1", "staff");
  await backend.publish("ws-hub:group-data:staff", "hello");
  expect(await client.waitForMessage()).toBe("hello");
  await emit("ws-hub::staff", 1);
  expect(await client.waitForMessage()).toBe('{"event":"update","data":1}');
});
