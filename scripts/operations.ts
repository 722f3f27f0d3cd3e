// The tables of reasons and log events in docs/operations.md, printed from vocabulary/reasons.ts and vocabulary/log-events.ts:
// `scripts/bun scripts/operations.ts` writes them into the page, and test/e2e/metrics.test.ts compares.

import { join } from "node:path";
import { markdownTable } from "../src/config/table.ts";
import { logEvents } from "../src/vocabulary/log-events.ts";
import { disconnections, refusals, returns, skips, webhookFailures } from "../src/vocabulary/reasons.ts";

const page = join(import.meta.dir, "../docs/operations.md");

type Rows = readonly (readonly [reasons: readonly string[], meaning: string])[];

function reasonTable(rows: Rows): string {
  const cells = rows.map(([reasons, meaning]) => [
    reasons.map((reason) => `\`${reason}\``).join(" "),
    meaning,
  ]);
  return markdownTable(["reason", "meaning"], cells);
}

function eventTable(): string {
  const cells = Object.entries(logEvents).map(([event, { levels, fields, when }]) => [
    `\`${event}\``,
    levels.join(", "),
    fields,
    when,
  ]);
  return markdownTable(["event", "level", "fields", "when"], cells);
}

/** By the text that stands before each table. */
const tables: readonly (readonly [before: string, table: string])[] = [
  ["Why clients disconnected", reasonTable(disconnections)],
  ["What was refused", reasonTable(refusals)],
  ["What became of clients that came back", reasonTable(returns)],
  ["What was skipped on the bus", reasonTable(skips)],
  ["Why webhooks failed", reasonTable(webhookFailures)],
  ["## Logs", eventTable()],
];

/** The page with the tables of the code. Throws when a place for one is missing. */
export function withTables(text: string): string {
  return tables.reduce((result, [before, table]) => {
    const start = result.indexOf("\n| ", result.indexOf(before)) + 1;
    const end = result.indexOf("\n\n", start);
    if (!result.includes(before) || start === 0 || end === -1)
      throw new Error(`Expected a table after ${before}`);
    return result.slice(0, start) + table + result.slice(end);
  }, text);
}

if (import.meta.main) await Bun.write(page, withTables(await Bun.file(page).text()));
