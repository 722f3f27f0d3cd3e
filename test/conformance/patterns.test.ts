// Every regular expression of src/ takes time in proportion to its text: each is found in the source, and fed 64 KiB of
// each character that could make it go back and forth (T7, T21). One that a peer can feed stops everybody while it runs.

import { expect, test } from "bun:test";
import { Glob } from "bun";
import { join } from "node:path";

const root = join(import.meta.dir, "../../src");
const worst = 64 * 1024;
/** A linear one takes less than 1 ms, a quadratic one more than 500. */
const mostMs = 50;

interface Pattern {
  readonly file: string;
  readonly literal: string;
}

/** Characters of a source behind which a slash begins a regular expression. */
const openers = "(,=:[!&|?{};+>";

/** The regular expressions of a source; comments, strings and templates are passed over. */
function* literalsIn(source: string): Iterable<string> {
  let before = ";";
  for (let at = 0; at < source.length; at++) {
    const here = source[at] ?? "";
    if (source.startsWith("//", at)) at = endOf(source, "\n", at);
    else if (source.startsWith("/*", at)) at = endOf(source, "*/", at + 2) + 1;
    else if (here === '"' || here === "'") at = closing(source, here, at + 1);
    else if (here === "`") {
      const end = closing(source, here, at + 1);
      for (const [, part = ""] of source.slice(at, end).matchAll(/\$\{([^`]*?)\}/g)) yield* literalsIn(part);
      at = end;
    } else if (here === "/" && (openers.includes(before) || /\breturn\s*$/.test(source.slice(at - 10, at)))) {
      const end = closing(source, "/", at + 1);
      const flags = /^[a-z]*/.exec(source.slice(end + 1, end + 10))?.[0] ?? "";
      yield source.slice(at, end + 1) + flags;
      at = end + flags.length;
    }
    if (!/\s/.test(source[at] ?? "")) before = source[at] ?? "";
  }
}

function endOf(source: string, mark: string, from: number): number {
  const end = source.indexOf(mark, from);
  return end === -1 ? source.length : end;
}

/** Where a string or a regular expression ends. */
function closing(source: string, mark: string, from: number): number {
  let isClass = false;
  for (let at = from; at < source.length; at++) {
    const here = source[at];
    if (here === "\\") at++;
    else if (mark === "/" && here === "[") isClass = true;
    else if (mark === "/" && here === "]") isClass = false;
    else if (here === mark && !isClass) return at;
  }
  return source.length;
}

function compile(literal: string): RegExp {
  const end = literal.lastIndexOf("/");
  return new RegExp(literal.slice(1, end), literal.slice(end + 1));
}

/** What it asks for at its start, as it stands: `bearer ` of `/^bearer +(.*)$/i`. */
function headOf({ source }: RegExp): string {
  const plain = /^\^?([\w :,"<>=@{}-]*)/.exec(source)?.[1] ?? "";
  // A quantifier behind the last character is for that one alone.
  return /^[*+?{]/.test(source.replace(/^\^/, "").slice(plain.length)) ? plain.slice(0, -1) : plain;
}

/** Characters, and some that come in pairs, of which a long run may be hard. */
function unitsFor(pattern: RegExp): ReadonlySet<string> {
  const named = pattern.source.split("").filter((character) => /[ -~]/.test(character));
  const usual = [
    " ",
    "\t",
    "\r",
    "\n",
    "\\",
    '"',
    ",",
    "/",
    "a",
    "A",
    "0",
    "_",
    ".",
    "-",
    ":",
    "é",
    "\uFFFD",
    "\u0001",
  ];
  return new Set([...named, ...usual, " ,", "\\\\n", "%41", "a.", "a:", "a,", "://", "[]", "]:", "{}"]);
}

function* textsFor(pattern: RegExp, length: number): Iterable<string> {
  const head = headOf(pattern);
  for (const start of new Set(["", head, `${head}a`, "a://", "["])) {
    for (const unit of unitsFor(pattern)) {
      const run = unit.repeat(length / unit.length);
      for (const end of ["", "\n", "\u0001", "x"]) yield start + run + end;
    }
  }
}

/** The shortest of a few times: something else may run meanwhile, but not for so long. */
function timeOf(work: () => unknown): number {
  let shortest = 10 * mostMs;
  for (let run = 0; run < 3 && shortest > mostMs; run++) {
    const started = performance.now();
    work();
    shortest = Math.min(shortest, performance.now() - started);
  }
  return shortest;
}

/** The first text for which it takes too long. */
function stumbles(pattern: RegExp, length: number): string | undefined {
  for (const text of textsFor(pattern, length)) {
    const ms = timeOf(() => {
      pattern.lastIndex = 0;
      pattern.exec(text);
    });
    const splitMs = timeOf(() => text.split(pattern, 2));
    if (Math.max(ms, splitMs) > mostMs)
      return `${Math.max(ms, splitMs).toFixed(0)} ms: ${JSON.stringify(text.slice(0, 20))}`;
  }
  return undefined;
}

async function patternsOf(folder: string): Promise<readonly Pattern[]> {
  const patterns: Pattern[] = [];
  for await (const file of new Glob("**/*.ts").scan(folder)) {
    if (file.endsWith(".test.ts")) continue;
    const source = await Bun.file(join(folder, file)).text();
    expect({ file, isMadeOfText: source.includes("new RegExp(") }).toEqual({ file, isMadeOfText: false });
    for (const literal of literalsIn(source)) patterns.push({ file, literal });
  }
  return patterns;
}

test("T7 T21 no pattern in src takes more than time in proportion to 64 KiB of its worst characters", async () => {
  const patterns = await patternsOf(root);
  expect(patterns.length).toBeGreaterThan(50);
  const slow = patterns.flatMap(({ file, literal }) => {
    const stumbled = stumbles(compile(literal), worst);
    return stumbled === undefined ? [] : [`${file} ${literal} ${stumbled}`];
  });
  expect(slow).toEqual([]);
}, 120_000);

test("T7 what is quadratic is found, and where it stands", () => {
  const source =
    String.raw`const a = text.split(/\s*,\s*/); /* /x/ */ const b = "/y/"; return /[/]$/i;` +
    ' c = `${d.replace(/e/, "")}`';
  expect([...literalsIn(source)]).toEqual([String.raw`/\s*,\s*/`, "/[/]$/i", "/e/"]);
  for (const literal of [String.raw`/\s*,\s*/`, String.raw`/\/+$/`, "/^bearer +(.*)$/i"]) {
    expect({ literal, isFound: stumbles(compile(literal), worst / 3) !== undefined }).toEqual({
      literal,
      isFound: true,
    });
  }
}, 120_000);
