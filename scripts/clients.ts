// `npm run test:clients`: the real Socket.IO clients for Java, Rust and Go against a gateway, over each transport. It builds
// their programs into .cache, prints a table, and ends with `N passed, N failed`. Not a part of `npm test`: it needs a JDK
// with Maven, cargo and go, and says so where they are missing. What their bytes look like is in `npm test`.

import { startRedis } from "../test/support/redis.ts";
import { buildProgram, programs, steps, transports } from "../test/clients/programs.ts";
import type { Program, Step, Transport } from "../test/clients/programs.ts";
import { Scenario } from "../test/clients/scenario.ts";

/** A step that passed, failed, or that the client itself cannot take. */
type Result = "ok" | "FAILED" | "-";

interface Row {
  readonly title: string;
  readonly transport: Transport;
  readonly results: Readonly<Record<Step, Result>>;
}

const notes = new Set<string>();

/** Steps in a row: after one that failed, what follows is tried all the same. */
async function runClient(
  program: Program,
  command: readonly string[],
  { redis, transport }: { readonly redis: string; readonly transport: Transport },
): Promise<Row> {
  const results: Partial<Record<Step, Result>> = {};
  const { title, unreadableByte, needsBusy = [] } = program;
  const isBusy = needsBusy.includes(transport);
  await using scenario = await Scenario.start({ redis, command, transport, unreadableByte, isBusy });
  for (const step of steps) {
    if (noteLimit(program, step, transport)) {
      results[step] = "-";
      continue;
    }
    try {
      await scenario.steps[step]();
      results[step] = "ok";
    } catch (error) {
      results[step] = "FAILED";
      console.log(`${title} over ${transport}, ${step}: ${String(error)}`);
    }
  }
  return { title, transport, results: results as Record<Step, Result> };
}

/** @returns whether the client cannot take this step. */
function noteLimit({ title, limits = [] }: Program, step: Step, transport: Transport): boolean {
  const limit = limits.find(
    (each) => each.step === step && (each.transports ?? transports).includes(transport),
  );
  if (limit)
    notes.add(`- ${title}, ${limit.transports?.join(" and ") ?? "all transports"}, ${step}: ${limit.why}.`);
  return limit !== undefined && limit.isTaken !== true;
}

function missing(): readonly string[] {
  return programs.flatMap(({ title, needs, install }) => {
    const commands = needs.filter((name) => Bun.which(name) === null);
    return commands.length === 0
      ? []
      : [`Expected ${commands.join(", ")} for ${title}, found none: install ${install}.`];
  });
}

function drawTable(rows: readonly Row[]): string {
  const lines = [["client", "transport", ...steps]];
  for (const { title, transport, results } of rows) {
    lines.push([title, transport, ...steps.map((step) => results[step])]);
  }
  const widths =
    lines[0]?.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0))) ?? [];
  const drawn = lines.map(
    (line) => `| ${line.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(" | ")} |`,
  );
  drawn.splice(1, 0, `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`);
  return drawn.join("\n");
}

async function main(): Promise<number> {
  const lacks = missing();
  for (const sentence of lacks) console.log(sentence);
  if (lacks.length > 0) {
    console.log(`0 passed, ${lacks.length} failed`);
    return 1;
  }
  const redis = await startRedis();
  const rows: Row[] = [];
  for (const program of programs) {
    console.log(`${program.title}: building`);
    const command = await buildProgram(program);
    for (const transport of transports)
      rows.push(await runClient(program, command, { redis: redis.url, transport }));
  }
  await redis.stop();
  const all = rows.flatMap(({ results }) => Object.values(results));
  const count = (wanted: Result): number => all.filter((result) => result === wanted).length;
  console.log(`\n${drawTable(rows)}\n\n${[...notes].join("\n")}\n`);
  console.log(`${count("ok")} passed, ${count("FAILED")} failed`);
  return count("FAILED") === 0 ? 0 : 1;
}

process.exit(await main());
