// Publishing to rooms with a log in Redis, by HTTP: what one publication costs the server, and how long its answer takes; beside
// Centrifugo with history, on the same Redis, with a page in each room and with none. Both take turns, each on the servers' core.

import {
  buildCentrifugo,
  centrifugoProgram,
  centrifugoVersion,
  untilHealthy,
  writeCentrifugoConfig,
} from "../test/support/centrifugo.ts";
import { untilReady } from "./support/dialects.ts";
import { Generator } from "./support/generator.ts";
import type { Page, Post, Posted } from "./support/generator.ts";
import type { Child } from "./support/process.ts";
import { cpuOf, freePort, onServersCore, programs } from "./support/process.ts";
import { median, printTable, spread } from "./support/statistics.ts";
import type { Absent, Bench } from "./support/subjects.ts";

const rooms = 100;
const secret = "bench-secret";
/** Connections: one to see an answer's way alone, and so many that the server is never idle. */
const [alone, many] = [1, 32] as const;
/** A gateway that runs for some seconds under load has its code compiled. */
const warmUpPosts = 60_000;

interface LogBench extends Bench {
  /** In each room, one of these. */
  readonly pages: number;
}

interface Held {
  readonly name: string;
  readonly child: Child;
  readonly post: Post;
  readonly poster: Generator;
  readonly pages: Generator;
  readonly singles: Posted[];
  readonly loaded: Posted[];
  readonly cpu: number[];
  readonly perSecond: number[];
}

export async function logPublish(bench: Bench, pairs: number, messages: number): Promise<void> {
  for (const pages of [0, rooms]) await compare({ ...bench, pages }, pairs, messages);
}

async function compare(bench: LogBench, pairs: number, messages: number): Promise<void> {
  const started = [await startBelfry(bench), await startCentrifugo(bench)];
  const held = started.filter((one) => "child" in one);
  const absent = started.filter((one) => "absence" in one);
  for (let turn = 0; turn <= pairs; turn++) for (const one of held) await run(one, messages, turn === 0);
  printTable(
    `Publishing to a log, HTTP and Redis, ${bench.pages === 0 ? "no page" : "one event stream"} in each of ${rooms} rooms (median and range of ${pairs} runs of ${messages})`,
    [
      "server",
      `p50, ${alone} connection, ms`,
      "p99, ms",
      `p50, ${many} connections, ms`,
      "p99, ms",
      "per second",
      "us of server CPU each",
      "per second and core",
    ],
    [...held.map(rowOf), ...absent.map(({ name, absence }) => [name, `not run: ${absence}`])],
  );
  for (const { child, poster, pages } of held) {
    await poster.stop();
    await pages.stop();
    await child.stop();
  }
}

async function run(
  { child, poster, post, singles, loaded, cpu, perSecond }: Held,
  messages: number,
  isWarmUp: boolean,
): Promise<void> {
  if (isWarmUp) {
    await poster.post(post, warmUpPosts, { connections: many, rooms });
    return;
  }
  const single = await poster.post(post, Math.ceil(messages / 4), { connections: alone, rooms });
  const [began, before] = [performance.now(), cpuOf(child.pid)];
  const load = await poster.post(post, messages, { connections: many, rooms });
  cpu.push((cpuOf(child.pid) - before) / messages);
  perSecond.push((messages * 1_000) / (performance.now() - began));
  singles.push(single);
  loaded.push(load);
}

function rowOf({ name, singles, loaded, cpu, perSecond }: Held): readonly string[] {
  const ms = (all: readonly Posted[], of: (one: Posted) => number): string =>
    spread(all.map((one) => of(one) / 1_000));
  return [
    name,
    ms(singles, ({ p50Us }) => p50Us),
    ms(singles, ({ p99Us }) => p99Us),
    ms(loaded, ({ p50Us }) => p50Us),
    ms(loaded, ({ p99Us }) => p99Us),
    spread(perSecond, 0),
    spread(cpu, 1),
    (1_000_000 / median(cpu)).toFixed(0),
  ];
}

interface Server {
  readonly port: number;
  readonly post: Post;
  /** Path of an event stream of the room `room-{n}`. */
  readonly stream: string;
}

async function hold(
  name: string,
  child: Child,
  { port, post, stream, count }: Server & { readonly count: number },
): Promise<Held> {
  const page: Page = { style: "stream", path: stream };
  const poster = await Generator.start({ port, page }, 0, 1);
  const pages = await Generator.start({ port, page }, count, 2);
  return { name, child, post, poster, pages, singles: [], loaded: [], cpu: [], perSecond: [] };
}

async function startBelfry({ redisUrl, payload, pages: count }: LogBench): Promise<Held> {
  const port = await freePort();
  const rules = JSON.stringify([{ match: "*", history: { size: 10_000, seconds: 600 } }]);
  const flags = ["--redis", redisUrl, "--address", `127.0.0.1:${port}`, "--dialects", "native"];
  const more = ["--secret", secret, "--rooms", rules, "--log-format", "json"];
  const child = onServersCore([programs.belfry, "serve", ...flags, ...more]);
  await untilReady(`http://127.0.0.1:${port}/-/health/ready`);
  const body = JSON.stringify({ room: "room-{n}", data: { text: "x".repeat(payload) } });
  const post = { path: "/api/publish", token: secret, body };
  return hold("belfry", child, { port, post, stream: "/connect?room=room-{n}", count });
}

async function startCentrifugo({ redisPort, payload, pages: count }: LogBench): Promise<Held | Absent> {
  const name = `Centrifugo ${centrifugoVersion}`;
  const absence = await buildCentrifugo();
  if (absence !== undefined) return { name, absence };
  const port = await freePort();
  const child = onServersCore([centrifugoProgram, "--config", writeCentrifugoConfig(port, redisPort)]);
  await untilHealthy(`http://127.0.0.1:${port}`);
  const body = JSON.stringify({ channel: "room-{n}", data: { text: "x".repeat(payload) } });
  const post = { path: "/api/publish", token: secret, body };
  const stream = `/connection/uni_sse?cf_connect=${encodeURIComponent('{"subs":{"room-#":{}}}').replace("%23", "{n}")}`;
  return hold(name, child, { port, post, stream, count });
}
