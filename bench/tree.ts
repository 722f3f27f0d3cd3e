// The tree of websocket-channels: what a publish to one channel costs, however many channels there are. First on the
// hub alone, without sockets; then end to end, as many pages as the limit of open files allows, each on a channel of
// its own.

import { createClient } from "@redis/client";
import { Connection } from "../src/core/membership.ts";
import { Hub } from "../src/core/hub.ts";
import { defaultLimits } from "../src/vocabulary/limits.ts";
import { silent } from "../src/core/observe.ts";
import { createRawFormat, toRooms, toTree } from "../src/dialects/raw/format.ts";
import { RawPublication } from "../src/codec/raw-publication.ts";
import type { Carrier } from "../src/core/carrier.ts";
import { ancestorsOf, readAddress } from "../src/dialects/websocket-channels/names.ts";
import { quantiles } from "./latency.ts";
import type { Manner } from "./support/dialects.ts";
import { manners, startBelfry } from "./support/dialects.ts";
import { Generator } from "./support/generator.ts";
import { cpuOf } from "./support/process.ts";
import { openPage, timeArrivals } from "./support/receivers.ts";
import { printTable, spread } from "./support/statistics.ts";
import type { Bench, Subject } from "./support/subjects.ts";

export interface TreeOptions {
  /** Most pages end to end. */
  readonly clients: number;
  readonly pairs: number;
  readonly messages: number;
}

export async function tree(bench: Bench, options: TreeOptions): Promise<void> {
  onTheHub(options.pairs);
  await endToEnd(bench, options);
}

/** A tree of so many channels and its times, us per publish. */
class HubTree {
  readonly channels: number;
  readonly leaf: number[] = [];
  readonly all: number[] = [];
  /** What finding the name among as many others costs, in a Map and nothing else. */
  readonly lookup: number[] = [];
  readonly #publish: (name: string) => void;
  readonly #names: ReadonlyMap<string, object>;

  constructor(channels: number) {
    this.channels = channels;
    this.#publish = createTree(channels);
    this.#names = new Map(Array.from({ length: channels }, (_, number) => [`users/${number}`, {}]));
  }

