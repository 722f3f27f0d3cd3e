// Plain text tables: Markdown ones, padded as a formatter leaves them, and columns for a terminal.

type Row = readonly string[];

/** A Markdown table, each column as wide as its widest cell. */
export function markdownTable(head: Row, rows: readonly Row[]): string {
  const cells = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll("|", String.raw`\|`)));
  const widths = columnWidths(cells);
  const [first, ...rest] = cells.map((row) => `| ${pad(row, widths).join(" | ")} |`);
  const rule = `| ${widths.map((width) => "-".repeat(Math.max(3, width))).join(" | ")} |`;
  return [first, rule, ...rest].join("\n");
}

/** Columns that line up, without a frame. */
export function columns(rows: readonly Row[]): string {
  const widths = columnWidths(rows);
  return rows.map((row) => pad(row, widths).join("  ").trimEnd()).join("\n");
}

function columnWidths(rows: readonly Row[]): readonly number[] {
  const count = Math.max(0, ...rows.map((row) => row.length));
  return Array.from({ length: count }, (_, index) =>
    Math.max(...rows.map((row) => (row[index] ?? "").length)),
  );
}

function pad(row: Row, widths: readonly number[]): Row {
  return row.map((cell, index) => cell.padEnd(Math.max(3, widths[index] ?? 0)));
}
