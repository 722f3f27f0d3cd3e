// Puts the sources of the config on top of each other: flag over environment over file over default, option by
// option, and remembers where each value came from.

import type { Tree } from "./file.ts";
import { isTree } from "./file.ts";
import type { ConfigOption } from "./options.ts";
import type { Profile } from "./profiles/profile.ts";
import { hint } from "./suggest.ts";
import { readFlag, readVariable } from "./text.ts";
import type { FlagValue } from "./text.ts";

/** Where values come from, strongest first. A profile's own environment names yield to BELFRY_*. */
const sourceKinds = ["flag", "environment", "profile environment", "file", "profile", "default"] as const;
export type SourceKind = (typeof sourceKinds)[number];

export interface Source {
  readonly kind: SourceKind;
  /** For people: `flag --drain`, `environment BELFRY_DRAIN`, `file belfry.yaml`, `default`. */
  readonly label: string;
}

export interface LayerInput {
  readonly options: readonly ConfigOption[];
  /** By option name. */
  readonly flags: ReadonlyMap<string, FlagValue>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly file?: { readonly path: string; readonly tree: Tree } | undefined;
  readonly profile?: Profile | undefined;
}

export interface Layers {
  /** What the schema is asked about. */
  readonly tree: Tree;
  /** Where the value at a path came from. */
  sourceOf(path: readonly PropertyKey[]): Source;
  readonly problems: readonly string[];
}

interface Given {
  readonly value: unknown;
  readonly source: Source;
}

const defaultSource: Source = { kind: "default", label: "default" };

export function stack(input: LayerInput): Layers {
  const tree = structuredClone(input.file?.tree ?? {});
  const fileSource: Source = { kind: "file", label: `file ${input.file?.path}` };
  const sources = new Map<string, Source>();
  const problems: string[] = [];
  for (const option of input.options) {
    const given = fromFlag(option, input) ?? fromEnvironment(option, input) ?? fromProfile(option, input);
    if (!given || (given.source.kind === "profile" && yieldsToFile(tree, option))) continue;
    if (setAt(tree, option.path, given.value)) sources.set(keyOf(option.path), given.source);
    else
      problems.push(
        `Expected one listener in ${fileSource.label}, got another number; ${given.source.label} sets the only one`,
      );
  }
  return {
    tree,
    problems,
    sourceOf(path) {
      for (let end = path.length; end > 0; end--) {
        const source = sources.get(keyOf(path.slice(0, end)));
        if (source) return source;
      }
      return input.file && valueAt(input.file.tree, path) !== undefined ? fileSource : defaultSource;
    },
  };
}

/** Is `a` the stronger source? */
export function compareSources(a: Source, b: Source): number {
  return sourceKinds.indexOf(a.kind) - sourceKinds.indexOf(b.kind);
}

/** BELFRY_* names that mean nothing, as warnings. What Kubernetes sets for a service `belfry` is passed over. */
export function unknownVariables(
  env: LayerInput["env"],
  options: readonly ConfigOption[],
): readonly string[] {
  const known = new Set([...options.map((option) => option.variable), "BELFRY_CONFIG"]);
  return Object.keys(env)
    .filter((name) => name.startsWith("BELFRY_") && !known.has(name))
    .filter((name) => !/^BELFRY(_[A-Z0-9]+)*_(PORT|SERVICE)(_|$)/.test(name))
    .map((name) => `Unknown environment variable \`${name}\`${hint(name, known)}`);
}

export function valueAt(tree: unknown, path: readonly PropertyKey[]): unknown {
  let value = tree;
  for (const step of path) {
    if (Array.isArray(value) && typeof step === "number") value = value[step];
    else if (isTree(value) && typeof step === "string" && Object.hasOwn(value, step)) value = value[step];
    else return undefined;
  }
  return value;
}

function fromFlag(option: ConfigOption, { flags }: LayerInput): Given | undefined {
  const given = flags.get(option.name);
  if (given === undefined) return undefined;
  return { value: readFlag(option, given), source: { kind: "flag", label: `flag ${option.flag}` } };
}

/** An empty variable is an unset one, but where the profile gives it a meaning (WSE-02). */
function fromEnvironment(option: ConfigOption, { env, profile }: LayerInput): Given | undefined {
  const own = env[option.variable];
  if (own !== undefined && own !== "") {
    const source: Source = { kind: "environment", label: `environment ${option.variable}` };
    return { value: readVariable(option, own), source };
  }
  const variable = profile?.variables.find(({ option: name }) => name === option.name);
  if (!variable) return undefined;
  const text = env[variable.name];
  if (text === undefined || (text === "" && variable.whenEmpty === undefined)) return undefined;
  const source: Source = { kind: "profile environment", label: `environment ${variable.name}` };
  return { value: text === "" ? variable.whenEmpty : text, source };
}

function fromProfile(option: ConfigOption, { profile }: LayerInput): Given | undefined {
  const value = profile?.defaults[option.name];
  if (!profile || value === undefined) return undefined;
  return { value, source: { kind: "profile", label: `profile ${profile.name}` } };
}

/** A profile's default fills a gap: a value in the file stays, and so do several listeners. */
function yieldsToFile(tree: Tree, option: ConfigOption): boolean {
  const { listeners } = tree;
  if (option.path[0] === "listeners" && Array.isArray(listeners) && listeners.length > 1) return true;
  return valueAt(tree, option.path) !== undefined;
}

/** @returns false when the path leads to the only listener and there are several. */
function setAt(tree: Tree, path: readonly PropertyKey[], value: unknown): boolean {
  const [section, second, third] = path.map(String);
  if (section === undefined) return true;
  if (section === "listeners" && third !== undefined) return setListener(tree, third, value);
  if (second === undefined) tree[section] = value;
  else {
    const inner = tree[section] ?? {};
    // Anything else than a section there is the schema's to refuse.
    if (isTree(inner)) tree[section] = { ...inner, [second]: value };
  }
  return true;
}

function setListener(tree: Tree, key: string, value: unknown): boolean {
  const listeners = tree["listeners"] ?? [{}];
  if (!Array.isArray(listeners) || (listeners.length === 1 && !isTree(listeners[0]))) return true;
  if (listeners.length !== 1) return false;
  tree["listeners"] = [{ ...listeners[0], [key]: value }];
  return true;
}

function keyOf(path: readonly PropertyKey[]): string {
  return path.map(String).join(".");
}
