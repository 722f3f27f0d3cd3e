// What a run says at its end: a table for people, one line for programs, and whether it kept the bars.

import type { Book } from "./book.ts";
import type { Findings } from "./oracle.ts";

/** Of the breaks of clients while everything that they missed was kept. */
const recoveredShare = 0.99;
/** So many examples are shown of each failure. */
const shown = 5;

const failures = ["lost", "late", "falselyRecovered", "repeated", "reordered", "misplaced"] as const;

export function isPassed(findings: Findings): boolean {
  return (
    failures.every((name) => findings[name].length === 0) &&
    shareOf(findings) >= recoveredShare &&
    findings.deliveries > 0
  );
}

function shareOf({ recoverable, recovered }: Findings): number {
  return recoverable === 0 ? 1 : recovered / recoverable;
}

export function tableOf({ faults }: Book, findings: Findings): string {
  const counts = new Map<string, number>();
  for (const { name } of faults) counts.set(name, (counts.get(name) ?? 0) + 1);
  const lines = [
    ...[...counts]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, count]) => [name, String(count)] as const),
    ["F12 clients cut off", String(findings.cuts)] as const,
    ["publications carried out", String(findings.publications)] as const,
    ["deliveries checked", String(findings.deliveries)] as const,
    ["losses told", String(findings.told)] as const,
    ["returns to a room", String(findings.returns)] as const,
    [
      "  kept, and recovered",
      `${findings.recovered} of ${findings.recoverable} (${(shareOf(findings) * 100).toFixed(2)} %, bar 99 %)`,
    ] as const,
    ["  kept, no event received before", `${findings.placeless} (Socket.IO has no offset then)`] as const,
    ...failures.map((name) => [name, `${findings[name].length} (bar 0)`] as const),
  ];
  const examples = [...failures, "notRecovered" as const].flatMap((name) =>
    findings[name].slice(0, shown).map((text) => `  ${name}: ${text}`),
  );
  return [...lines.map(([name, value]) => `${name.padEnd(34)} ${value}`), ...examples].join("\n");
}

/** @param about what was judged */
export function summaryOf(about: object, findings: Findings): Readonly<Record<string, unknown>> {
  const counts = Object.fromEntries(
    Object.entries(findings).map(([name, value]) => [
      name,
      typeof value === "number" ? value : (value as readonly string[]).length,
    ]),
  );
  return { ...about, ...counts, passed: isPassed(findings) };
}
