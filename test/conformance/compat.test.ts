// The compat table is made from the tests' names: this keeps it true.

import { expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { compatLines } from "../../scripts/compat/lines.ts";
import { drawTable, findProofs, idsIn } from "../../scripts/compat/table.ts";

test("docs/compat.md is what scripts/compat/table.ts draws", async () => {
  const file = join(import.meta.dirname, "../../docs/compat.md");
  expect(await readFile(file, "utf8")).toBe(await drawTable());
});

test("every promised line is proved by a test, or says why not", async () => {
  const proofs = await findProofs();
  const open = compatLines.filter(({ id, unmet }) => !proofs.has(id) && unmet === undefined);
  expect(open.map(({ id }) => id)).toEqual([]);
});

test("ids count only at the start of a test's name", () => {
  // Put together here, so that this file proves nothing by quoting itself.
  const call = "test";
  const source = `${call}("WSE-05 SEC-02 the first key, unlike WSE-03", () => {})`;
  expect([...idsIn(source)]).toEqual(["WSE-05", "SEC-02"]);
});
