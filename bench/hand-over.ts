// A gateway takes over the full tape of another one while nothing is published, and while much is: how long it takes, and how late
// the event loops of both are at most meanwhile.

import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@redis/client";
import { untilReady } from "./support/dialects.ts";
import type { Child } from "./support/process.ts";
import { beside, freePort, onServersCore, peakOf, programs } from "./support/process.ts";
import { printTable, spread } from "./support/statistics.ts";
import type { Bench } from "./support/subjects.ts";

const tapeBytes = 64 * 1024 * 1024;
const rooms = 100;
/** Published together. */
const burst = 20;

interface Line {
  readonly bytes: number;
  readonly perSecond: number;
}

const lines: readonly Line[] = [
  { bytes: 1_000, perSecond: 0 },
  { bytes: 1_000, perSecond: 2_000 },
  { bytes: 200, perSecond: 0 },
  { bytes: 200, perSecond: 2_000 },
];

interface Taken {
  /** Undefined: it was not taken. */
  readonly ms: number | undefined;
  readonly mebibytes: number;
  readonly takerLateMs: number;
  readonly giverLateMs: number;
  readonly peakMebibytes: number;
}

export async function handOver(bench: Bench, pairs: number): Promise<void> {
  const rows: string[][] = [];
  for (const line of lines) {
    const all: Taken[] = [];
    for (let turn = 0; turn < pairs; turn++) all.push(await takeOver(bench, line));
    rows.push(rowOf(line, all));
  }
  printTable(
    `A gateway starts and takes over a tape of ${tapeBytes / 1024 / 1024} MiB (median and range of ${pairs})`,
    [
      "messages",
      "published meanwhile",
      "taken",
      "MiB sent",
      "ms",
      "late at most, the one that starts, ms",
      "the one that hands over, ms",
      "peak memory of the one that starts, MiB",
    ],
    rows,
  );
}

function rowOf({ bytes, perSecond }: Line, all: readonly Taken[]): string[] {
  const taken = all.filter(({ ms }) => ms !== undefined);
  const of = (read: (one: Taken) => number, digits = 0): string => spread(taken.map(read), digits);
  return [
    `${bytes} bytes`,
    perSecond === 0 ? "nothing" : `${perSecond} a second`,
    `${taken.length} of ${all.length}`,
    of(({ mebibytes }) => mebibytes, 1),
    of(({ ms = Number.NaN }) => ms),
    of(({ takerLateMs }) => takerLateMs),
    of(({ giverLateMs }) => giverLateMs),
    of(({ peakMebibytes }) => peakMebibytes),
  ];
}

async function takeOver(bench: Bench, { bytes, perSecond }: Line): Promise<Taken> {
  await using giver = await Gateway.start(bench, beside);
  await using publisher = await Publisher.connect(bench, bytes);
  await publisher.fill(giver);
  if (perSecond > 0) publisher.start(perSecond);
  await Bun.sleep(1_000);
  await using taker = await Gateway.start(bench, onServersCore);
  const taken = taker.log.find(({ event }) => event === "tape_taken");
  const until = Date.now();
  const span = { from: until - (taken?.ms ?? 0) - 500, until };
  return {
    ms: taken?.ms,
    mebibytes: (taken?.bytes ?? 0) / 1024 / 1024,
    takerLateMs: taker.lateIn({ ...span, from: until - (taken?.ms ?? 0) }),
    giverLateMs: giver.lateIn(span),
    peakMebibytes: peakOf(taker.child.pid) / 1024 / 1024,
  };
}

interface Logged {
  readonly event?: string;
  readonly ms?: number;
  readonly bytes?: number;
}

/** A gateway that notes its late turns. */
class Gateway implements AsyncDisposable {
  readonly child: Child;
  readonly log: readonly Logged[];
  readonly #url: string;
  readonly #late: string;

  private constructor(child: Child, url: string, late: string, log: readonly Logged[]) {
    this.child = child;
    this.log = log;
    this.#url = url;
    this.#late = late;
  }

  static async start({ redisUrl }: Bench, run: (command: readonly string[]) => Child): Promise<Gateway> {
    const url = `http://127.0.0.1:${await freePort()}`;
    const late = join(mkdtempSync(join(tmpdir(), "late-")), "turns");
    const preload = join(import.meta.dirname, "support/late-turns.ts");
    const flags = ["--redis", redisUrl, "--address", url.slice("http://".length), "--log-format", "json"];
    const environment = [`LATE_TURNS=${late}`, `BUN_OPTIONS=--preload=${preload}`];
    const child = run(["env", ...environment, programs.belfry, "serve", ...flags]);
    const log: Logged[] = [];
    while (log.at(-1)?.event !== "listening") log.push(JSON.parse(await child.line()) as Logged);
    await untilReady(`${url}/-/health/ready`);
    return new Gateway(child, url, late, log);
  }

  async tapeBytes(): Promise<number> {
    const metrics = await (await fetch(`${this.#url}/-/metrics`)).text();
    return Number(/^belfry_tape_bytes (\S+)/m.exec(metrics)?.[1]);
  }

  /** The latest turn of that time, ms. */
  lateIn({ from, until }: { readonly from: number; readonly until: number }): number {
    const turns = readFileSync(this.#late, "utf8")
      .split("\n")
      .filter((text) => text !== "")
      .map((text) => JSON.parse(text) as { readonly at: number; readonly lateMs: number });
    return Math.max(0, ...turns.filter(({ at }) => at >= from && at <= until).map(({ lateMs }) => lateMs));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.child.stop();
  }
}

const clientOf = (url: string) => createClient({ url });
type Client = ReturnType<typeof clientOf>;

class Publisher implements AsyncDisposable {
  readonly #client: Client;
  readonly #text: string;
  #count = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  private constructor(client: Client, bytes: number) {
    this.#client = client;
    this.#text = JSON.stringify({ text: "x".repeat(bytes - 11) });
  }

  static async connect({ redisUrl }: Bench, bytes: number): Promise<Publisher> {
    const client = clientOf(redisUrl);
    await client.connect();
    return new Publisher(client, bytes);
  }

  /** Until the tape is full. */
  async fill(gateway: Gateway): Promise<void> {
    const deadline = performance.now() + 60_000;
    while ((await gateway.tapeBytes()) < tapeBytes * 0.99) {
      if (performance.now() > deadline) throw new Error("Expected a full tape within a minute, got less");
      for (let round = 0; round < 50; round++) await this.#publish();
    }
  }

  start(perSecond: number): void {
    this.#timer = setInterval(
      () => {
        void this.#publish();
      },
      (burst * 1_000) / perSecond,
    );
  }

  async #publish(): Promise<void> {
    await Promise.all(
      Array.from({ length: burst }, async () =>
        this.#client.publish(`belfry:room-${this.#count++ % rooms}`, this.#text),
      ),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.#client.close();
  }
}
