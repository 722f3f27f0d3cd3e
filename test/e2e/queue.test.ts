// The stream `belfry:publish`: what backends leave there is published once, in its order, by one gateway after the other; what
// cannot be published is set aside, and nothing is lost while gateways or Redis are away.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { startGateway } from "../support/gateway.ts";
import { RawWebSocket } from "../support/raw.ts";
import { ReturningClient } from "../support/returning-client.ts";
import { connectRedis, startRedis } from "../support/redis.ts";
import type { RedisClient, RedisServer } from "../support/redis.ts";
import { ServedGateway } from "../support/serve.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(60_000);

const stream = "belfry:publish";
const rooms = [{ match: "log:*", history: { size: 10_000, seconds: 60 } }];

let folder: string;
let redis: RedisServer;
/** A backend's connection. */
let backend: RedisClient;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "belfry-queue-"));
  redis = await startRedis({ users: ["noread on >p ~* &* +@all -xrange"] });
  await writeFile(join(folder, "belfry.json"), JSON.stringify({ redis: redis.url, rooms }));
  backend = await connectRedis(redis.url);
});

afterAll(async () => {
  backend.destroy();
  await redis.stop();
  await rm(folder, { recursive: true });
});

async function serve(): Promise<ServedGateway> {
  return ServedGateway.start({ args: ["--config", join(folder, "belfry.json")] });
}

/** All at once, in this order. */
async function add(entries: readonly Readonly<Record<string, string>>[]): Promise<readonly string[]> {
  return Promise.all(entries.map(async (fields) => backend.xAdd(stream, "*", fields)));
}

const numbered = (room: string, from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => ({ room, data: String(from + index) }));

/** What a page in these rooms heard, in the order in which it came. */
class Page implements Disposable {
  readonly heard: Record<string, unknown>[] = [];
  /** The types of what is no publication. */
  readonly told: unknown[] = [];
  readonly #socket: RawWebSocket;

  private constructor(socket: RawWebSocket) {
    this.#socket = socket;
    void this.#listen();
  }

  static async open(url: string, ...names: readonly string[]): Promise<Page> {
    const socket = await RawWebSocket.open(url, `/connect?${names.map((name) => `room=${name}`).join("&")}`);
    for (const _ of names) await socket.waitForMessage();
    return new Page(socket);
  }

  /** The data that came in a room. */
  in(room: string): readonly unknown[] {
    return this.heard.filter((message) => message["room"] === room).map((message) => message["data"]);
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }

  async #listen(): Promise<void> {
    for (;;) {
      const text = await this.#socket.waitForMessage(60_000).catch(() => undefined);
      if (text === undefined) return;
      const message = JSON.parse(String(text)) as Record<string, unknown>;
      if (message["type"] === undefined) this.heard.push(message);
      else this.told.push(message["type"]);
    }
  }
}

async function refusedEntries(): Promise<readonly Record<string, string>[]> {
  return ((await backend.xRange(`${stream}:refused`, "-", "+")) ?? []).map(({ message }) => message);
}

