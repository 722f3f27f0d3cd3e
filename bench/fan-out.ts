// Fan-out: server CPU per delivery of a 100-byte event to a room, Redis in the path (the C loop excepted: it is the
// floor). All subjects hold their clients at the same time and take turns, so that the machine's moods hit all.

import { cpuOf } from "./support/process.ts";
import type { Bench, Subject } from "./support/subjects.ts";
import { Generator, startBelfry, startFloor, startSocketIo } from "./support/subjects.ts";
import { median, printTable, spread } from "./support/statistics.ts";

interface Held {
  readonly subject: Subject;
  readonly pages: Generator;
  readonly single: number[];
  readonly burst: number[];
  readonly generator: number[];
}

export interface FanOutOptions {
  readonly clients: readonly number[];
  readonly pairs: number;
  readonly messages: number;
}

export async function fanOut(bench: Bench, { clients, pairs, messages }: FanOutOptions): Promise<void> {
  for (const count of clients) {
    const subjects = [await startFloor(bench), await startBelfry(bench), await startSocketIo(bench)];
    const held: Held[] = [];
    for (const [index, subject] of subjects.entries()) {
      const pages = await Generator.start(subject.port, count, index + 1);
      held.push({ subject, pages, single: [], burst: [], generator: [] });
    }
    for (const one of held) await run(one, Math.min(messages, 50), 1); // warm-up
    for (let pair = 0; pair < pairs; pair++) {
      for (const one of held) {
        const generated = one.pages.cpu;
        one.single.push(await run(one, messages, 1));
        one.generator.push((one.pages.cpu - generated) / (messages * count));
        one.burst.push(await run(one, messages, 10));
      }
    }
    print(count, held, { pairs, messages });
    for (const { pages } of held) await pages.stop();
    for (const { subject } of held) await subject.stop();
  }
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

function print(count: number, held: readonly Held[], how: { pairs: number; messages: number }): void {
  const floor = held[0];
  const peer = held[2];
  if (!floor || !peer) return;
  const times = (mine: readonly number[], theirs: readonly number[]) =>
    `${(median(mine) / median(theirs)).toFixed(2)} x`;
  printTable(
    `Fan-out to ${count} clients: us of server CPU per delivery (median and range of ${how.pairs} runs of ${how.messages} messages)`,
    ["server", "one by one", "to the floor", "to socket.io", "bursts of 10", "generator"],
    held.map(({ subject, single, burst, generator }) => [
      subject.name,
      spread(single),
      times(single, floor.single),
      times(single, peer.single),
      spread(burst),
      spread(generator),
    ]),
  );
}
