// `npm run bench`: every benchmark, or those named: npm run bench -- fan-out latency --clients 500,2000 --quick
// Each prints a table with ratios of one run, and what the load generator itself cost.

import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { connectStorm } from "./connect-storm.ts";
import { fanOut, tapeCost } from "./fan-out.ts";
import { handOver } from "./hand-over.ts";
import { idleMemory } from "./idle-memory.ts";
import { latency } from "./latency.ts";
import { presenceMemory } from "./presence-memory.ts";
import { reconnectStorm } from "./reconnect-storm.ts";
import { smallRooms, smallRoomsWithTape } from "./small-rooms.ts";
import { tree } from "./tree.ts";
import { logPublish } from "./log-publish.ts";
import type { DialectName } from "./support/dialects.ts";
import { manners } from "./support/dialects.ts";
import { compile } from "./support/process.ts";
import type { Bench } from "./support/subjects.ts";
import { startRedis } from "./support/subjects.ts";

const { values, positionals } = parseArgs({
  args: Bun.argv.slice(2),
  allowPositionals: true,
  options: {
    clients: { type: "string", default: "500,2000,18000" },
    dialects: { type: "string", default: Object.keys(manners).join(",") },
    messages: { type: "string", default: "400" },
    pairs: { type: "string", default: "3" },
    quick: { type: "boolean", default: false },
  },
});
const clients = (values.quick ? "500" : values.clients).split(",").map(Number);
const pairs = values.quick ? 1 : Number(values.pairs);
const messages = values.quick ? 100 : Number(values.messages);
const dialects = values.dialects.split(",").filter(isDialect);
const most = Math.max(...clients);

function isDialect(name: string): name is DialectName {
  return Object.hasOwn(manners, name);
}

/** Its receiver is a websocket. */
function hasSockets(name: DialectName): boolean {
  return manners[name].page.style !== "stream";
}

const benchmarks: Record<string, (bench: Bench) => Promise<void>> = {
  "fan-out": (bench) => fanOut(bench, { clients, pairs, messages, dialects }),
  async "tape-cost"(bench) {
    await tapeCost(bench, { clients, pairs, messages, dialects });
    await smallRoomsWithTape(bench, { pairs, messages: messages * 50 });
  },
  // Fewer would be lost in what the process itself takes and gives back.
  "idle-memory": (bench) => idleMemory(bench, Math.max(most, 5_000), dialects),
  "presence-memory": (bench) => presenceMemory(bench, Math.min(Math.max(most, 5_000), 10_000)),
  latency: (bench) => latency(bench, Math.max(messages, 100), dialects.filter(hasSockets)),
  tree: (bench) => tree(bench, { clients: most, pairs, messages: Math.max(messages, 100) }),
  // A message to one costs what fifty receivers of another do.
  "small-rooms": (bench) => smallRooms(bench, { pairs, messages: messages * 50 }),
  "log-publish": (bench) => logPublish(bench, pairs, messages * 50),
  "connect-storm": (bench) => connectStorm(bench, Math.min(most, 10_000), pairs),
  "hand-over": (bench) => handOver(bench, pairs),
  "reconnect-storm": (bench) => reconnectStorm(bench, Math.min(most, 10_000), pairs),
};
const names = positionals.length > 0 ? positionals : Object.keys(benchmarks);
const unknown = names.find((name) => !Object.hasOwn(benchmarks, name));
if (unknown !== undefined) {
  console.error(`Expected benchmarks among ${Object.keys(benchmarks).join(", ")}, got ${unknown}`);
  process.exit(2);
}

if (dialects.length < values.dialects.split(",").length) {
  console.error(`Expected dialects among ${Object.keys(manners).join(", ")}, got ${values.dialects}`);
  process.exit(2);
}

compile();
// The core of the servers is theirs alone: this process keeps to the generator's.
Bun.spawnSync(["taskset", "-a", "-cp", "1", `${process.pid}`]);
const redis = await startRedis();
console.log(
  `# Belfry's benchmarks: ${cpus().length} cores, Bun ${Bun.version}; every server and the generator share them`,
);
try {
  for (const name of names) {
    await benchmarks[name]?.({ redisUrl: redis.url, redisPort: redis.port, payload: 100 });
  }
} finally {
  await redis.child.stop();
}
