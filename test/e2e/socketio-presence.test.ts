// Presence for Socket.IO pages (docs/presence.md): the official clients ask who is in a room, and are told who comes and goes, on two
// gateways of one Redis and in memory.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { startGateway } from "../support/gateway.ts";
import type { GatewayConfig, TestGateway } from "../support/gateway.ts";
import { OfficialClient } from "../support/generations.ts";
import type { Generation, TransportChoice } from "../support/generations.ts";
import { startRedis } from "../support/redis.ts";
import type { RedisServer } from "../support/redis.ts";
import { auth, signToken } from "../support/tokens.ts";

// For a machine that does much else besides.
setDefaultTimeout(60_000);

const secret = "publish-secret-of-presence";
const rooms = [
  { match: "lobby*", presence: true },
  { match: "quiet", presence: false },
];

let redis: RedisServer;
let near: TestGateway;
let far: TestGateway;
let alone: TestGateway;

beforeAll(async () => {
  redis = await startRedis();
  const onRedis: GatewayConfig = { redis: redis.url, rooms, auth, secret };
  [near, far] = await Promise.all([startGateway(onRedis), startGateway(onRedis)]);
  alone = await startGateway({ rooms, auth, socketio: { presenceEvent: "who", recovery: true } });
});

afterAll(async () => {
  for (const gateway of [near, far, alone]) await gateway[Symbol.asyncDispose]();
  await redis.stop();
});

interface PageOptions {
  readonly generation?: Generation;
  readonly transport?: TransportChoice;
  readonly user?: string;
  readonly info?: unknown;
  readonly name?: string;
}

async function page({ url }: TestGateway, options: PageOptions = {}): Promise<OfficialClient> {
  const { generation = "4.8", transport = "websocket", user, info, name = "presence" } = options;
  const events = [name, `${name}:joined`, `${name}:left`];
  const client = await OfficialClient.connect({ generation, transport, url, events });
  if (user === undefined) return client;
  const token = await signToken({ sub: user, ...(info !== undefined && { info }) });
  expect(await client.ask("token", token)).toMatchObject([{ ok: true }]);
  return client;
}

const combinations: readonly (readonly [Generation, TransportChoice])[] = (
  ["4.8", "3.0", "2.5"] as const
).flatMap((generation) =>
  (["polling", "websocket"] as const).map((transport) => [generation, transport] as const),
);

// Each of them waits for the grace of a page that left.
test.concurrent.each(combinations)(
  "socket.io-client %s over %s: a page that asks gets the state, and then who comes and goes on any gateway",
  async (generation, transport) => {
    const room = `lobby ${generation} ${transport} ü`;
    using ada = await page(near, { generation, transport, user: "ada" });
    await ada.ask("join", { room });
    const [state] = await ada.ask("presence", { room });
    const numbers = { room, total: 1, anonymous: 0 };
    expect(state).toMatchObject({ ok: true, ...numbers, users: [{ user: "ada" }] });
    const { epoch, version } = state as { readonly epoch: string; readonly version: number };
    const bob = await page(far, { generation, transport, user: "bob ☃", info: { name: "Böb" } });
    await bob.ask("join", { room });
    const users = [{ user: "bob ☃", info: { name: "Böb" } }];
    const first = { room, epoch, from: version, version: version + 1, total: 2, users };
    expect(await ada.next("presence:joined")).toEqual([first]);
    bob.socket.disconnect();
    const second = {
      ...first,
      from: version + 1,
      version: version + 2,
      total: 1,
      users: [{ user: "bob ☃" }],
    };
    expect(await ada.next("presence:left", 10_000)).toEqual([second]);
  },
);

