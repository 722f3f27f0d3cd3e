// The queue on a real Redis: one gateway reads at a time, entries keep their order, what cannot be published is kept apart, and
// a Redis that refuses is another matter than one that is away.

import { expect, test } from "bun:test";
import { useBackplanes } from "../support/backplanes.ts";
import type { Queue, QueueBounds, QueueRefusal, Taken } from "../../src/brokers/queue.ts";
import { startRedis } from "../support/redis.ts";
import { createRoomRules } from "../../src/config/room-rules.ts";
import { publicationWith } from "../support/publication.ts";
import { until } from "../support/until.ts";

const name = "belfry:publish";
const bounds: QueueBounds = { entries: 100, bytes: 1_000, maxEntryBytes: 500, leaseMs: 60_000 };

const backplanes = useBackplanes({
  users: [
    "noscripts on >p ~* &* +@all -evalsha -eval",
    "noread on >p ~* &* +@all -xrange",
    "noremove on >p ~* &* +@all -xdel",
    "nokey on >p ~other* &* +@all",
  ],
  isEmptied: true,
});

async function queueOf(url = backplanes.server.url): Promise<Queue> {
  const { queue } = await backplanes.open(url);
  if (!queue) throw new Error("Expected a queue on Redis, got none");
  return queue;
}

async function add(...fields: readonly string[]): Promise<string> {
  return String(await backplanes.server.command("XADD", name, "*", ...fields));
}

async function entriesOf(stream: string): Promise<readonly [id: string, fields: readonly string[]][]> {
  return (await backplanes.server.command("XRANGE", stream, "-", "+")) as [string, string[]][];
}

async function keysOf(pattern: string): Promise<readonly string[]> {
  return (await backplanes.server.command("KEYS", pattern)) as string[];
}

async function taken(queue: Queue, more: Partial<QueueBounds> = {}): Promise<Taken> {
  const got = await queue.take(name, { ...bounds, ...more });
  if (got.kind === "refused") throw new Error(got.text);
  return got;
}

const ids = ({ entries }: Taken): readonly string[] => entries.map(({ id }) => id);

test("a Redis that has no such queue is left without any key", async () => {
  const queue = await queueOf();
  for (let look = 0; look < 3; look++)
    expect(await taken(queue)).toEqual({ kind: "taken", entries: [], waiting: 0 });
  expect(await backplanes.server.command("KEYS", "*")).toEqual([]);
});

test("entries come in their order, with their fields as bytes, until they are settled", async () => {
  const queue = await queueOf();
  const added = [
    await add("room", "a", "data", "1"),
    await add("room", "é", "data", ""),
    await add("x", "y"),
  ];
  const first = await taken(queue);
  expect(ids(first)).toEqual(added);
  expect(first.waiting).toBe(3);
  expect(first.entries.map(({ fields, bytes }) => [fields, bytes])).toEqual([
    [
      [
        ["room", Buffer.from("a")],
        ["data", Buffer.from("1")],
      ],
      10,
    ],
    [
      [
        ["room", Buffer.from("é")],
        ["data", Buffer.alloc(0)],
      ],
      10,
    ],
    [[["x", Buffer.from("y")]], 2],
  ]);
  expect(ids(await taken(queue))).toEqual(added);
  await queue.settle(name, [{ id: added[0] ?? "", refusal: undefined }]);
  expect(ids(await taken(queue))).toEqual(added.slice(1));
});

test("what is taken at once is bounded by count and bytes, and too large entries are not read", async () => {
  const queue = await queueOf();
  const added = [];
  for (let count = 0; count < 5; count++) added.push(await add("data", "x".repeat(396)));
  added.push(await add("data", "x".repeat(497)), await add("z", ""));
  expect(ids(await taken(queue))).toEqual(added.slice(0, 2));
  expect(ids(await taken(queue, { entries: 1 }))).toEqual(added.slice(0, 1));
  expect(ids(await taken(queue, { bytes: 1 }))).toEqual(added.slice(0, 1));
  const { entries } = await taken(queue, { bytes: 10_000 });
  expect(entries.map(({ fields, bytes }) => [fields !== undefined, bytes]).slice(5)).toEqual([
    [false, 501],
    [true, 1],
  ]);
});

test("one gateway reads at a time, the next one when it lets go, or when its lease has ended", async () => {
  const [one, other] = [await queueOf(), await queueOf()];
  const id = await add("room", "a", "data", "1");
  expect(ids(await taken(one))).toEqual([id]);
  expect(await taken(other)).toEqual({ kind: "taken", entries: [], waiting: 1 });
  await other.release(name);
  expect(ids(await taken(other))).toEqual([]);
  await one.release(name);
  expect(ids(await taken(other, { leaseMs: 100 }))).toEqual([id]);
  expect(ids(await taken(one))).toEqual([]);
  await until(async () => ids(await taken(one)).length === 1);
});

