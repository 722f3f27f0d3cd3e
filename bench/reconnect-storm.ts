// Reconnect storm: pages of the native dialect, all cut off at once while messages are said in their rooms, all back at once.
// How long until each has what it missed, what Redis was asked for it, and what memory it took; for rooms with a log and without.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createClient } from "@redis/client";
import { untilReady } from "./support/dialects.ts";
import type { Child } from "./support/process.ts";
import { beside, freePort, memoryOf, onServersCore, programs } from "./support/process.ts";
import { median, percentile, printTable, spread } from "./support/statistics.ts";
import type { Bench } from "./support/subjects.ts";
import type { Back } from "./support/storm-pages.ts";

const rooms = 100;
const missed = 20;
const secret = "bench-secret";
/** Until memory is steady. */
const settleMs = 10_000;
/** Meanwhile somebody publishes so often, ms. */
const pauseMs = 20;

interface Kind {
  readonly title: string;
  readonly prefix: string;
}

const kinds: readonly Kind[] = [
  { title: "without a log (tape)", prefix: "tape-" },
  { title: "with a log in Redis", prefix: "log-" },
];

interface Storm extends Back {
  readonly readsPerRoom: number;
  readonly steady: number;
  readonly peak: number;
  readonly publishP99: number;
}

export async function reconnectStorm(bench: Bench, clients: number, pairs: number): Promise<void> {
  const rows: (readonly string[])[] = [];
  for (const kind of kinds) {
    const storms: Storm[] = [];
    for (let run = 0; run < pairs; run++) storms.push(await storm(bench, kind, clients));
    rows.push(rowOf(kind, storms));
  }
  printTable(
    `Reconnect storm, ${clients} pages in ${rooms} rooms, ${missed} messages missed by each (median and range of ${pairs} runs)`,
    [
      "rooms",
      "recovered",
      "twice or out of order",
      "all back, s",
      "Redis reads per room",
      "steady, MiB",
      "peak, MiB",
      "peak to steady",
      "publish p99 meanwhile, ms",
    ],
    rows,
  );
}

function rowOf({ title }: Kind, storms: readonly Storm[]): readonly string[] {
  const of = (value: (one: Storm) => number, digits = 2): string => spread(storms.map(value), digits);
  return [
    title,
    of(({ recovered }) => recovered, 0),
    of(({ wrong }) => wrong, 0),
    of(({ ms }) => ms / 1_000),
    of(({ readsPerRoom }) => readsPerRoom),
    of(({ steady }) => steady, 0),
    of(({ peak }) => peak, 0),
    `${median(storms.map(({ peak, steady }) => peak / steady)).toFixed(2)} x`,
    of(({ publishP99 }) => publishP99, 0),
  ];
}

async function storm(bench: Bench, kind: Kind, clients: number): Promise<Storm> {
  const redis = createClient({ url: bench.redisUrl });
  await redis.connect();
  const port = await freePort();
  const gateway = startGateway(bench, port);
  const url = `http://127.0.0.1:${port}`;
  await untilReady(`${url}/-/health/ready`);
  const program = join(import.meta.dirname, "support/storm-pages.ts");
  const pages = beside([programs.bun, program, `${port}`, `${clients}`, `${rooms}`, kind.prefix]);
  try {
    await pages.ask("come");
    await say(url, kind, 1);
    await pages.ask("heard 1");
    await Bun.sleep(settleMs);
    const steady = memoryOf(gateway.pid);
    await pages.ask("cut");
    for (let n = 2; n < 2 + missed; n++) await say(url, kind, n);
    return {
      ...(await comeBack({ gateway, pages, url, stats: async () => redis.info("commandstats") })),
      steady: mib(steady),
    };
  } finally {
    await pages.stop();
    await gateway.stop();
    await redis.flushDb();
    await redis.close();
  }
}

function startGateway(bench: Bench, port: number): Child {
  const rules = JSON.stringify([{ match: "log-*", history: { size: 1_000, seconds: 600 } }]);
  const flags = ["--redis", bench.redisUrl, "--address", `127.0.0.1:${port}`, "--dialects", "native"];
  const more = ["--secret", secret, "--rooms", rules, "--log-format", "json"];
  return onServersCore([programs.belfry, "serve", ...flags, ...more]);
}

/** One message in each room. */
async function say(url: string, { prefix }: Kind, n: number): Promise<void> {
  for (let room = 0; room < rooms; room++) await publish(url, `${prefix}${room}`, { n });
}

async function publish(url: string, room: string, data: object): Promise<void> {
  const answer = await fetch(`${url}/api/publish`, {
    method: "POST",
    headers: { authorization: `Bearer ${secret}` },
    body: JSON.stringify({ room, data }),
  });
  if (!answer.ok) throw new Error(`Expected 200 to a publication, got ${answer.status}`);
}

async function comeBack({
  gateway,
  pages,
  url,
  stats,
}: {
  readonly gateway: Child;
  readonly pages: Child;
  readonly url: string;
  readonly stats: () => Promise<string>;
}): Promise<Omit<Storm, "steady">> {
  const before = readsIn(await stats());
  resetPeak(gateway.pid);
  let isOver = false;
  const latencies = publishUntil(url, () => isOver);
  const back = JSON.parse(await pages.ask(`back ${missed}`)) as Back;
  isOver = true;
  const publishP99 = percentile(await latencies, 99);
  const readsPerRoom = (readsIn(await stats()) - before) / rooms;
  return { ...back, readsPerRoom, publishP99, peak: mib(peakOf(gateway.pid)) };
}

/** To a room that no page is in. */
async function publishUntil(url: string, isOver: () => boolean): Promise<readonly number[]> {
  const latencies: number[] = [];
  while (!isOver()) {
    const start = performance.now();
    await publish(url, "elsewhere", {});
    latencies.push(performance.now() - start);
    await Bun.sleep(pauseMs);
  }
  return latencies;
}

/** Each read of a log is one script; nothing is stored meanwhile. */
function readsIn(stats: string): number {
  const scripts = /^cmdstat_(?:eval|evalsha|eval_ro|evalsha_ro):calls=(\d+)/gm;
  return [...stats.matchAll(scripts)].reduce((sum, [, calls]) => sum + Number(calls), 0);
}

/** Linux counts the most that was resident anew. */
function resetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, "5");
}

function peakOf(pid: number): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1024;
}

function mib(bytes: number): number {
  return bytes / 1024 / 1024;
}