test("T16 only members are told, and no more once they have left", async () => {
  using outside = await page(near, { user: "eve" });
  expect(await outside.ask("presence", { room: "lobby" })).toEqual([{ ok: false, reason: "room" }]);
  await outside.ask("join", { room: "lobby" });
  expect(await outside.ask("presence", { room: "lobby" })).toMatchObject([{ ok: true, total: 1 }]);
  await outside.ask("leave", { room: "lobby" });
  using inside = await page(near, { user: "ada" });
  await inside.ask("join", { room: "lobby" });
  expect(await inside.ask("presence", { room: "lobby" })).toMatchObject([{ ok: true }]);
  using third = await page(near, { user: "cid" });
  await third.ask("join", { room: "lobby" });
  const [told] = await inside.next("presence:joined");
  expect(told).toMatchObject({ users: [{ user: "cid" }] });
  expect(await outside.ask("presence", { room: "lobby" })).toEqual([{ ok: false, reason: "room" }]);
  const more = outside.next("presence:joined", 300).then(
    () => "told",
    (error: Error) => error.message,
  );
  expect(await more).toEndWith("got nothing");
});

test("each of several questions at once is answered", async () => {
  using ada = await page(near, { user: "ada" });
  await ada.ask("join", { room: "lobby of many" });
  const answers = await Promise.all(
    [1, 2, 3].map(async () => ada.ask("presence", { room: "lobby of many" })),
  );
  for (const [answer] of answers) expect(answer).toMatchObject({ ok: true, total: 1 });
});

test("SIO-08 in a room without presence, and in other words, it is an event like any other: not answered", async () => {
  using ada = await page(near);
  await ada.ask("join", { room: "quiet" });
  let answers = 0;
  for (const args of [[{ room: "quiet" }], [{ room: 1 }], ["lobby"], [{ room: "lobby" }, 1], []])
    ada.socket.emit("presence", ...args, () => answers++);
  // Answers come in the order of the questions.
  await ada.ask("join", { room: "quiet" });
  expect(answers).toBe(0);
});

test("in memory, under another name, and no event of it moves the offset of a client that may come back", async () => {
  using ada = await page(alone, { user: "ada", name: "who" });
  await ada.ask("join", { room: "lobby" });
  expect(await ada.ask("who", { room: "lobby" })).toMatchObject([{ ok: true, users: [{ user: "ada" }] }]);
  using bob = await page(alone, { user: "bob", name: "who" });
  await bob.ask("join", { room: "lobby" });
  const told = await ada.next("who:joined");
  expect(told).toMatchObject([{ users: [{ user: "bob" }] }]);
  expect(told).toHaveLength(1);
});

test("T28 a user who is put out has left, is told nothing more, and is not there again", async () => {
  const room = "lobby of rights";
  using ada = await page(near, { user: "ada" });
  using bob = await page(far, { user: "bob" });
  for (const client of [ada, bob]) {
    await client.ask("join", { room });
    await client.ask("presence", { room });
  }
  expect(await ada.next("presence:joined")).toMatchObject([{ users: [{ user: "bob" }] }]);
  const headers = { authorization: `Bearer ${secret}` };
  const body = JSON.stringify({ user: "bob" });
  const revoked = await fetch(`${near.url}/api/revoke`, { method: "POST", headers, body });
  expect(await revoked.json()).toMatchObject({ ended: 1 });
  await bob.next("disconnect");
  expect(await ada.next("presence:left", 10_000)).toMatchObject([{ total: 1, users: [{ user: "bob" }] }]);
  const listed = await fetch(`${far.url}/api/rooms/${encodeURIComponent(room)}/presence`, { headers });
  expect(await listed.json()).toMatchObject({ total: 1, users: [{ user: "ada" }] });
  using again = await OfficialClient.connect({ generation: "4.8", transport: "websocket", url: far.url });
  expect(
    await again.ask("token", await signToken({ sub: "bob", iat: Math.floor(Date.now() / 1_000) - 60 })),
  ).toMatchObject([{ ok: false }]);
  using cid = await page(near, { user: "cid" });
  await cid.ask("join", { room });
  expect(await ada.next("presence:joined")).toMatchObject([{ users: [{ user: "cid" }] }]);
  const more = bob.next("presence:joined", 300).then(
    () => "told",
    (error: Error) => error.message,
  );
  expect(await more).toEndWith("got nothing");
});
