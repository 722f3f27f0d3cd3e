// Fan-out: server CPU per delivery of a message to a room, Redis in the path (the C loop and the bare engine
// excepted: they are the floor). All subjects of a table send the same frame, hold their pages at the same time and
// take turns, so that the machine's moods hit all.

import type { DialectName } from "./support/dialects.ts";
import { manners, startBelfry } from "./support/dialects.ts";
import { Generator } from "./support/generator.ts";
import { startDjango, startGevent, startGorilla, startSocketIo } from "./support/peers.ts";
import { cpuOf } from "./support/process.ts";
import { median, printTable, spread } from "./support/statistics.ts";
import type { Absent, Bench, Start, Subject } from "./support/subjects.ts";
import { startBare, startFloor } from "./support/subjects.ts";

/** Other software that speaks like a dialect. */
const peers: Record<DialectName, readonly Start[]> = {
  socketio: [startSocketIo],
  "ws-hub": [startGorilla],
  native: [],
  "native-stream": [],
  "websocket-channels": [startGevent],
  ws4redis: [startDjango],
};

export interface FanOutOptions {
  readonly clients: readonly number[];
  readonly pairs: number;
  readonly messages: number;
  readonly dialects: readonly DialectName[];
}

/** Deliveries of one run that tell enough: more would only take longer. */
const enough = 2_000_000;

export async function fanOut(bench: Bench, options: FanOutOptions): Promise<void> {
  for (const style of ["socketio", "plain", "stream"] as const) {
    const dialects = options.dialects.filter((name) => manners[name].page.style === style);
    if (dialects.length === 0) continue;
    const starts: Start[] = [
      () => startFloor(bench, style),
      () => startBare(bench, style),
      ...dialects.map(
        (name): Start =>
          () =>
            startBelfry(bench, manners[name]),
      ),
      ...dialects.flatMap((name) => peers[name]),
    ];
    for (const count of options.clients) {
      const most = Math.ceil(enough / count / 10) * 10;
      const how = { pairs: options.pairs, messages: Math.min(options.messages, most) };
      await compare({ bench, what: style, count, starts, how, floors: ["the C loop", "the engine"] });
    }
  }
}

/** The same with the tape off and on, and nothing else beside them. */
export async function tapeCost(bench: Bench, options: FanOutOptions): Promise<void> {
  const { pairs, messages } = options;
  for (const name of options.dialects) {
    const on = manners[name];
    const off = { ...on, name: `${on.name}, tape off`, flags: [...on.flags, "--tape-seconds", "0"] };
    const starts: Start[] = [() => startBelfry(bench, off), () => startBelfry(bench, on)];
    for (const count of options.clients) {
      await compare({ bench, what: name, count, starts, how: { pairs, messages }, floors: ["the tape off"] });
    }
  }
}

interface How {
  readonly pairs: number;
  readonly messages: number;
}

interface Comparison {
  readonly bench: Bench;
  /** Of which pages, for the title. */
  readonly what: string;
  readonly count: number;
  readonly starts: readonly Start[];
  readonly how: How;
  /** What the first subjects are called, to which all are compared. */
  readonly floors: readonly string[];
}

interface Held {
  readonly subject: Subject;
  readonly pages: Generator;
  readonly single: number[];
  readonly burst: number[];
  readonly generator: number[];
}

async function compare({ bench, what, count, starts, how, floors }: Comparison): Promise<void> {
  const held: Held[] = [];
  const absent: Absent[] = [];
  for (const start of starts) {
    const subject = await start(bench);
    if ("absence" in subject) {
      absent.push(subject);
      continue;
    }
    if (subject.most !== undefined && subject.most < count) {
      absent.push({ name: subject.name, absence: `it holds ${subject.most} pages at most` });
      await subject.stop();
      continue;
    }
    const pages = await Generator.start(subject, count, held.length + 1);
    await pages.untilAllHear(() => subject.publish(1));
    held.push({ subject, pages, single: [], burst: [], generator: [] });
  }
  for (const one of held) await warmUp(one);
  for (let pair = 0; pair < how.pairs; pair++) for (const one of held) await measure(one, how);
  print(`${what} pages, ${count} of them`, { held, absent, how, floors });
  for (const { pages } of held) await pages.stop();
  for (const { subject } of held) await subject.stop();
}

/** What a process needs until its compilers are done with the way of a message; some never have to. */
const warmUpMessages = 2_000;
const warmUpMs = 5_000;

async function warmUp(one: Held): Promise<void> {
  const deadline = performance.now() + warmUpMs;
  const burst = one.subject.holdsBursts === true ? 1 : 10;
  for (let sent = 0; sent < warmUpMessages && performance.now() < deadline; sent += burst) {
    await run(one, burst, burst);
  }
}

function messagesOf({ subject }: Held, { messages }: How): number {
  return subject.isSlow === true ? Math.max(10, Math.round(messages / 100) * 10) : messages;
}

async function measure(one: Held, how: How): Promise<void> {
  const messages = messagesOf(one, how);
  const generated = await one.pages.busy();
  one.single.push(await run(one, messages, 1));
  one.generator.push(((await one.pages.busy()) - generated) / (messages * one.pages.count));
  if (one.subject.holdsBursts !== true) one.burst.push(await run(one, messages, 10));
}

/** @returns CPU of the server per delivery, us. Each message (or burst) is heard by all before the next is sent. */
async function run({ subject, pages }: Held, messages: number, burst: number): Promise<number> {
  const before = await pages.messages();
  const cpu = cpuOf(subject.pid);
  for (let sent = 0; sent < messages; sent += burst) {
    await subject.publish(burst);
    await pages.untilHeard(before + (sent + burst) * pages.count);
  }
  return (cpuOf(subject.pid) - cpu) / (messages * pages.count);
}

interface Result {
  readonly held: readonly Held[];
  readonly absent: readonly Absent[];
  readonly how: How;
  readonly floors: readonly string[];
}

function print(what: string, { held, absent, how, floors }: Result): void {
  const times = (mine: readonly number[], theirs: readonly number[] = []) =>
    `${(median(mine) / median(theirs)).toFixed(2)} x`;
  printTable(
    `Fan-out to ${what}: us of server CPU per delivery (median and range of ${how.pairs} runs of ${how.messages} messages)`,
    ["server", "one by one", ...floors.map((floor) => `to ${floor}`), "bursts of 10", "generator"],
    [
      ...held.map(({ subject, single, burst, generator }) => [
        subject.name,
        spread(single),
        ...floors.map((_, floor) => times(single, held[floor]?.single)),
        burst.length > 0 ? spread(burst) : "not sent together",
        spread(generator),
      ]),
      ...absent.map(({ name, absence }) => [name, `not run: ${absence}`]),
    ],
  );
}
