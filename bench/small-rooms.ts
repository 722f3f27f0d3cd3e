// Small rooms: server CPU per message to a room of one, where the way in is all that there is to pay. By HTTP without a
// Redis, and by Redis, beside `socket.io` and the bare engine with the same handler. All subjects of a table hold their
// pages at the same time and take turns.

import { Generator } from "./support/generator.ts";
import { cpuOf } from "./support/process.ts";
import { httpDoors, redisDoors, rooms } from "./support/small-rooms.ts";
import type { SmallStart, SmallSubject } from "./support/small-rooms.ts";
import { median, printTable, spread } from "./support/statistics.ts";
import type { Absent, Bench } from "./support/subjects.ts";

export interface SmallRoomsOptions {
  readonly pairs: number;
  /** Per run. */
  readonly messages: number;
}

interface Held {
  readonly subject: SmallSubject;
  readonly pages: Generator;
  readonly cpu: number[];
  /** us from the first to the last, divided by the messages: the server was busy in how much of it? */
  readonly elapsed: number[];
}

export async function smallRooms(bench: Bench, options: SmallRoomsOptions): Promise<void> {
  await compare("by POST, memory bus, 8 keep-alive connections", bench, { starts: httpDoors, options });
  await compare("by Redis, 8 on their way at once", bench, { starts: redisDoors, options });
}

/** Until the compilers are done: as many messages again, and at least this many. */
const warmUpMessages = 20_000;

interface Comparison {
  readonly starts: readonly SmallStart[];
  readonly options: SmallRoomsOptions;
}

async function compare(way: string, bench: Bench, { starts, options }: Comparison): Promise<void> {
  const held: Held[] = [];
  const absent: Absent[] = [];
  for (const start of starts) {
    const subject = await start(bench);
    if ("absence" in subject) absent.push(subject);
    else {
      const pages = await Generator.start(subject, rooms, held.length + 1);
      held.push({ subject, pages, cpu: [], elapsed: [] });
    }
  }
  for (const one of held) await run(one, Math.max(warmUpMessages, options.messages));
  for (const one of held) one.cpu.length = one.elapsed.length = 0;
  for (let pair = 0; pair < options.pairs; pair++) for (const one of held) await run(one, options.messages);
  print(`${way} (${options.pairs} runs of ${options.messages})`, held, absent);
  for (const { pages } of held) await pages.stop();
  for (const { subject } of held) await subject.stop();
}

/** Every message is heard, by one page, or this does not end. */
async function run({ subject, pages, cpu, elapsed }: Held, messages: number): Promise<void> {
  const heard = await pages.messages();
  const [began, before] = [performance.now(), cpuOf(subject.pid)];
  await subject.send(messages, pages);
  await pages.untilHeard(heard + messages);
  cpu.push((cpuOf(subject.pid) - before) / messages);
  elapsed.push(((performance.now() - began) * 1_000) / messages);
}

function print(what: string, held: readonly Held[], absent: readonly Absent[]): void {
  const [engine, peer] = ["bare engine", "socket.io"].map((name) =>
    held.find(({ subject }) => subject.name === name),
  );
  // Of the same turn: what slowed one down slowed the other down.
  const times = ({ cpu }: Held, other: Held | undefined): string =>
    other ? `${median(cpu.map((mine, turn) => mine / (other.cpu[turn] ?? Number.NaN))).toFixed(2)} x` : "-";
  printTable(
    `Small rooms, ${rooms} of one page each, ${what}: us per message (median and range)`,
    ["server", "CPU of the server", "to the engine", "to socket.io", "time"],
    [
      ...held.map((one) => [
        one.subject.name,
        spread(one.cpu, 1),
        times(one, engine),
        times(one, peer),
        spread(one.elapsed, 1),
      ]),
      ...absent.map(({ name, absence }) => [name, `not run: ${absence}`]),
    ],
  );
}
