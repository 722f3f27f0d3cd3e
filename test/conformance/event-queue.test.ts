// What every driver's queue of events must do: entries in their order, forwarded to several queues in one step, the oldest given
// up where too many wait, and refused ones kept for people.

import { describe, expect, test } from "bun:test";
import { useBackplanes } from "../support/backplanes.ts";
import { MemoryQueue } from "../../src/brokers/memory/queue.ts";
import type { Queue, QueueBounds, QueueEntry } from "../../src/brokers/queue.ts";

const bounds: QueueBounds = { entries: 1_000, bytes: 1_000_000, maxEntryBytes: 10_000, leaseMs: 10_000 };

const backplanes = useBackplanes({
  users: ["notargets on >p ~events ~events:reader ~events:refused &* +@all"],
  isEmptied: true,
});

async function start(url: string | undefined): Promise<Queue> {
  return (await backplanes.open(url)).events;
}
async function add(queue: Queue, count: number, from = 0): Promise<readonly string[]> {
  const ids: string[] = [];
  for (let n = from; n < from + count; n++) ids.push(await queue.add("events", [["n", String(n)]]));
  return ids;
}

async function taken(
  queue: Queue,
  name: string,
  more: Partial<QueueBounds> = {},
): Promise<readonly QueueEntry[]> {
  const got = await queue.take(name, { ...bounds, ...more });
  if (got.kind === "refused") throw new Error(got.text);
  return got.entries;
}

const textOf = (fields: QueueEntry["fields"]): string =>
  String(fields?.map(([name, value]) => `${name}=${value.toString()}`));

const texts = (entries: readonly QueueEntry[]): readonly string[] =>
  entries.map(({ fields }) => textOf(fields));
const numbers = (from: number, to: number): readonly string[] =>
  Array.from({ length: to - from }, (_, index) => `n=${from + index}`);

