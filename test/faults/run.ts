// `npm run faults`: servers, Redis and clients are broken by a seed, and an oracle that asks no server says what was lost.
// --seed N, --seconds N (of faults), --repeat N (further seeds), --clients N, --rooms N, --rate N, --history FILE,
// --fault NAME (these alone; again for more), --systems all|NAMES (the same runs with other systems, names by commas).
// Prints a table and a line of JSON for each run, and a table of all at the end; ends with 1 where Belfry is past a bar.

import { parseArgs } from "node:util";
import { campaign } from "./campaign.ts";
import type { Campaign } from "./campaign.ts";
import { comparisonOf } from "./comparison.ts";
import type { Compared } from "./comparison.ts";
import { faultNamed } from "./faults.ts";
import { judge } from "./oracle.ts";
import type { Findings } from "./oracle.ts";
import { isPassed, summaryOf, tableOf } from "./report.ts";
import type { System } from "./system.ts";
import { belfry, belfrySocketIo } from "./systems/belfry.ts";
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

async function play(plan: Campaign, system: System): Promise<Findings> {
  const history = await campaign(plan, system);
  if (values.history !== undefined)
    await Bun.write(values.history, history.map((event) => JSON.stringify(event)).join("\n"));
  const findings = judge(history);
  console.log(`\n== ${system.title}, seed ${plan.seed}\n${tableOf(history, findings)}`);
  console.log(JSON.stringify({ system: system.title, ...summaryOf(plan, findings) }));
  return findings;
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
    return system;
  });
}

const all: Compared[] = [];
for (const system of systemsNamed(values.systems)) all.push(await playAll(system));
if (all.length > 1) console.log(`\n${comparisonOf(all)}`);
const ours = all.find(({ title }) => title === belfry.title);
process.exit(ours && "findings" in ours && !ours.findings.every(isPassed) ? 1 : 0);
