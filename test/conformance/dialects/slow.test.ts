// A client that never reads, run over the registry: it disturbs nobody, costs a bounded amount of memory, and is ended
// (SEC-06, HUB-16, T10). The gateway is a process of its own, with all dialects on one port.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import type { DialectDriver } from "../../support/dialects/driver.ts";
import { allDrivers } from "../../support/dialects/drivers.ts";
import type { Ear } from "../../support/dialects/ear.ts";
import { admitted } from "../../support/dialects/ear.ts";
import { ServedSite } from "../../support/dialects/served-site.ts";
import { startRedis } from "../../support/redis.ts";
import type { RedisServer } from "../../support/redis.ts";
import { until } from "../../support/until.ts";

setDefaultTimeout(120_000);

const kib = 1024;
const mib = 1024 * kib;
const bytes = 64 * kib;
/** 160 MiB go past the client that does not read. */
const count = 2_560;
/** So many messages are on their way at once. */
const window = 32;
/**
 * The bound for a client that seemed to read. On a machine with large network buffers, one that never reads is not told
 * from it by the smaller bound: the kernel takes everything for a while.
 */
const sendQueueMaxBytes = 16 * mib;
/** The bound of the client, and what the collector may not have come to on a busy machine; without a bound it is 160. */
const mostRaised = sendQueueMaxBytes + 80 * mib;

let redis: RedisServer;
let site: ServedSite;

beforeAll(async () => {
  // Redis itself drops a subscriber that is 32 MiB behind: this is about what lies beyond Redis.
  redis = await startRedis({ args: ["--client-output-buffer-limit", "pubsub 0 0 0"] });
  // Without the tape, which keeps as much as it may: what is measured is the client's doing.
  site = await ServedSite.open(redis, allDrivers, { limits: { sendQueueMaxBytes }, tape: { seconds: 0 } });
});

afterAll(async () => {
  await site[Symbol.asyncDispose]();
  await redis.stop();
});

/** Peak memory of the gateway since {@link forgetPeak}, bytes: Linux keeps it. */
function peakBytes(): number {
  const status = readFileSync(`/proc/${site.pid}/status`, "utf8");
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * kib;
}

function forgetPeak(): void {
  writeFileSync(`/proc/${site.pid}/clear_refs`, "5");
}

/**
 * Publishes to a room, and checks that its reader hears everything in order. Never far ahead of the reader: this
 * process may be short of time, and the memory that is measured shall not be the reader's.
 */
async function pour(driver: DialectDriver, reader: Ear, total: number): Promise<void> {
  const padding = "x".repeat(bytes);
  for (let from = 0; from < total; from += window) {
    const numbers = Array.from({ length: window }, (_value, index) => from + index);
    await Promise.all(
      numbers.map(async (number) => driver.redisDoor.say(site, reader.name, `<${number}>${padding}`)),
    );
    for (const number of numbers) {
      const message = await reader.next();
      if (!message.includes(`<${number}>`)) throw new Error(`Expected message ${number}, got another`);
    }
  }
}

const each = allDrivers.map((driver) => [driver.dialect, driver] as const);

test.each(each)(
  "SEC-06 HUB-16 T10 %s: who never reads is ended and costs little, its room hears everything in order, its neighbours nothing of it",
  async (dialect, driver) => {
    const name = `slow-${dialect}`;
    const neighbours = await Promise.all(
      allDrivers.map(async (other) => admitted(await other.enter(site, `beside-${dialect}`))),
    );
    using reader = admitted(await driver.enter(site, name));
    // Once without the other one: what this raises is not its doing.
    await pour(driver, reader, count / 4);
    using idler = admitted(await driver.enter(site, name));
    idler.socket.connection.pause();
    const slow = async (): Promise<number> =>
      (await site.metrics()).sum("belfry_slow_consumers_total", `"${dialect}"`);
    const before = await slow();
    if (process.platform === "linux") forgetPeak();
    const base = process.platform === "linux" ? peakBytes() : 0;
    await pour(driver, reader, count);
    await until(async () => (await slow()) === before + 1, 20_000);
    if (process.platform === "linux") {
      const raised = peakBytes() - base;
      console.log(`${dialect}: one client that never reads, peak +${(raised / mib).toFixed(1)} MiB`);
      expect(raised).toBeLessThan(mostRaised);
    }
    idler.socket.connection.resume();
    expect((await idler.closed()).code).toBe(1006);
    for (const [index, other] of allDrivers.entries()) {
      const neighbour = neighbours[index];
      if (!neighbour) continue;
      await other.callAll(site, [neighbour], "(end)");
      expect(await neighbour.until("(end)")).toEqual([]);
      neighbour[Symbol.dispose]();
    }
  },
);
