// The docs name files that are there: a page that outlives a move sends its reader nowhere.

import { expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { Glob } from "bun";

const root = join(import.meta.dir, "../..");
const pages = ["README.md", "{docs,bench,examples}/**/*.md", "{src,client,test}/**/README.md"]
  .flatMap((pattern) => Array.from(new Glob(pattern).scanSync({ cwd: root })))
  .filter((page) => page !== "docs/compat.md")
  .sort();
const folders = new Set([...readdirSync(root), ...readdirSync(join(root, "src"))]);

/** Files and folders in code spans, as the pages write them: from the root, from `src/`, or beside the page. */
function namedIn(text: string): readonly string[] {
  const spans = [...text.matchAll(/`([\w.-]+(?:\/[\w.-]+)*\/?)`/g)].map(([, span = ""]) => span);
  return spans.filter((span) => /\.(?:ts|c|py|sh)$/.test(span) && folders.has(span.split("/")[0] ?? ""));
}

test.each(pages)("%s names files that are there", async (page) => {
  const names = namedIn(await Bun.file(join(root, page)).text());
  const bases = [root, join(root, "src"), join(root, dirname(page))];
  expect(names.filter((name) => !bases.some((base) => existsSync(join(base, name))))).toEqual([]);
});

test("docs/README.md leads to every page", async () => {
  const text = await Bun.file(join(root, "docs/README.md")).text();
  const links = [...text.matchAll(/\]\(([^)#]+)\)/g)].map(([, path = ""]) => join("docs", path));
  const wanted = ["docs/**/*.md", "{bench,client,examples}/README.md", "src/dialects/*/README.md"];
  const all = wanted.flatMap((pattern) => Array.from(new Glob(pattern).scanSync({ cwd: root })));
  const missing = all.filter((page) => page !== "docs/README.md" && !links.includes(page));
  // The kits of the dialects are for those who change them.
  expect(missing.filter((page) => !/^src\/dialects\/(?:raw|kit)\//.test(page))).toEqual([]);
  expect(links.filter((path) => !existsSync(join(root, path)))).toEqual([]);
});

test("docs/architecture.md names every folder of src/", async () => {
  const text = await Bun.file(join(root, "docs/architecture.md")).text();
  const tree = text.split("## The tree")[1]?.split("\n## ")[0] ?? "";
  const own = ["src", "src/dialects", "src/brokers"].flatMap((folder) =>
    readdirSync(join(root, folder), { withFileTypes: true }).filter((entry) => entry.isDirectory()),
  );
  expect(own.map(({ name }) => name).filter((name) => !tree.includes(`${name}/`))).toEqual([]);
});
