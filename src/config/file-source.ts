// The config file of a start: Belfry's own, or under `--as` the one that the other system has. Either becomes a tree of
// Belfry's options, which layers.ts puts under the stronger sources.

import { existsSync } from "node:fs";
import { GatewayError } from "../core/errors.ts";
import { readConfigFile } from "./file.ts";
import type { Tree } from "./file.ts";
import type { ConfigOption } from "./options.ts";
import type { OptionValues, Profile, ProfileFile, ProfileFileContent } from "./profiles/profile.ts";
import { withValue } from "./tree-path.ts";

export interface FileSource {
  readonly path: string;
  readonly tree: Tree;
  /** For people: what of the file has no effect, and need have none. */
  readonly notes: readonly string[];
  /** For people: what of the file nobody knows. */
  readonly warnings: readonly string[];
}

export interface FileRequest {
  /** As given; without it, only a profile's file is looked for. */
  readonly path: string | undefined;
  readonly profile: Profile | undefined;
  readonly options: readonly ConfigOption[];
}

/** @throws GatewayError `config_invalid` */
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
