// The compat table is made from the tests' names: this keeps it true.

import { expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { compatLines } from "../../scripts/compat/lines.ts";
import { chosenProofs } from "../../scripts/compat/proofs.ts";
import { drawTable, findProofs, idsIn } from "../../scripts/compat/table.ts";

const root = join(import.meta.dirname, "../..");

test("docs/compat.md is what scripts/compat/table.ts draws", async () => {
  const file = join(root, "docs/compat.md");
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

test("of an id with chosen proofs, other tests' names are tags", () => {
  const call = "test";
  const source = `${call}("WSE-05 SEC-02 the first key", () => {})\n${call}("WSE-06 the last", () => {})`;
  const chosen = { "WSE-05": ["the first key"], "WSE-06": ["the first key"], "SEC-02": ["the last"] };
  expect([...idsIn(source, chosen)]).toEqual(["WSE-05"]);
});

test("every chosen proof is there", async () => {
  const files = await Array.fromAsync(new Bun.Glob("{src,test}/**/*.test.ts").scan(root));
  const sources = await Promise.all(files.map(async (file) => readFile(join(root, file), "utf8")));
  for (const [id, titles] of Object.entries(chosenProofs)) {
    for (const title of titles) {
      const proving = sources.filter((source) => idsIn(source, { [id]: [title] }).has(id));
      expect([id, title, proving.length]).toEqual([id, title, 1]);
    }
  }
});
