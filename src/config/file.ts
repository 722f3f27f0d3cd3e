// The config file of a start: Belfry's own, or under `--as` the one that the other system has. YAML, of which JSON is a part.
// What comes out is a plain tree of Belfry's options, which layers.ts puts under the stronger sources and the schema then
// judges. Nothing of the file's text gets into a message: it may hold secrets.

import { existsSync } from "node:fs";
import { LineCounter, parseDocument } from "yaml";
import { GatewayError } from "../vocabulary/errors.ts";
import type { OptionValues, Profile, ProfileFile, ProfileFileContent } from "../dialects/profile.ts";
import { describeFileError, readNamedFile } from "../files/named-file.ts";
import type { ConfigOption } from "./options.ts";

export type Tree = Record<string, unknown>;
type FileResult =
  | { readonly isOk: true; readonly tree: Tree }
  | { readonly isOk: false; readonly problem: string };

const maxFileBytes = 1024 * 1024;

export interface FileSource {
  readonly path: string;
  readonly tree: Tree;
  /** For people: keys of the file that have no effect, and need none. */
  readonly notes: readonly string[];
  /** For people: keys of the file that are unknown. */
  readonly warnings: readonly string[];
}

export interface FileRequest {
  /** As given; without it, only a profile's file is looked for. */
  readonly path: string | undefined;
  readonly profile: Profile | undefined;
  readonly options: readonly ConfigOption[];
}

/** Reads the file of a start; undefined when there is none. @throws GatewayError `config_invalid` */
export function openFileSource(request: FileRequest): FileSource | undefined {
  const own = request.profile?.file;
  const path = request.path ?? own?.places.find((place) => existsSync(place));
  if (path === undefined) return undefined;
  const result = readConfigFile(path);
  if (!result.isOk) throw new GatewayError("config_invalid", result.problem);
  if (!own) return { path, tree: result.tree, notes: [], warnings: [] };
  const { values, notes, warnings } = readOwn(own, path, result.tree);
  const placed = (text: string): string => `${text} (file ${path})`;
  return {
    path,
    tree: treeOf(values, request.options),
    notes: notes.map(placed),
    warnings: warnings.map(placed),
  };
}

function readOwn(own: ProfileFile, path: string, tree: Tree): ProfileFileContent {
  try {
    return own.read(tree);
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    const problems = error.message.split("\n").map((problem) => `${problem} (file ${path})`);
    throw new GatewayError(error.code, problems.join("\n"));
  }
}

function treeOf(values: OptionValues, options: readonly ConfigOption[]): Tree {
  let tree: Tree = {};
  for (const { name, path } of options) {
    if (Object.hasOwn(values, name)) tree = withValue(tree, path, values[name]);
  }
  return tree;
}

/** Never throws: a file that cannot be read is a problem too. */
export function readConfigFile(path: string): FileResult {
  let bytes: Buffer;
  try {
    bytes = readNamedFile(path, 16 * maxFileBytes);
  } catch (error) {
    return failed(`Expected a config file at ${path}, got ${describeFileError(error)}`);
  }
  if (bytes.length > maxFileBytes) {
    return failed(`Expected a config file of at most ${maxFileBytes} bytes at ${path}, got ${bytes.length}`);
  }
  const result = parseConfig(bytes.toString());
  return result.isOk ? result : failed(`Expected YAML or JSON in ${path}, got ${result.problem}`);
}

/** Parses the text of a config file. An empty one sets nothing. */
export function parseConfig(text: string): FileResult {
  try {
    const lines = new LineCounter();
    const document = parseDocument(text, { prettyErrors: false, lineCounter: lines, stringKeys: true });
    const [error] = [...document.errors, ...document.warnings];
    if (error) {
      const { line, col } = lines.linePos(error.pos[0]);
      return failed(`${error.code.toLowerCase().replaceAll("_", " ")} at line ${line}, column ${col}`);
    }
    const tree: unknown = document.toJS({ maxAliasCount: 100 });
    JSON.stringify(tree); // Throws when a level holds itself.
    if (tree === null) return { isOk: true, tree: {} };
    return isTree(tree) ? { isOk: true, tree } : failed("something else than a section at its top");
  } catch {
    return failed("aliases or levels without end"); // The library gave up on expanding it.
  }
}

/** A section, as opposed to a list or a single value. */
export function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function failed(problem: string): FileResult {
  return { isOk: false, problem };
}

export type TreePath = readonly PropertyKey[];

/** The value at a path; undefined where there is none. */
export function valueAt(tree: unknown, path: TreePath): unknown {
  let value = tree;
  for (const step of path) {
    if (Array.isArray(value) && typeof step === "number") value = value[step];
    else if (isTree(value) && typeof step === "string" && Object.hasOwn(value, step)) value = value[step];
    else return undefined;
  }
  return value;
}

/** The tree with a value at a path; sections on the way are made. What is no section there stays, for the schema to refuse. */
export function withValue(tree: Tree, path: TreePath, value: unknown): Tree {
  const changed = changedAt(tree, path, value);
  return isTree(changed) ? changed : tree;
}

function changedAt(node: unknown, path: TreePath, value: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return value;
  if (typeof step === "number") {
    const list = node ?? [{}];
    if (!Array.isArray(list) || step >= list.length) return node;
    return list.with(step, changedAt(list[step], rest, value));
  }
  const section = node ?? {};
  const key = String(step);
  if (!isTree(section)) return node;
  const inner = Object.hasOwn(section, key) ? section[key] : undefined;
  return { ...section, [key]: changedAt(inner, rest, value) };
}