/** Lines of the log with this event. */
function linesOf(log: string, event: string): readonly Record<string, unknown>[] {
  return log
    .split("\n")
    .filter((line) => line.includes(`"event":"${event}"`))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

const isEmpty = async (): Promise<boolean> => (await backend.xLen(stream)) === 0;

test("2,000 entries over two gateways: each page hears each once, in the order of the stream", async () => {
  await using one = await serve();
  await using other = await serve();
  using near = await Page.open(one.url, "plain", "log:a");
  using far = await Page.open(other.url, "plain", "log:a");
  const all = Array.from({ length: 1_000 }, (_, index) => [
    { room: "plain", data: String(index) },
    { room: "log:a", data: String(index) },
  ]).flat();
  await add(all);
  await until(() => near.heard.length >= 2_000 && far.heard.length >= 2_000, 30_000);
  await until(isEmpty);
  const expected = Array.from({ length: 1_000 }, (_, index) => index);
  for (const page of [near, far]) {
    expect(page.heard.length).toBe(2_000);
    expect(page.in("plain")).toEqual(expected);
    expect(page.in("log:a")).toEqual(expected);
  }
  expect(near.heard.map(({ data }) => data)).toEqual(all.map(({ data }) => Number(data)));
});

test("a queue gets on where each answer of Redis takes long", async () => {
  await using proxy = await TcpProxy.start(redis.port);
  await using gateway = await startGateway({ redis: `redis://127.0.0.1:${proxy.port}`, rooms });
  using page = await Page.open(gateway.url, "late");
  proxy.delay(150, /./);
  const started = performance.now();
  await add(numbered("late", 0, 1_000));
  await until(() => page.heard.length >= 1_000, 20_000);
  // Two turns or three; ten of them take 4.5 s of answers alone.
  expect(performance.now() - started).toBeLessThan(3_500);
});

test("F9 the gateway that reads is killed: another goes on, nothing is lost, repeated or out of order", async () => {
  await using listening = await startGateway({ redis: redis.url, rooms, native: { queue: false } });
  using page = await Page.open(listening.url, "killed", "log:killed");
  const entries = Array.from({ length: 2 * 2_000 }, (_, index) => ({
    room: index % 2 === 0 ? "killed" : "log:killed",
    data: String(index),
  }));
  for (let round = 0; round < 2; round++) {
    await using reading = await serve();
    await add(entries.slice(round * 2_000, (round + 1) * 2_000 - 1_000));
    const adding = add(entries.slice((round + 1) * 2_000 - 1_000, (round + 1) * 2_000));
    await until(() => page.heard.length > round * 2_000 + 300, 20_000);
    reading.process.kill("SIGKILL");
    await adding;
  }
  // It was in the midst of it.
  expect(await isEmpty()).toBe(false);
  await using last = await serve();
  await until(isEmpty, 20_000);
  await until(
    () => page.heard.length >= entries.length,
    20_000,
    () => `got ${page.heard.length}`,
  );
  expect(last.process.output).not.toContain("queue_refused");
  expect(page.heard.map(({ data }) => data)).toEqual(entries.map(({ data }) => Number(data)));
});

test("the gateway that reads stands still: another goes on, and what the first one still holds is not said again", async () => {
  await using listening = await startGateway({ redis: redis.url, rooms, native: { queue: false } });
  using page = await Page.open(listening.url, "still", "log:still");
  await using reading = await serve();
  const entries = Array.from({ length: 3_000 }, (_, index) => ({
    room: index % 2 === 0 ? "still" : "log:still",
    data: String(index),
  }));
  const adding = add(entries.slice(0, 2_000));
  await until(() => page.heard.length > 100, 20_000);
  reading.process.kill("SIGSTOP");
  await adding;
  expect(await isEmpty()).toBe(false);
  await using other = await serve();
  await until(isEmpty, 20_000);
  reading.process.kill("SIGCONT");
  await add(entries.slice(2_000));
  await until(
    () => page.heard.length >= entries.length,
    20_000,
    () => `got ${page.heard.length}`,
  );
  await until(isEmpty);
  expect(page.heard.map(({ data }) => data)).toEqual(entries.map(({ data }) => Number(data)));
  expect(other.process.output).not.toContain("queue_refused");
});

test("a gateway that is drained in the midst finishes what it took, and the next one goes on in order", async () => {
  await using listening = await startGateway({ redis: redis.url, rooms, native: { queue: false } });
  using page = await Page.open(listening.url, "midst");
  await using one = await startGateway({ redis: redis.url, rooms });
  const adding = add(numbered("midst", 0, 3_000));
  await until(() => page.heard.length > 100);
  await one.gateway.stop(0);
  await adding;
  expect(await isEmpty()).toBe(false);
  await using other = await startGateway({ redis: redis.url, rooms });
  await until(
    () => page.heard.length >= 3_000,
    10_000,
    () => `got ${page.heard.length}`,
  );
  expect(page.in("midst")).toEqual(Array.from({ length: 3_000 }, (_, index) => index));
  expect(other.gateway.readiness().isReady).toBe(true);
});

test("a gateway that stops lets the next one read at once", async () => {
  await using one = await startGateway({ redis: redis.url, rooms });
  await add(numbered("drained", 0, 1));
  await until(isEmpty);
  expect(await redis.command("EXISTS", `${stream}:reader`)).toBe(1);
  await using other = await startGateway({ redis: redis.url, rooms });
  using page = await Page.open(other.url, "drained");
  await one.gateway.stop(0);
  expect(await redis.command("EXISTS", `${stream}:reader`)).toBe(0);
  await add(numbered("drained", 1, 2));
  await until(() => page.in("drained").length === 1, 2_000);
});

test("what cannot be published is set aside with its reason, and the rest goes on", async () => {
  await using gateway = await startGateway({ redis: redis.url, rooms, limits: { httpBodyBytes: 2_000 } });
  using page = await Page.open(gateway.url, "sound", "log:sound");
  await add([
    { room: "sound", data: "1" },
    { data: "secret payload" },
    { room: "", data: "secret payload" },
    { room: "sound", data: "secret payload", rooms: "x" },
    { room: "sound", data: "x".repeat(2_000) },
    { room: "sound", data: "secret payload", key: "k" },
    { room: "log:sound", data: "2", version: "5" },
    { room: "log:sound", data: "secret payload", version: "5" },
    { room: "log:sound", data: "3", key: "same" },
    { room: "log:sound", data: "4", key: "same" },
    { room: "sound", event: "update", data: '{"n":12345678901234567890}' },
  ]);
  await until(() => page.heard.length >= 4);
  await until(isEmpty);
  expect(
    page.heard.map(({ room, event, data }) => [room, event, typeof data === "object" ? "object" : data]),
  ).toEqual([
    ["sound", undefined, 1],
    ["log:sound", undefined, 2],
    ["log:sound", undefined, 3],
    ["sound", "update", "object"],
  ]);
  const refused = await refusedEntries();
  expect(refused.map(({ reason, text = "" }) => [reason, text.startsWith("Expected ")])).toEqual(
    [
      "room_missing",
      "room_name_invalid",
      "field_unknown",
      "too_large",
      "history_off",
      "version_outdated",
    ].map((reason) => [reason, true]),
  );
  expect(refused[0]).toMatchObject({ data: "secret payload" });
  expect(await gateway.metric("belfry_skipped_total", 'dialect="native",reason="history_off"')).toBe(1);
  expect(await gateway.metric("belfry_messages_received_total", 'dialect="native"')).toBe(5);
  expect(gateway.log).toContain('"reason":"room_missing"');
  expect(gateway.log).not.toContain("secret payload");
});

test("F3 while the bus is away entries stay, none is refused, and each is heard once it is back", async () => {
  await using proxy = await TcpProxy.start(redis.port);
  await using gateway = await startGateway({
    redis: redis.url.replace(`:${redis.port}`, `:${proxy.port}`),
    rooms,
  });
  using page = await Page.open(gateway.url, "away", "log:away");
  const before = (await refusedEntries()).length;
  await add(numbered("away", 0, 1));
  await until(() => page.in("away").length === 1);
  proxy.cut();
  await until(() => !gateway.gateway.readiness().isReady);
  await add([...numbered("away", 1, 300), ...numbered("log:away", 0, 300)]);
  proxy.heal();
  await until(() => page.in("log:away").length >= 300, 30_000);
  expect(page.in("away")).toEqual(Array.from({ length: 300 }, (_, index) => index));
  expect(page.in("log:away")).toEqual(Array.from({ length: 300 }, (_, index) => index));
  // Cut in the midst: what Redis had carried out is not said again.
  const adding = add(numbered("away", 300, 3_000));
  await until(() => page.in("away").length > 400);
  proxy.cut();
  await adding;
  proxy.heal();
  await until(isEmpty, 30_000);
  const heard = page.in("away");
  expect(new Set(heard).size).toBe(heard.length);
  expect((await refusedEntries()).length).toBe(before);
});

test.each([1, 2])(
  "F3 the backlog of an outage is said while pages that the gap closed are not back: what they miss of it they are told, with %i gateways",
  async (gateways) => {
    await using proxy = await TcpProxy.start(redis.port);
    const config = { rooms, secret: "s3cret", socketio: { recovery: true } };
    await using cut = await startGateway({
      ...config,
      redis: redis.url.replace(`:${redis.port}`, `:${proxy.port}`),
    });
    await using _other = gateways === 2 ? await startGateway({ ...config, redis: redis.url }) : undefined;
    const room = `backlog${gateways}`;
    using native = await Page.open(cut.url, room, `log:${room}`);
    await using page = await ReturningClient.open({
      version: "4.8",
      transport: "websocket",
      port: Number(new URL(cut.url).port),
      events: ["update"],
    });
    const entry = (data: number) => ({ room, event: "update", data: String(data) });
    await page.ask("join", { room });
    await add([entry(0)]);
    await page.waitFor(2);
    proxy.cut();
    await until(() => !cut.gateway.readiness().isReady);
    await add([
      ...Array.from({ length: 300 }, (_, index) => entry(index + 1)),
      ...numbered(`log:${room}`, 0, 300),
    ]);
    proxy.heal();
    await until(() => page.ids.length === 2, 30_000);
    await until(isEmpty, 30_000);
    await until(() => native.in(`log:${room}`).length >= 300, 20_000);
    // A room with a log has all of it, each once and in order.
    const all = Array.from({ length: 300 }, (_, index) => index);
    expect(native.in(`log:${room}`)).toEqual(all);
    const [isRecovered] = page.lines
      .filter(([kind]) => kind === "connect")
      .slice(1)
      .map(([, recovered]) => recovered);
    if (isRecovered !== true) await page.ask("join", { room });
    await add([entry(301)]);
    await until(() => page.lines.some(([, data]) => data === 301), 20_000);
    const heard = page.lines.filter(([kind]) => kind === "update").map(([, data]) => Number(data));
    console.log(`${gateways} gateways: recovered ${String(isRecovered)}, ${heard.length} of 302 entries`);
    expect(heard).toEqual([...new Set(heard)].toSorted((one, last) => one - last));
    // It has all of them, or was told that it may not: it came back as a new page, which loads its state anew.
    if (isRecovered === true) expect(heard).toEqual(Array.from({ length: 302 }, (_, index) => index));
    // A page in a room without a log is told in the same way, on the connection that it has.
    await until(() => native.in(room).includes(301), 20_000);
    const nativeHeard = native.in(room).map(Number);
    expect(nativeHeard).toEqual([...new Set(nativeHeard)].toSorted((one, last) => one - last));
    if (nativeHeard.length < 302) expect(native.told).toContain("gap");
  },
);

test("F8 a Redis without memory: entries for logs stay, the others are heard, and the rest once there is memory again", async () => {
  await using full = await startRedis();
  await using listening = await startGateway({ redis: full.url, rooms, native: { queue: false } });
  using page = await Page.open(listening.url, "full", "log:full");
  for (const room of ["full", "log:full", "full", "log:full"])
    await full.command("XADD", stream, "*", "room", room, "data", String(page.heard.length));
  await full.command("CONFIG", "SET", "maxmemory", "1");
  await using gateway = await startGateway({ redis: full.url, rooms });
  await until(() => page.in("full").length === 2);
  await until(async () => (await full.command("XLEN", stream)) === 2);
  expect(page.in("log:full")).toEqual([]);
  // It is said in the log, by health and in the metrics, and is no reason to send clients elsewhere.
  const text = `${stream} waits: Expected a Redis at 127.0.0.1:${full.port}, got a server that has no memory left (OOM)`;
  await until(() => gateway.gateway.readiness().warnings !== undefined);
  const health = await fetch(`${gateway.url}/-/health/ready`);
  expect(await health.json()).toEqual({ ready: true, reasons: [], warnings: [text] });
  expect(health.status).toBe(200);
  expect(await gateway.metric("belfry_queues_held")).toBe(1);
  expect(linesOf(gateway.log, "queue_refused").map((line) => line["text"])).toEqual([text]);
  await full.command("CONFIG", "SET", "maxmemory", "0");
  await until(() => page.in("log:full").length === 2, 10_000);
  await until(async () => (await full.command("XLEN", stream)) === 0);
  expect(await full.command("EXISTS", `${stream}:refused`)).toBe(0);
  await until(() => gateway.gateway.readiness().warnings === undefined);
  expect(linesOf(gateway.log, "queue_back").length).toBe(1);
});

test("F8 without memory nothing can be set aside: such an entry stays, and stops no other", async () => {
  await using full = await startRedis();
  await full.command("XADD", stream, "*", "data", "no room");
  for (let count = 0; count < 3; count++)
    await full.command("XADD", stream, "*", "room", "open", "data", String(count));
  await full.command("CONFIG", "SET", "maxmemory", "1");
  await using gateway = await startGateway({ redis: full.url, rooms });
  await until(async () => (await full.command("XLEN", stream)) === 1);
  await until(() => gateway.gateway.readiness().warnings !== undefined);
  expect(await full.command("EXISTS", `${stream}:refused`)).toBe(0);
  await full.command("CONFIG", "SET", "maxmemory", "0");
  await until(async () => (await full.command("XLEN", stream)) === 0, 10_000);
  expect(await full.command("XLEN", `${stream}:refused`)).toBe(1);
  expect(await gateway.metric("belfry_skipped_total", 'dialect="native",reason="room_missing"')).toBe(1);
});

test("F8 a Redis that became a read-only replica: the queue waits, says so, and goes on", async () => {
  await using other = await startRedis();
  await using changing = await startRedis();
  await using gateway = await startGateway({ redis: changing.url, rooms });
  using page = await Page.open(gateway.url, "log:replica");
  await changing.command("XADD", stream, "*", "room", "log:replica", "data", "1");
  await until(() => page.heard.length === 1);
  await other.command("XADD", stream, "*", "room", "log:replica", "data", "2");
  await changing.command("REPLICAOF", "127.0.0.1", String(other.port));
  await until(() => linesOf(gateway.log, "queue_refused").length > 0, 20_000);
  expect(linesOf(gateway.log, "queue_refused")[0]?.["text"]).toBe(
    `${stream} waits: Expected a Redis at 127.0.0.1:${changing.port}, got a read-only replica (READONLY)`,
  );
  await changing.command("REPLICAOF", "NO", "ONE");
  await until(() => page.in("log:replica").includes(2), 20_000);
  await until(() => linesOf(gateway.log, "queue_back").length === 1);
});

test("a room whose log another program overwrote: its entries are set aside at once, and the others go on", async () => {
  await using own = await startRedis();
  await using gateway = await startGateway({ redis: own.url, rooms, secret: "s3cret" });
  using page = await Page.open(gateway.url, "log:broken", "log:sound");
  await own.command("XADD", stream, "*", "room", "log:broken", "data", "0");
  await until(() => page.heard.length === 1);
  for (const meta of (await own.command("KEYS", "belfry-log:*:meta")) as string[])
    if ((await own.command("HGET", meta, "room")) === "log:broken") await own.command("SET", meta, "text");
  const since = performance.now();
  for (let count = 0; count < 150; count++)
    await own.command("XADD", stream, "*", "room", "log:broken", "data", String(count));
  await own.command("XADD", stream, "*", "room", "log:sound", "data", "1");
  await until(() => page.in("log:sound").length === 1);
  expect(performance.now() - since).toBeLessThan(3_000);
  await until(async () => (await own.command("XLEN", stream)) === 0);
  expect(await gateway.metric("belfry_skipped_total", 'dialect="native",reason="log_unusable"')).toBe(150);
  const [entry] = (await own.command("XRANGE", `${stream}:refused`, "-", "+", "COUNT", "1")) as [
    [string, string[]],
  ];
  expect(entry[1].slice(0, 4)).toEqual([
    "reason",
    "log_unusable",
    "text",
    "Expected the log of the room in Redis as Belfry wrote it, got keys that another program wrote",
  ]);
  expect(gateway.gateway.readiness()).toEqual({ isReady: true, reasons: [] });
  const answer = await fetch(`${gateway.url}/api/publish`, {
    method: "POST",
    headers: { authorization: "Bearer s3cret" },
    body: JSON.stringify({ room: "log:broken", data: 1 }),
  });
  expect(answer.status).toBe(500);
  expect(await answer.json()).toMatchObject({ error: { code: "log_unusable", retry: false } });
});

test("an entry that other gateways would drop, because it grows on its way, is set aside", async () => {
  await using gateway = await startGateway({
    redis: redis.url,
    rooms,
    limits: { httpBodyBytes: 2_000, busMessageBytes: 2_200 },
  });
  using page = await Page.open(gateway.url, "grows", "log:grows");
  await add([
    { room: "grows", data: "x".repeat(1_900) },
    { room: "log:grows", data: "x".repeat(1_900) },
    { room: "grows", data: "x".repeat(1_000) },
    { room: "log:grows", data: "x".repeat(1_000) },
  ]);
  await until(() => page.heard.length === 2);
  await until(isEmpty);
  expect(await gateway.metric("belfry_skipped_total", 'dialect="native",reason="too_large"')).toBe(2);
  expect(await gateway.metric("belfry_skipped_total", 'dialect="bus",reason="too_large"')).toBe(0);
});

test("a user who may not read it: one sentence, and a gateway that is ready all the same", async () => {
  await using gateway = await startGateway({ redis: redis.urlFor("noread", "p") });
  await add(numbered("denied", 0, 1));
  await until(() => gateway.log.includes('"event":"queue_refused"'));
  const text = linesOf(gateway.log, "queue_refused")[0]?.["text"];
  expect(text).toContain("that needs Redis 6.2 or later, and the permission");
  expect(gateway.gateway.readiness()).toEqual({ isReady: true, reasons: [], warnings: [String(text)] });
  expect(await isEmpty()).toBe(false);
  await using other = await startGateway({ redis: redis.url });
  expect(other.log).not.toContain("queue_refused");
  await until(isEmpty);
});

test("with `native.queue` off, the stream is let be", async () => {
  await using gateway = await startGateway({ redis: redis.url, native: { queue: false } });
  using page = await Page.open(gateway.url, "off");
  await add(numbered("off", 0, 1));
  await redis.command("PUBLISH", "belfry:off", "live");
  await until(() => page.heard.length === 1);
  expect(await backend.xLen(stream)).toBe(1);
  await backend.del(stream);
});
