// Memory of an idle Socket.IO connection in one room: resident bytes of a fresh process before and after all joined.

import { memoryOf } from "./support/process.ts";
import { printTable } from "./support/statistics.ts";
import type { Bench, Subject } from "./support/subjects.ts";
import { Generator, startBare, startBelfry, startSocketIo } from "./support/subjects.ts";

export async function idleMemory(bench: Bench, clients: number): Promise<void> {
  const rows: string[][] = [];
  for (const start of [startBelfry, startBare, startSocketIo]) {
    const subject = await start(bench);
    rows.push(await measure(subject, clients));
  }
  printTable(
    `Idle memory, ${clients} connections in one room`,
    ["server", "before, MiB", "after, MiB", "KB per connection"],
    rows,
  );
}

async function measure(subject: Subject, clients: number): Promise<string[]> {
  const before = memoryOf(subject.pid);
  const pages = await Generator.start(subject.port, clients, 1);
  await Bun.sleep(5_000); // collectors settle
  const after = memoryOf(subject.pid);
  await pages.stop();
  await subject.stop();
  const mib = (bytes: number) => (bytes / 1024 / 1024).toFixed(1);
  return [subject.name, mib(before), mib(after), ((after - before) / clients / 1024).toFixed(2)];
}
