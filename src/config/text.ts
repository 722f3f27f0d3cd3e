// The text of a flag or an environment variable as the value that the schema expects. What does not fit stays
// text: the schema then says what was expected, and what came.

import type { ConfigOption } from "./options.ts";

/** What the command line gives for one option: `--a x`, `--b x y`, or a bare `--c`. */
export type FlagValue = string | readonly string[] | true;

const numberPattern = /^[+-]?\d{1,20}(\.\d{1,20})?$/;
const booleans: ReadonlyMap<string, boolean> = new Map([
  ["true", true],
  ["yes", true],
  ["on", true],
  ["1", true],
  ["false", false],
  ["no", false],
  ["off", false],
  ["0", false],
]);

/** Reads an environment variable: lists are split on spaces and commas, maps and lists of secrets on spaces alone. */
export function readVariable(option: ConfigOption, text: string): unknown {
  if (option.kind === "list") return option.isSecret ? splitOnSpaces(text) : split(text);
  if (option.kind === "map") return readMap(splitOnSpaces(text)) ?? text;
  return readScalar(option, text);
}

/** Reads a flag: each of its values is one element of a list or map. */
export function readFlag(option: ConfigOption, given: FlagValue): unknown {
  if (given === true) return given;
  const texts = [given].flat();
  if (option.kind === "list") return texts;
  if (option.kind === "map") return readMap(texts) ?? texts.join(" ");
  return readScalar(option, texts.at(-1) ?? "");
}

function readScalar({ kind }: ConfigOption, text: string): unknown {
  const trimmed = text.trim();
  if (kind === "number" && numberPattern.test(trimmed)) return Number(trimmed);
  if (kind === "boolean") return booleans.get(trimmed.toLowerCase()) ?? text;
  return text;
}

/** A comma may be part of an element. */
function splitOnSpaces(text: string): readonly string[] {
  return text.split(/\s+/).filter((element) => element !== "");
}

function split(text: string): readonly string[] {
  return text.split(/[\s,]+/).filter((element) => element !== "");
}

/** `name=value` each; undefined when one of them is not. */
function readMap(pairs: readonly string[]): Readonly<Record<string, string>> | undefined {
  const entries = pairs.map((pair): readonly [string, string] | undefined => {
    const equals = pair.indexOf("=");
    return equals === -1 ? undefined : [pair.slice(0, equals), pair.slice(equals + 1)];
  });
  const known = entries.filter((entry) => entry !== undefined);
  return known.length === entries.length ? Object.fromEntries(known) : undefined;
}
