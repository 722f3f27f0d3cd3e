// The table of several systems under the same faults, as docs/reliability.md has it.

import type { Findings } from "./oracle.ts";

/** A system, and what was found in each of its runs, or why it could not run here. */
export type Compared =
  | { readonly title: string; readonly findings: readonly Findings[] }
  | { readonly title: string; readonly absence: string };

const columns: Readonly<Record<string, (findings: Findings) => number>> = {
  deliveries: ({ deliveries }) => deliveries,
  "lost unsaid": ({ lost, falselyRecovered }) => lost.length + falselyRecovered.length,
  "of these falsely recovered": ({ falselyRecovered }) => falselyRecovered.length,
  "told or received too late": ({ late }) => late.length,
  repeated: ({ repeated }) => repeated.length,
  reordered: ({ reordered }) => reordered.length,
};

/** A table in Markdown, the counts of all runs added up. */
export function comparisonOf(all: readonly Compared[]): string {
  const head = ["system", ...Object.keys(columns), "recovered of what was kept"];
  const rows = all.map((one) => ("absence" in one ? [one.title, one.absence] : rowOf(one)));
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function rowOf({ title, findings }: { readonly title: string; readonly findings: readonly Findings[] }) {
  const sum = (of: (one: Findings) => number): number => findings.reduce((total, one) => total + of(one), 0);
  const counts = Object.values(columns).map((of) => sum(of).toLocaleString("en"));
  const [recovered, due] = [sum((one) => one.recovered), sum((one) => one.recoverable)];
  const share = due === 0 ? "-" : `${((recovered / due) * 100).toFixed(1)} % of ${due}`;
  return [title, ...counts, share];
}