  measure(): void {
    this.leaf.push(time((turn) => this.#publish(this.#nameAt(turn))));
    this.all.push(time(() => this.#publish("users/")));
    let found = 0;
    this.lookup.push(time((turn) => (found += this.#names.has(this.#nameAt(turn)) ? 1 : 0)));
    if (found < rounds) throw new Error(`Expected to find ${rounds} names, got ${found}`);
  }

  /** Another one at each turn, far from the last: caches do not answer for the tree. */
  #nameAt(turn: number): string {
    return `users/${scatter(turn, this.channels)}`;
  }
}

/** Publishes that are timed together. */
const rounds = 20_000;

function onTheHub(pairs: number): void {
  const trees = [1_000, 10_000, 100_000].map((channels) => new HubTree(channels));
  // The first is the warm-up.
  for (let pair = 0; pair <= pairs; pair++) for (const one of trees) one.measure();
  printTable(
    `The tree on the hub alone: us per publish (median and range of ${pairs} runs of ${rounds} publishes)`,
    ["channels", "to one channel", "to users/", "a Map lookup alone"],
    trees.map(({ channels, leaf, all, lookup }) =>
      [`${channels}`].concat([leaf, all, lookup].map((times) => spread(times.slice(1), 3))),
    ),
  );
}

function scatter(turn: number, channels: number): number {
  return (turn * 7_919) % channels;
}

/** @returns us per call. */
function time(act: (turn: number) => void): number {
  const start = performance.now();
  for (let turn = 0; turn < rounds; turn++) act(turn);
  return ((performance.now() - start) * 1000) / rounds;
}

/**
 * A hub with one client on each of `users/0`, `users/1`, ...; its topics take frames and do nothing. @returns what
 * publishes to a name.
 */
function createTree(channels: number): (name: string) => void {
  const topics = { publish: () => false };
  const hub = new Hub({ limits: defaultLimits, topics, observe: silent, send: () => undefined });
  const format = createRawFormat("websocket-channels");
  const agent = { disconnect: () => undefined, request: () => undefined };
  for (let number = 0; number < channels; number++) {
    const name = `users/${number}`;
    const connection = new Connection({
      id: `id-${number}`,
      namespace: "/",
      format,
      carrier: client,
      agent,
      hearsEveryone: false,
    });
    hub.enter(connection);
    hub.join(connection, name);
    for (const ancestor of ancestorsOf(name)) hub.join(connection, ancestor, "trees");
  }
  const payload = Buffer.alloc(100, "x");
  return (name) => {
    // As the dialect's backend side does.
    const address = readAddress(name, defaultLimits.nameBytes);
    if (typeof address === "string" || address.kind === "none")
      throw new Error(`Expected a channel: ${name}`);
    const target = address.kind === "tree" ? toTree(address.path) : toRooms([address.path]);
    hub.deliver(new RawPublication(target, payload, { only: "websocket-channels" }));
  };
}

const client: Carrier = {
  isOnTopics: true,
  isWritable: true,
  bufferedBytes: 0,
  send() {},
  subscribe() {},
  unsubscribe() {},
  fallBehind() {},
};

/** Every page on a channel of its own; a message to all of them is one to the tree. */
const ownChannels: Manner = {
  ...manners["websocket-channels"],
  page: { style: "plain", path: "/ws/users/{n}" },
  channel: "websocket:users/",
};

/** Most pages: below Belfry's own bound on connections, and the limit of open files. */
const mostPages = 15_000;
const publishesPerRun = 20_000;
/** Publishes on their way at once. */
const window = 50;

async function endToEnd(bench: Bench, { clients, pairs, messages }: TreeOptions): Promise<void> {
  const rows: string[][] = [];
  const sizes = new Set([Math.min(1_000, clients), Math.min(mostPages, clients)]);
  for (const count of sizes) {
    const subject = await startBelfry(bench, ownChannels);
    const pages = await Generator.start(subject, count, 1);
    await pages.untilAllHear(() => subject.publish(1));
    const redis = await createClient({ url: bench.redisUrl }).connect();
    const speak = async (channel: string): Promise<void> =>
      void (await redis.publish(`websocket:${channel}`, "x".repeat(bench.payload)));
    await publishToLeaves({ subject, pages, speak }); // warm-up
    const costs: number[] = [];
    for (let pair = 0; pair < pairs; pair++) costs.push(await publishToLeaves({ subject, pages, speak }));
    const here = await openPage(subject);
    const times = await timeArrivals([here], messages, () => speak("users/here"));
    rows.push([`${count}`, spread(costs), ...quantiles(times.flat())]);
    here.close();
    await redis.close();
    await pages.stop();
    await subject.stop();
  }
  printTable(
    `The tree end to end, a page on each channel: publishes to single channels (CPU: median and range of ${pairs} runs of ${publishesPerRun})`,
    ["channels", "us of server CPU per publish", "latency p50, us", "p90", "p99"],
    rows,
  );
}

interface Load {
  readonly subject: Subject;
  readonly pages: Generator;
  readonly speak: (channel: string) => Promise<void>;
}

/** @returns CPU of the server per publish to one channel, us. */
async function publishToLeaves({ subject, pages, speak }: Load): Promise<number> {
  const before = await pages.messages();
  const cpu = cpuOf(subject.pid);
  for (let sent = 0; sent < publishesPerRun; sent += window) {
    const turns = Array.from({ length: window }, (_, index) => scatter(sent + index, pages.count));
    await Promise.all(turns.map((number) => speak(`users/${number}`)));
    await pages.untilHeard(before + sent + window);
  }
  return (cpuOf(subject.pid) - cpu) / publishesPerRun;
}
