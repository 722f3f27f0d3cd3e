// Small rooms: server CPU per message to a room of one, where the way in is all that there is to pay. By HTTP without a
// Redis, and by Redis, beside `socket.io` and the bare engine with the same handler. All subjects of a table hold their
// pages at the same time and take turns.

import { Generator } from "./support/generator.ts";
import { cpuOf } from "./support/process.ts";
import { httpDoors, redisDoors, rooms, tapeDoors } from "./support/small-rooms.ts";
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
  const floors = ["bare engine", "socket.io"];
  await compare("by POST, memory bus, 8 keep-alive connections", bench, {
    starts: httpDoors,
    options,
    floors,
  });
  await compare(byRedis, bench, { starts: redisDoors, options, floors });
}

/** By Redis, with the tape off and on, and nothing else beside them. */
export async function smallRoomsWithTape(bench: Bench, options: SmallRoomsOptions): Promise<void> {
  await compare(byRedis, bench, { starts: tapeDoors, options, floors: ["belfry socketio, tape off"] });
}

const byRedis = "by Redis, 8 on their way at once";

/** Until the compilers are done: as many messages again, and at least this many. */
const warmUpMessages = 20_000;

interface Comparison {
  readonly starts: readonly SmallStart[];
  readonly options: SmallRoomsOptions;
  /** The subjects to which all are compared, by name. */
  readonly floors: readonly string[];
}

async function compare(way: string, bench: Bench, { starts, options, floors }: Comparison): Promise<void> {
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
  print(`${way} (${options.pairs} runs of ${options.messages})`, { held, absent, floors });
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

interface Result extends Pick<Comparison, "floors"> {
  readonly held: readonly Held[];
  readonly absent: readonly Absent[];
}

function print(what: string, { held, absent, floors }: Result): void {
  const others = floors.map((name) => held.find(({ subject }) => subject.name === name));
  // Of the same turn: what slowed one down slowed the other down.
  const times = ({ cpu }: Held, other: Held | undefined): string =>
    other ? `${median(cpu.map((mine, turn) => mine / (other.cpu[turn] ?? Number.NaN))).toFixed(2)} x` : "-";
  printTable(
    `Small rooms, ${rooms} of one page each, ${what}: us per message (median and range)`,
    ["server", "CPU of the server", ...floors.map((name) => `to ${name}`), "time"],
    [
      ...held.map((one) => [
        one.subject.name,
        spread(one.cpu, 1),
        ...others.map((other) => times(one, other)),
        spread(one.elapsed, 1),
      ]),
      ...absent.map(({ name, absence }) => [name, `not run: ${absence}`]),
    ],
  );
}
