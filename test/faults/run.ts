// `npm run faults`: servers, Redis and clients are broken by a seed, and an oracle that asks no server says what was lost.
// --seed N, --seconds N (of faults), --repeat N (further seeds), --clients N, --rooms N, --rate N, --fault NAME (these alone;
// again for more), --beside FOLDER (gateways of the checkout there and of this one take turns), --systems all|NAMES (the same
// runs with other systems, names by commas), --history FILE (what happens is written there, one event a line), --judge FILE
// (judges such a file again, and plays nothing).
// Prints a line every 10 s on standard error, a table and a line of JSON for each run, and a table of all at the end; ends
// with 1 where Belfry is past a bar.

import { parseArgs } from "node:util";
import { Book } from "./book.ts";
import { campaign } from "./campaign.ts";
import type { Campaign } from "./campaign.ts";
import { comparisonOf } from "./comparison.ts";
import type { Compared } from "./comparison.ts";
import { faultNamed } from "./faults.ts";
import { HistoryFile, readHistory } from "./history-file.ts";
import { judge } from "./oracle.ts";
import type { Findings } from "./oracle.ts";
import { isPassed, summaryOf, tableOf } from "./report.ts";
import type { System } from "./system.ts";
import { belfry, belfrySocketIo, beside } from "./systems/belfry.ts";
import { centrifugo } from "./systems/centrifugo.ts";
import { nchan } from "./systems/nchan.ts";
import { socketIoPubSub, socketIoStreams } from "./systems/socketio.ts";

const systems: Readonly<Record<string, System>> = {
  belfry,
  "belfry-socket.io": belfrySocketIo,
  "socket.io": socketIoPubSub,
  "socket.io-streams": socketIoStreams,
  centrifugo,
  nchan,
};

const { values } = parseArgs({
  args: Bun.argv.slice(2),
  options: {
    seed: { type: "string", default: "1" },
    seconds: { type: "string", default: "90" },
    repeat: { type: "string", default: "1" },
    clients: { type: "string", default: "60" },
    rooms: { type: "string", default: "15" },
    rate: { type: "string", default: "150" },
    fault: { type: "string", multiple: true },
    history: { type: "string" },
    judge: { type: "string" },
    beside: { type: "string" },
    systems: { type: "string", default: "belfry" },
  },
});

const plans = Array.from({ length: Number(values.repeat) }, (_, index): Campaign => {
  const names = values.fault?.map(faultNamed);
  return {
    seed: Number(values.seed) + index,
    seconds: Number(values.seconds),
    clients: Number(values.clients),
    rooms: Number(values.rooms),
    rate: Number(values.rate),
    ...(names ? { names } : {}),
  };
});

/** Which run it is, where there are several. */
function fileOf(path: string, { title }: System, { seed }: Campaign): string {
  const isOne = plans.length === 1 && !/all|,/.test(values.systems);
  return isOne ? path : `${path}.${title.replaceAll(/[^\w.]+/g, "-")}.${seed}`;
}

async function play(plan: Campaign, system: System): Promise<Findings> {
  const book = new Book();
  {
    await using file =
      values.history === undefined ? undefined : new HistoryFile(fileOf(values.history, system, plan));
    using _ = progressOf(book, plan);
    await campaign(plan, system, (event) => {
      file?.write(event);
      book.enter(event);
    });
  }
  return report(book, `${system.title}, seed ${plan.seed}`, { system: system.title, ...plan });
}

/** A line on standard error every 10 s, until it is disposed of. */
function progressOf(book: Book, { seconds }: Campaign): Disposable {
  const timer = setInterval(() => {
    const counts = `${book.deliveries} deliveries, ${book.cuts} clients cut off, ${book.faults.length} other faults`;
    console.error(`${Math.round(book.end / 1_000)} s of about ${seconds + 20}: ${counts}`);
  }, 10_000);
  return {
    [Symbol.dispose]() {
      clearInterval(timer);
    },
  };
}

function report(book: Book, title: string, about: object): Findings {
  const findings = judge(book);
  console.log(`\n== ${title}\n${tableOf(book, findings)}`);
  console.log(JSON.stringify(summaryOf(about, findings)));
  return findings;
}

async function judgeAgain(history: string): Promise<never> {
  const book = new Book();
  await readHistory(history, (event) => {
    book.enter(event);
  });
  process.exit(isPassed(report(book, history, { history })) ? 0 : 1);
}

async function playAll(system: System): Promise<Compared> {
  const { title } = system;
  const absence = await system.absence();
  if (absence !== undefined) return { title, absence };
  const findings: Findings[] = [];
  for (const plan of plans) findings.push(await play(plan, system));
  return { title, findings };
}

function systemsNamed(names: string): readonly System[] {
  if (names === "all") return Object.values(systems);
  return names.split(",").map((name) => {
    const system = systems[name];
    if (!system) throw new Error(`Expected one of ${Object.keys(systems).join(", ")}, got ${name}`);
    return values.beside !== undefined && name.startsWith("belfry") ? beside(system, values.beside) : system;
  });
}

if (values.judge !== undefined) await judgeAgain(values.judge);

const all: Compared[] = [];
for (const system of systemsNamed(values.systems)) all.push(await playAll(system));
if (all.length > 1) console.log(`\n${comparisonOf(all)}`);
const ours = all.filter(({ title }) => title.startsWith("Belfry"));
process.exit(ours.every((one) => "findings" in one && one.findings.every(isPassed)) ? 0 : 1);