for (const [driver, urlOf] of Object.entries(backplanes.urls)) {
  describe(`queue of events: ${driver}`, () => {
    test("entries come in their order and with their age, until they are settled", async () => {
      const queue = await start(urlOf());
      const ids = await add(queue, 3);
      await Bun.sleep(30);
      const entries = await taken(queue, "events");
      expect(entries.map(({ id }) => id)).toEqual([...ids]);
      expect(texts(entries)).toEqual(numbers(0, 3));
      for (const { ageMs, bytes } of entries) {
        expect(ageMs).toBeGreaterThanOrEqual(29);
        expect(ageMs).toBeLessThan(5_000);
        expect(bytes).toBe(2);
      }
      await queue.settle("events", [{ id: ids[1] ?? "", refusal: undefined }]);
      expect(texts(await taken(queue, "events"))).toEqual(["n=0", "n=2"]);
    });

    test("what is taken at once is bounded by count and bytes, and too large entries come without their fields", async () => {
      const queue = await start(urlOf());
      for (const size of [400, 400, 400, 20_000, 1]) await queue.add("events", [["x", "y".repeat(size)]]);
      const sizes = async (more: Partial<QueueBounds>) =>
        (await taken(queue, "events", more)).map(({ bytes, fields }) => (fields ? bytes : -bytes));
      expect(await sizes({ entries: 2 })).toEqual([401, 401]);
      expect(await sizes({ bytes: 900 })).toEqual([401, 401]);
      expect(await sizes({ bytes: 1 })).toEqual([401]);
      expect(await sizes({})).toEqual([401, 401, 401, -20_001, 2]);
    });

    test("forwarded entries are in each of the queues, with their ids and ages, and no longer where they were", async () => {
      const queue = await start(urlOf());
      const ids = await add(queue, 5);
      await Bun.sleep(30);
      const onward = { queues: ["a", "b"], backlog: 100 };
      expect(await queue.forward("events", ids.slice(0, 3), onward)).toEqual([0, 0]);
      // What is gone was forwarded before.
      expect(await queue.forward("events", ids.slice(1, 4), onward)).toEqual([0, 0]);
      expect(texts(await taken(queue, "events"))).toEqual(["n=4"]);
      for (const name of onward.queues) {
        const entries = await taken(queue, name);
        expect(entries.map(({ id }) => id)).toEqual(ids.slice(0, 4));
        expect(texts(entries)).toEqual(numbers(0, 4));
        expect(Math.min(...entries.map(({ ageMs }) => ageMs))).toBeGreaterThanOrEqual(29);
      }
      await queue.settle("a", [{ id: ids[0] ?? "", refusal: undefined }]);
      expect(texts(await taken(queue, "b"))).toEqual(numbers(0, 4));
    });

    test("a queue gives up its oldest where too many wait, and keeps them for people", async () => {
      const queue = await start(urlOf());
      const ids = await add(queue, 10);
      expect(await queue.forward("events", ids.slice(0, 6), { queues: ["a"], backlog: 4 })).toEqual([2]);
      expect(await queue.forward("events", ids.slice(6), { queues: ["a", "b"], backlog: 4 })).toEqual([4, 0]);
      expect(texts(await taken(queue, "a"))).toEqual(numbers(6, 10));
      const look = await queue.look("a", 2);
      expect([look.waiting, look.refused]).toEqual([4, 6]);
      expect(
        look.newest.map(({ id, reason, text, fields }) => [ids.indexOf(id), reason, text, textOf(fields)]),
      ).toEqual([
        [5, "backlog", "Expected at most 4 entries that wait", "n=5"],
        [4, "backlog", "Expected at most 4 entries that wait", "n=4"],
      ]);
      expect(await queue.look("b", 2)).toEqual({ waiting: 4, refused: 0, newest: [] });
      expect(await queue.look("a", 0)).toEqual({ waiting: 4, refused: 6, newest: [] });
    });

    test("refused entries are kept with their reason, about a thousand of them", async () => {
      const queue = await start(urlOf());
      const refusal = { kind: "refused", reason: "timeout", text: "Expected an answer" } as const;
      const ids = await add(queue, 1_500);
      await queue.settle(
        "events",
        ids.map((id) => ({ id, refusal })),
      );
      const { waiting, refused, newest } = await queue.look("events", 3);
      expect(waiting).toBe(0);
      expect(refused).toBeGreaterThanOrEqual(1_000);
      expect(refused).toBeLessThan(1_200);
      expect(newest.map(({ reason, fields }) => [reason, textOf(fields)])).toEqual([
        ["timeout", "n=1499"],
        ["timeout", "n=1498"],
        ["timeout", "n=1497"],
      ]);
    });
  });
}

test("a stream that was begun anew has lower ids: its entries are forwarded all the same", async () => {
  const queue = await start(backplanes.server.url);
  await backplanes.server.command("XADD", "a", "99999999999999-0", "n", "old");
  const ids = await add(queue, 2);
  expect(await queue.forward("events", ids, { queues: ["a"], backlog: 100 })).toEqual([0]);
  expect(texts(await taken(queue, "a"))).toEqual(["n=old", "n=0", "n=1"]);
});

test("a Redis user who may not write there is refused in a sentence, and nothing is lost", async () => {
  const queue = await start(backplanes.server.urlFor("notargets", "p"));
  const ids = await add(queue, 2);
  expect(await queue.forward("events", ids, { queues: ["a"], backlog: 100 })).toMatchObject({
    kind: "refused",
  });
  expect(texts(await taken(queue, "events"))).toEqual(numbers(0, 2));
});

test("ids of the queue in memory only grow, also where the clock is set back", async () => {
  let now = 1_000;
  const queue = new MemoryQueue(() => now);
  await add(queue, 2);
  now = 500;
  await add(queue, 1);
  expect((await taken(queue, "events")).map(({ id }) => id)).toEqual(["1000-0", "1000-1", "1000-2"]);
});

test("a queue on Redis to which nothing is forwarded any more is gone after a week, with its dead letters", async () => {
  const queue = await start(backplanes.server.url);
  const ids = await add(queue, 5);
  await queue.forward("events", ids, { queues: ["a"], backlog: 2 });
  const week = 7 * 86_400;
  for (const key of ["a", "a:refused"]) {
    const seconds = Number(await backplanes.server.command("TTL", key));
    expect([key, seconds > week - 60 && seconds <= week]).toEqual([key, true]);
  }
  expect(await backplanes.server.command("TTL", "events")).toBe(-1);
});
