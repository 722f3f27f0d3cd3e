// Rooms with a log through whole gateways: what POST /api/publish stores is delivered with its position by every gateway,
// clients come back to any of them, and a storm of clients costs two reads.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { readPosition } from "../../src/brokers/log-store.ts";
import type { Answer } from "../../src/recovery/recovery.ts";
import { apiPublish } from "../support/emit.ts";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway } from "../support/gateway.ts";
import { ProbeClient, probeTable } from "../support/probe.ts";
import { startRedis } from "../support/redis.ts";
import type { RedisServer } from "../support/redis.ts";
import { until } from "../support/until.ts";

const secret = "publish-secret-of-this-test";

interface Speaking {
  readonly gateway: TestGateway;
  client(): ProbeClient;
}

let redis: RedisServer;
let one: Speaking;
let other: Speaking;

beforeAll(async () => {
  redis = await startRedis();
  [one, other] = await Promise.all([start(), start()]);
});

afterAll(async () => {
  await one.gateway[Symbol.asyncDispose]();
  await other.gateway[Symbol.asyncDispose]();
  await redis.stop();
});

async function start(): Promise<Speaking> {
  const { table, context } = probeTable();
  const listeners = [{ address: "127.0.0.1:0", dialects: ["native", "socketio", "probe"] }];
  const rooms = [{ match: "log:*", history: { size: 1_000, seconds: 60 } }];
  const gateway = await startGateway({ redis: redis.url, secret, rooms, listeners } as never, table);
  return { gateway, client: () => new ProbeClient(context()) };
}

/** @returns its position */
async function publish({ gateway }: Speaking, room: string, event: string, key?: string): Promise<string> {
  const { stored = "" } = await apiPublish(gateway.url, secret, { room, event, data: null, key });
  return stored;
}

function missedBy(answer: Answer | undefined): readonly (readonly [string, string])[] {
  if (answer?.verdict?.recovered !== true) throw new Error(`Expected it back, got ${JSON.stringify(answer)}`);
  return answer.verdict.missed.map(({ publication, at }) => [publication.event, at] as const);
}

test("I1 a publication is stored, delivered with its position by every gateway, and given back by any", async () => {
  const room = "log:a";
  const [here, there] = [one.client(), other.client()];
  const [first] = await here.join({ [room]: undefined });
  expect(readPosition(first?.at ?? "")?.offset).toBe(0);
  await there.join({ [room]: undefined });
  const at = [await publish(one, room, "1"), await publish(other, room, "2")];
  await until(() => here.heard.length === 2 && there.heard.length === 2);
  expect(here.heard).toEqual([
    [room, "1", at[0] ?? ""],
    [room, "2", at[1] ?? ""],
  ]);
  expect(there.heard).toEqual(here.heard);

  here.leave();
  at.push(await publish(one, room, "3"), await publish(other, room, "4"));
  const back = other.client();
  const [answer] = await back.join({ [room]: at[1] });
  expect(missedBy(answer)).toEqual([
    ["3", at[2] ?? ""],
    ["4", at[3] ?? ""],
  ]);
  expect(answer?.at).toBe(at[3]);
  at.push(await publish(one, room, "5"));
  await until(() => back.heard.length > 0);
  expect(back.heard).toEqual([[room, "5", at[4] ?? ""]]);
});

test("F14 I8 the same key by two gateways is stored once, and sent once", async () => {
  const room = "log:key";
  const client = one.client();
  await client.join({ [room]: undefined });
  const [a, b] = await Promise.all([publish(one, room, "once", "k"), publish(other, room, "once", "k")]);
  expect(a).toBe(b);
  const last = await publish(one, room, "last");
  await until(() => client.heard.length === 2);
  expect(client.heard.map(([, event, at]) => [event, at])).toEqual([
    ["once", a],
    ["last", last],
  ]);
});

test("rooms with a log and rooms without one come back together, each by its own positions", async () => {
  const [first, second] = [one.client(), other.client()];
  const places = await first.join({ "log:b": undefined, tape: undefined });
  const [ofLog = "", ofTape = ""] = places.map(({ at }) => at ?? "");
  expect([ofLog.includes(":"), ofTape.includes(":"), ofTape === ""]).toEqual([true, false, false]);
  first.leave();
  for (const event of ["1", "2"]) {
    await publish(one, "log:b", event);
    await publish(other, "tape", event);
  }
  const [log, tape] = await second.join({ "log:b": ofLog, tape: ofTape });
  expect(missedBy(log).map(([event]) => event)).toEqual(["1", "2"]);
  expect(missedBy(tape).map(([event]) => event)).toEqual(["1", "2"]);
});

test("what a channel of Redis says in such a room is delivered without a position, and counted", async () => {
  const room = "log:raw";
  const client = one.client();
  await client.join({ [room]: undefined });
  const before = await one.gateway.metric("belfry_messages_unlogged_total");
  await redis.command("PUBLISH", `belfry:${room}`, "raw");
  const stored = await publish(one, room, "stored");
  await until(() => client.heard.length === 2);
  expect(client.heard).toEqual([
    [room, "message", null],
    [room, "stored", stored],
  ]);
  expect(await one.gateway.metric("belfry_messages_unlogged_total")).toBe(before + 1);
});

test("F16 R6 10,000 clients that missed 20 publications come back within 10 s, with two reads of the log", async () => {
  const room = "log:storm";
  const first = one.client();
  await first.join({ [room]: undefined });
  const at: string[] = [];
  for (let count = 0; count < 40; count++) at.push(await publish(one, room, String(count)));
  await until(() => first.heard.length === 40);
  const before = await readsOf(redis);
  const start = performance.now();
  const clients = Array.from({ length: 10_000 }, () => other.client());
  // Each stood somewhere in the first half.
  const answers = await Promise.all(
    clients.map(async (client, index) => client.join({ [room]: at[index % 20] })),
  );
  expect(performance.now() - start).toBeLessThan(10_000);
  for (const [index, [answer]] of answers.entries()) {
    const missed = missedBy(answer);
    const expected = at.slice((index % 20) + 1);
    if (missed.map(([, place]) => place).join() !== expected.join())
      expect(missed).toEqual(expected as never);
  }
  // The limit-0 read of the top, and that of the entries.
  expect((await readsOf(redis)) - before).toBeLessThanOrEqual(2);
  for (const client of clients) client.leave();
  first.leave();
});

/** Scripts that Redis ran. */
async function readsOf(server: RedisServer): Promise<number> {
  const info = String(await server.command("INFO", "commandstats"));
  return Number(/cmdstat_evalsha:calls=(\d+)/.exec(info)?.[1] ?? 0);
}