test("a lease that never ends, which no gateway wrote, keeps no gateway from reading", async () => {
  const id = await add("room", "a", "data", "1");
  await backplanes.server.command("SET", `${name}:reader`, "by hand");
  expect(ids(await taken(await queueOf()))).toEqual([id]);
  expect(ids(await taken(await queueOf()))).toEqual([]);
});

test("ids that a backend chose are taken, the lowest and the highest, too", async () => {
  const queue = await queueOf();
  const chosen = ["0-1", "0-2", "18446744073709551615-18446744073709551615"];
  for (const id of chosen) await backplanes.server.command("XADD", name, id, "room", "a");
  expect(ids(await taken(queue))).toEqual(chosen);
  expect(ids(await taken(queue))).toEqual(chosen);
});

test("I3 an entry for a room with a log is removed in the step in which it is stored, and is another one under the same id later", async () => {
  const rules = createRoomRules([{ match: "log", history: { size: 10, seconds: 60 } }]);
  const { broker } = await backplanes.open(backplanes.server.url, { rules });
  const publish = async (event: string, key?: string) =>
    broker.publish(publicationWith({ rooms: ["log"], event }), { key, entry: { queue: name, id: "5-5" } });
  await broker.publish(publicationWith({ rooms: ["log"], event: "other" }), { key: "xadd:5-5" });
  for (const event of ["first", "second"]) {
    await backplanes.server.command("DEL", name);
    await backplanes.server.command("XADD", name, "5-5", "room", "log");
    expect(await publish(event)).toMatchObject({ stored: expect.any(String) });
    expect(await entriesOf(name)).toEqual([]);
    // As by a gateway that stood still in between: however much later, no key is needed to know it.
    for (const key of await keysOf("belfry-log:*:key:*")) await backplanes.server.command("DEL", key);
    expect(await publish(event)).toEqual({ delivered: 0, isRepeated: true });
  }
  await backplanes.server.command("DEL", name);
  await backplanes.server.command("XADD", name, "5-5", "room", "log");
  await publish("third", "own");
  const page = await broker.history({ namespace: "/", room: "log" }, { limit: 10 });
  const events =
    typeof page === "string" ? page : page.publications.map(({ publication }) => publication.event);
  expect(events).toEqual(["third", "second", "first", "other"]);
});

test("refused entries are kept apart with reason, sentence and fields, about a thousand of them", async () => {
  const queue = await queueOf();
  const refusal = { kind: "refused", reason: "room_missing", text: "Expected the field `room`" } as const;
  const [small, large] = [await add("data", "1"), await add("data", "x".repeat(70_000))];
  await queue.settle(name, [
    { id: small, refusal },
    { id: large, refusal },
    { id: "1-1", refusal },
  ]);
  expect(await entriesOf(name)).toEqual([]);
  const head = (id: string) => ["reason", "room_missing", "text", "Expected the field `room`", "entry", id];
  expect((await entriesOf(`${name}:refused`)).map(([, fields]) => fields)).toEqual([
    [...head(small), "data", "1"],
    head(large),
  ]);
  for (let round = 0; round < 30; round++) {
    const many = await Promise.all(Array.from({ length: 100 }, async () => add("data", "1")));
    await queue.settle(
      name,
      many.map((id) => ({ id, refusal })),
    );
  }
  const kept = Number(await backplanes.server.command("XLEN", `${name}:refused`));
  expect(kept).toBeGreaterThanOrEqual(1_000);
  expect(kept).toBeLessThan(1_200);
});

test("a Redis that forgot the scripts is given them again", async () => {
  const queue = await queueOf();
  const id = await add("room", "a", "data", "1");
  await taken(queue);
  await backplanes.server.command("SCRIPT", "FLUSH");
  expect(ids(await taken(queue))).toEqual([id]);
});

test.each(["noscripts", "noread", "noremove", "nokey"])(
  "a user who may not (%s) is refused in a sentence, before anything is taken",
  async (user) => {
    const id = await add("room", "a", "data", "1");
    const queue = await queueOf(backplanes.server.urlFor(user, "p"));
    const got = (await queue.take(name, bounds)) as QueueRefusal;
    expect(got.kind).toBe("refused");
    expect(got.text).toStartWith(
      "belfry:publish is not read: that needs Redis 6.2 or later, and the permission to run EVAL",
    );
    expect(got.text).not.toContain(id);
    expect((await entriesOf(name)).length).toBe(1);
    // It keeps no other from reading.
    expect(ids(await taken(await queueOf()))).toEqual([id]);
  },
);

test("a key of another type is refused, too", async () => {
  await backplanes.server.command("SET", name, "text");
  expect(await (await queueOf()).take(name, bounds)).toMatchObject({ kind: "refused" });
});

test("a Redis that is away is no refusal", async () => {
  await using own = await startRedis();
  const queue = await queueOf(own.url);
  await own.kill();
  const error = await queue.take(name, bounds).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "bus_unavailable" });
});
