// `npm run faults`: gateways, Redis and clients are broken by a seed, and an oracle that asks no gateway says what was lost.
// --seed N, --seconds N (of faults), --repeat N (further seeds), --clients N, --rooms N, --rate N, --history FILE.
// Prints a table and a line of JSON for each run; ends with 1 past a bar.

import { parseArgs } from "node:util";
import { campaign } from "./campaign.ts";
import { judge } from "./oracle.ts";
import { isPassed, summaryOf, tableOf } from "./report.ts";

const { values } = parseArgs({
  args: Bun.argv.slice(2),
  options: {
    seed: { type: "string", default: "1" },
    seconds: { type: "string", default: "90" },
    repeat: { type: "string", default: "1" },
    clients: { type: "string", default: "60" },
    rooms: { type: "string", default: "15" },
    rate: { type: "string", default: "150" },
    history: { type: "string" },
  },
});

const first = Number(values.seed);
let isGood = true;
for (let seed = first; seed < first + Number(values.repeat); seed++) {
  const plan = {
    seed,
    seconds: Number(values.seconds),
    clients: Number(values.clients),
    rooms: Number(values.rooms),
    rate: Number(values.rate),
  };
  const history = await campaign(plan);
  if (values.history !== undefined)
    await Bun.write(values.history, history.map((event) => JSON.stringify(event)).join("\n"));
  const findings = judge(history);
  console.log(tableOf(history, findings));
  console.log(JSON.stringify(summaryOf(plan, findings)));
  isGood &&= isPassed(findings);
}
process.exit(isGood ? 0 : 1);
