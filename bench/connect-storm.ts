// Connect storm: how many pages per second get from TCP connect to joined, 128 at a time.

import { manners, startBelfry } from "./support/dialects.ts";
import { Generator } from "./support/generator.ts";
import { cpuOf } from "./support/process.ts";
import { median, printTable, spread } from "./support/statistics.ts";
import type { Bench } from "./support/subjects.ts";
import { startBare } from "./support/subjects.ts";

const starts = [
  (bench: Bench) => startBelfry(bench, manners.socketio),
  (bench: Bench) => startBare(bench, "socketio"),
];

export async function connectStorm(bench: Bench, clients: number, pairs: number): Promise<void> {
  const results = new Map<string, { perSecond: number[]; cpu: number[]; generator: number[] }>();
  for (let pair = 0; pair <= pairs; pair++) {
    for (const start of starts) {
      const subject = await start(bench);
      const cpu = cpuOf(subject.pid);
      const pages = await Generator.start(subject, clients, 1);
      const result = results.get(subject.name) ?? { perSecond: [], cpu: [], generator: [] };
      results.set(subject.name, result);
      if (pair > 0) {
        result.perSecond.push((clients / pages.joinMs) * 1000);
        result.cpu.push((cpuOf(subject.pid) - cpu) / clients);
        result.generator.push((await pages.busy()) / clients);
      }
      await pages.stop();
      await subject.stop();
    }
  }
  const floor = median(results.get("bare engine")?.perSecond ?? []);
  printTable(
    `Connect storm, ${clients} pages (median and range of ${pairs} runs)`,
    ["server", "joined per second", "to the bare engine", "us of CPU each", "generator us"],
    [...results].map(([name, { perSecond, cpu, generator }]) => [
      name,
      spread(perSecond, 0),
      `${(median(perSecond) / floor).toFixed(2)} x`,
      spread(cpu, 0),
      spread(generator, 0),
    ]),
  );
}
