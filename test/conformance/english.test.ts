// What people read is plain English: subject first, the field's words. The words of the first list make a riddle of a
// sentence, those of the second are our own and mean nothing to a reader. Neither may stand in docs or in messages; the
// riddles not in comments either.

import { expect, test } from "bun:test";
import { Glob } from "bun";

const riddles = /\b(?:whoever|whomever|whosoever|nobody|somebody|whose|no one|someone)\b/i;
/** A sentence that goes on with "who" and names no one before it, and "none" for what is of another kind. */
const riddlesOfProse =
  /\bwhom\b|\b(?:is|are) none\b|(?:[.;:] |\| |\b(?:because|so|and|while) )who (?!may |a )[a-z]+/i;
const ownWords = /\b(?:deaf|doors?|heard|hears?|unheard|house|mouth)\b/i;

/** Sentences in which such a word is the right one; each with the file that has it. */
const allowed: readonly (readonly [file: string, text: string])[] = [
  // The name of a field.
  ["docs/operations.md", "dialect, name, rooms, heard"],
  ["src/vocabulary/log-events.ts", "dialect, name, rooms, heard"],
];

/** A table of the lines that were given to us, in their words. */
const generated = "docs/compat.md";

const root = `${import.meta.dir}/../..`;

function filesOf(patterns: readonly string[]): readonly string[] {
  return patterns.flatMap((pattern) => [...new Glob(pattern).scanSync({ cwd: root })]).sort();
}

interface Line {
  readonly place: string;
  readonly file: string;
  readonly text: string;
}

/** Where one of the words stands in a text. */
function findings(lines: readonly Line[], words: readonly RegExp[]): readonly string[] {
  return lines
    .filter(({ text }) => words.some((word) => word.test(text)))
    .filter(({ file, text }) => !allowed.some(([where, part]) => where === file && text.includes(part)))
    .map(({ place, text }) => `${place}: ${text.trim()}`);
}

async function linesOf(file: string, textOf: (text: string) => string): Promise<readonly Line[]> {
  const text = textOf(await Bun.file(`${root}/${file}`).text());
  return text.split("\n").map((line, index) => ({ file, place: `${file}:${index + 1}`, text: line }));
}

/** The same text with as many lines, and without what a pattern finds. */
function without(text: string, pattern: RegExp): string {
  return text.replace(pattern, (found) => found.replace(/[^\n]/g, ""));
}

/** Prose alone: no blocks and spans of code, no comments, no targets of links. */
function proseOf(markdown: string): string {
  const patterns = [/^```[^]*?^```$/gm, /<!--[^]*?-->/g, /(`+)[^`\n]*\1/g, /\]\([^)\n]*\)/g];
  return patterns.reduce(without, markdown);
}

const literal = /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`/g;
const comment = /^\s*(?:\/\/|\/\*|\*)|\s\/\/ .*$/;

/** The texts in a source, each in its line: string literals with a space in them, less what is put in and code. */
function messagesOf(source: string): string {
  const code = source
    .split("\n")
    .map((line) => (comment.test(line) ? line.replace(/\s*\/\/.*$|^\s*\/?\*.*$/, "") : line))
    .join("\n");
  let lines = "";
  let end = 0;
  for (const { 0: text, index } of code.matchAll(literal)) {
    lines += code.slice(end, index).replace(/[^\n]/g, "");
    end = index + text.length;
    const prose = without(text.slice(1, -1).replaceAll("\\`", "`"), /\$?\{[^}]*\}|`[^`\n]*`/g);
    lines += prose.includes(" ") ? prose : prose.replace(/[^\n]/g, "");
  }
  return lines;
}

/** The comments of a source. */
function commentsOf(source: string): string {
  const lines = source.split("\n").map((line) => (comment.test(line) ? line : ""));
  return without(lines.join("\n"), /`[^`\n]*`/g);
}

async function read(files: readonly string[], textOf: (text: string) => string): Promise<readonly Line[]> {
  return (await Promise.all(files.map((file) => linesOf(file, textOf)))).flat();
}

test("the docs are plain English", async () => {
  const pages = filesOf([
    "README.md",
    "{docs,examples,packaging,bench,client}/**/*.md",
    "src/dialects/*/README.md",
  ]).filter((file) => file !== generated);
  expect(findings(await read(pages, proseOf), [riddles, riddlesOfProse, ownWords])).toEqual([]);
  expect(findings(await read(filesOf(["{src,test}/**/*.md"]), proseOf), [riddles])).toEqual([]);
});

test("the files that people copy are plain English", async () => {
  const files = filesOf([
    "packaging/**/*.{conf,cfg,env,service,socket}",
    "packaging/caddy/*",
    "examples/**/*.{ts,js,html,py}",
  ]);
  expect(findings(await read(files, (text) => text), [riddles])).toEqual([]);
});

test("messages are plain English", async () => {
  const sources = filesOf(["src/**/*.ts"]).filter((file) => !file.endsWith(".test.ts"));
  expect(findings(await read(sources, messagesOf), [riddles, riddlesOfProse, ownWords])).toEqual([]);
});

test("comments are plain English", async () => {
  const sources = filesOf(["src/**/*.ts"]).filter((file) => !file.endsWith(".test.ts"));
  expect(findings(await read(sources, commentsOf), [riddles])).toEqual([]);
});
