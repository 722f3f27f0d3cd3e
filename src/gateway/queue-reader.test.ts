// The reader of a queue on a real Redis: what is done with is removed, a pause keeps other gateways away however long it is, and
// no longer than that.

import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { startRedis } from "../../test/support/redis.ts";
import type { RedisServer } from "../../test/support/redis.ts";
import { until } from "../../test/support/until.ts";
import type { Backplane } from "../brokers/driver.ts";
import type { QueueEntry, Worked } from "../brokers/queue.ts";
import { openBackplane } from "../brokers/registry.ts";
import { silent } from "../core/observe.ts";
import { defaultLimits } from "../vocabulary/limits.ts";
import { QueueReader } from "./queue-reader.ts";

const name = "queue-of-the-test";
const bounds = { entries: 100, bytes: 100_000, maxEntryBytes: 1_000, leaseMs: 300 };

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(async () => {
  await server.stop();
});

const open: { readonly backplane: Backplane; readonly reader: QueueReader }[] = [];
afterEach(async () => {
  for (const { backplane, reader } of open.splice(0)) {
    await reader.stop();
    await backplane.close();
  }
  await server.command("FLUSHALL");
});

type Work = (entries: readonly QueueEntry[]) => Worked;

/** A reader that does this with entries. @returns the ids that it was given, as often as it was */
async function read(work: Work): Promise<{ readonly given: string[][]; readonly reader: QueueReader }> {
  const backplane = await openBackplane({ url: server.url, observe: silent, limits: defaultLimits });
  const given: string[][] = [];
  const reader = new QueueReader({
    name,
    queue: backplane.events,
    bounds,
    idleMs: 20,
    busyMs: 20,
    owner: "test",
    bus: backplane.bus,
    observe: silent,
    work: async (entries) => {
      given.push(entries.map(({ id }) => id));
      return work(entries);
    },
  });
  open.push({ backplane, reader });
  reader.start();
  return { given, reader };
}

const add = async (): Promise<string> => String(await server.command("XADD", name, "*", "a", "b"));
const done: Work = (entries) => ({
  settled: entries.map(({ id }) => ({ id, refusal: undefined })),
  pauseMs: 0,
});
const failed =
  (pauseMs: number): Work =>
  () => ({ settled: [], pauseMs });

test("what is done with is removed, and what is not comes again", async () => {
  let calls = 0;
  const { given } = await read((entries) => (++calls < 3 ? failed(10)(entries) : done(entries)));
  const id = await add();
  await until(async () => (await server.command("XLEN", name)) === 0);
  expect(given).toEqual([[id], [id], [id]]);
});

test("in a pause that is longer than its lease no other gateway reads", async () => {
  const one = await read(failed(1_500));
  const id = await add();
  await until(() => one.given.length === 1);
  const since = performance.now();
  const other = await read(done);
  await until(() => one.given.length === 2);
  expect(performance.now() - since).toBeGreaterThan(1_200);
  expect(other.given).toEqual([]);
  await one.reader.stop();
  await until(() => other.given.length === 1);
  expect(other.given).toEqual([[id]]);
});

test("a pause ends when the gateway stops, and another one reads at once", async () => {
  const one = await read(failed(60_000));
  await add();
  await until(() => one.given.length === 1);
  const other = await read(done);
  const since = performance.now();
  await one.reader.stop();
  await until(() => other.given.length === 1);
  expect(performance.now() - since).toBeLessThan(bounds.leaseMs);
});
