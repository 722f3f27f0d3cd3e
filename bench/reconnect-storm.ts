// Reconnect storm: pages of the native dialect, all cut off at once while messages are said in their rooms, all back at once.
// How long until each has what it missed, what Redis was asked for it, what memory it took, and what a page that was not cut
// off hears meanwhile; for rooms with a log and without.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createClient } from "@redis/client";
import { untilReady } from "./support/dialects.ts";
import type { Child } from "./support/process.ts";
import { beside, cpuOf, freePort, memoryOf, onServersCore, programs } from "./support/process.ts";
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
/** What was answered is heard by then. */
const settledMs = 200;

interface Kind {
  readonly title: string;
  readonly prefix: string;
}

const kinds: readonly Kind[] = [
  { title: "without a log (tape)", prefix: "tape-" },
  { title: "with a log in Redis", prefix: "log-" },
];

/** What a page elsewhere and its publisher had of it, ms. */
interface Elsewhere {
  /** From the request of the publisher to the page. */
  readonly heard: number;
  /** From the request to its answer. */
  readonly answered: number;
  /** By which the publisher's own timer came late: it shares a core with the pages that come back. */
  readonly late: number;
}

interface Storm extends Back {
  readonly readsPerRoom: number;
  readonly steady: number;
  readonly peak: number;
  readonly elsewhere: Elsewhere;
  /** CPU of the gateway, and of the pages, ms. */
  readonly cpu: number;
  readonly pagesCpu: number;
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
      "received elsewhere, p99, ms",
      "publish answered, p99, ms",
      "publisher late, p99, ms",
      "CPU, gateway, ms",
      "CPU, pages, ms",
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
    of(({ elsewhere }) => elsewhere.heard, 0),
    of(({ elsewhere }) => elsewhere.answered, 0),
    of(({ elsewhere }) => elsewhere.late, 0),
    of(({ cpu }) => cpu, 0),
    of(({ pagesCpu }) => pagesCpu, 0),
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
  const [cpu, pagesCpu] = [cpuOf(gateway.pid), cpuOf(pages.pid)];
  const watch = await watchElsewhere(url);
  const back = JSON.parse(await pages.ask(`back ${missed}`)) as Back;
  const elsewhere = await watch.end();
  const readsPerRoom = (readsIn(await stats()) - before) / rooms;
  return {
    ...back,
    readsPerRoom,
    elsewhere,
    peak: mib(peakOf(gateway.pid)),
    cpu: (cpuOf(gateway.pid) - cpu) / 1_000,
    pagesCpu: (cpuOf(pages.pid) - pagesCpu) / 1_000,
  };
}

/** A page in a room of its own, and a publisher that does not wait for its answers. */
async function watchElsewhere(url: string): Promise<{ end(): Promise<Elsewhere> }> {
  const heard: number[] = [];
  const answered: number[] = [];
  const late: number[] = [];
  const page = new WebSocket(`${url.replace("http", "ws")}/connect?room=elsewhere`);
  const joined = Promise.withResolvers<void>();
  page.addEventListener("message", ({ data }) => {
    const message = JSON.parse(String(data)) as { type?: string; data?: { sentAt: number } };
    if (message.type === "joined") joined.resolve();
    if (message.data) heard.push(performance.now() - message.data.sentAt);
  });
  await joined.promise;
  const answers: Promise<void>[] = [];
  const say = async (sentAt: number): Promise<void> => {
    await publish(url, "elsewhere", { sentAt });
    answered.push(performance.now() - sentAt);
  };
  let due = performance.now() + pauseMs;
  const timer = setInterval(() => {
    const now = performance.now();
    late.push(now - due);
    due = now + pauseMs;
    answers.push(say(now));
  }, pauseMs);
  return {
    async end() {
      clearInterval(timer);
      await Promise.all(answers);
      await Bun.sleep(settledMs);
      page.close();
      return { heard: percentile(heard, 99), answered: percentile(answered, 99), late: percentile(late, 99) };
    },
  };
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
