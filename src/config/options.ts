// Every option of the config as flags, environment and docs see it, derived from the schema: no name is written
// twice. Options of a listener carry no section: they set the only listener there is. And the text of a flag or variable as
// the value that the schema expects: what does not fit stays text, and the schema says what was expected.

import type { Dialects } from "../dialects/registry.ts";
import { expectation, listOf } from "./json-schema.ts";
import type { SchemaNode } from "./json-schema.ts";

/** How a file holds a value. `lines`: several are fine, as in a PEM. */
export type FileForm = "line" | "lines";

export type OptionKind = "text" | "number" | "boolean" | "list" | "map" | "json";

export interface ConfigOption {
  /** `limits.nameBytes`, `address`. */
  readonly name: string;
  /** Where the value stands in the config. */
  readonly path: readonly PropertyKey[];
  readonly kind: OptionKind;
  /** `--limits-name-bytes` */
  readonly flag: string;
  /** `BELFRY_LIMITS_NAME_BYTES` */
  readonly variable: string;
  readonly description: string;
  /** What a value must be: `a number from 0 to 3600`. */
  readonly expected: string;
  /** All values that there are, where they are few. */
  readonly choices: readonly string[] | undefined;
  readonly default: unknown;
  readonly isSecret: boolean;
  /** How a file holds the value; undefined: only what is secret, or long, is kept in files. */
  readonly fileForm: FileForm | undefined;
  /** Title of its group in help and docs. */
  readonly section: string;
}

/** Shorter flags for what people type most. */
const flagNames = { origins: "cors", roomSecrets: "room-secret" } as const;

/** Values that are kept in files too, though they are no secrets: Redis URLs hold passwords, a PEM has several lines. */
const fileForms: Readonly<Record<string, FileForm>> = {
  redis: "line",
  "identity.redis": "line",
  "identity.jwt.publicKey": "lines",
  "auth.jwt.publicKey": "lines",
};

/** The name in the environment for the path of a file that holds the value of `variable`. */
export function fileVariableOf(variable: string): string {
  return `${variable}_FILE`;
}

/** All options, in the order of the schema. */
export function configOptions(schema: SchemaNode, dialects: Dialects): readonly ConfigOption[] {
  const own = Object.entries(dialects).flatMap(([name, { commands }]) =>
    Object.entries(commands?.flags ?? {}).map(([option, flag]) => [`${name}.${option}`, flag] as const),
  );
  const shortFlags = new Map([...Object.entries(flagNames), ...own]);
  return collect(schema, { path: [], names: [], section: "Gateway", shortFlags });
}

interface Place {
  /** By option name, without the dashes. */
  readonly shortFlags: ReadonlyMap<string, string>;
  readonly path: readonly PropertyKey[];
  readonly names: readonly string[];
  readonly section: string;
}

function collect(node: SchemaNode, place: Place): readonly ConfigOption[] {
  return Object.entries(node.properties ?? {}).flatMap(([key, child]) => {
    const path = [...place.path, key];
    const names = [...place.names, key];
    if (child.properties) return collect(child, { ...place, path, names, section: child.description ?? key });
    const items = child.items;
    if (items?.properties && child.isJson !== true) {
      return collect(items, { ...place, path: [...path, 0], section: items.description ?? key });
    }
    return [describe(child, { ...place, path, names })];
  });
}

function describe(node: SchemaNode, { path, names, section, shortFlags }: Place): ConfigOption {
  const name = names.join(".");
  const words = wordsOf(names);
  return {
    name,
    path,
    kind: kindOf(node),
    flag: `--${shortFlags.get(name) ?? words.join("-")}`,
    variable: `BELFRY_${words.join("_").toUpperCase()}`,
    description: node.description ?? "",
    expected: expectation(node),
    choices: node.enum,
    default: node.default,
    isSecret: isSecret(node),
    fileForm: fileForms[name] ?? (isSecret(node) ? "line" : undefined),
    section,
  };
}

/** `maxMessage` is `max`, `message`. */
export function wordsOf(names: readonly string[]): readonly string[] {
  return names.flatMap((part) => part.split(/-|(?=[A-Z])/).map((word) => word.toLowerCase()));
}

function kindOf(node: SchemaNode): OptionKind {
  if (node.isJson === true) return "json";
  if (listOf(node)) return "list";
  if (node.type === "number" || node.type === "integer") return "number";
  if (node.type === "boolean") return "boolean";
  return node.type === "object" ? "map" : "text";
}

/** Is the value, or each value of a map or list, a secret? */
export function isSecret(node: SchemaNode): boolean {
  const { additionalProperties: values, items } = node;
  if (node.writeOnly === true) return true;
  return (typeof values === "object" && isSecret(values)) || (items !== undefined && isSecret(items));
}

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
  if (kind === "json") return readJson(text);
  return text;
}

/** What is no JSON stays text, which the schema refuses. */
function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
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
