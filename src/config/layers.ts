// Puts the sources of the config on top of each other: flag over environment over file over default, option by
// option, and remembers where each value came from.

import { valueAt, withValue } from "./file.ts";
import type { Tree, TreePath } from "./file.ts";
import { fileVariableOf } from "./options.ts";
import type { ConfigOption } from "./options.ts";
import { profileDefault, strongest } from "./sources.ts";
import type { Given, Source, SourceInput } from "./sources.ts";
import { hint } from "./suggest.ts";

export interface Layers {
  /** What the schema is asked about. */
  readonly tree: Tree;
  /** Where the value at a path came from. */
  sourceOf(path: TreePath): Source;
  readonly problems: readonly string[];
}

const defaultSource: Source = { kind: "default", label: "default" };

export function stack(input: SourceInput): Layers {
  let tree = structuredClone(input.file?.tree ?? {});
  const sources = new Map<string, Source>();
  const problems = [...refusals(input)];
  const set = ({ path }: ConfigOption, { value, source }: Given): void => {
    tree = withValue(tree, path, value);
    sources.set(keyOf(path), source);
  };
  for (const option of input.options) {
    const given = strongest(option, input);
    if (!given) continue;
    const problem = "problem" in given ? given.problem : misplaced(input, option, given);
    if (problem !== undefined) problems.push(problem);
    else if (!("problem" in given)) set(option, given);
  }
  for (const option of input.options) {
    const given = profileDefault(option, input);
    if (given && isGap(tree, option)) set(option, given);
  }
  return {
    tree,
    problems,
    sourceOf(path) {
      for (let end = path.length; end > 0; end--) {
        const source = sources.get(keyOf(path.slice(0, end)));
        if (source) return source;
      }
      const { file } = input;
      return file && valueAt(file.tree, path) !== undefined ? fileSource(file.path) : defaultSource;
    },
  };
}

/** BELFRY_* names that mean nothing, as warnings. What Kubernetes sets for a service `belfry` is passed over. */
export function unknownVariables({ env, options }: Pick<SourceInput, "env" | "options">): readonly string[] {
  const names = options.flatMap(({ variable, fileForm }) =>
    fileForm === undefined ? [variable] : [variable, fileVariableOf(variable)],
  );
  const known = new Set([...names, "BELFRY_CONFIG"]);
  return Object.keys(env)
    .filter((name) => name.startsWith("BELFRY_") && !known.has(name))
    .filter((name) => !/^BELFRY(_[A-Z0-9]+)*_(PORT|SERVICE)(_|$)/.test(name))
    .map((name) => `Unknown environment variable \`${name}\`${hint(name, known)}`);
}

/** Settings of the other system that Belfry cannot keep. */
function refusals({ env, profile }: SourceInput): readonly string[] {
  const refused = profile?.refused.filter(({ name }) => (env[name] ?? "") !== "") ?? [];
  return refused.map(({ name, instead }) => `Expected no \`${name}\` in the environment. ${instead}`);
}

/** A listener's option means the only one there is. */
function misplaced({ file }: SourceInput, option: ConfigOption, { source }: Given): string | undefined {
  if (!file || !isAmbiguous(file.tree, option)) return undefined;
  return `Expected one listener in ${fileSource(file.path).label}, got another number; ${source.label} sets the only one`;
}

/** A profile's default fills a gap: what is set stays, and so do several listeners, and a listener on a socket. */
function isGap(tree: Tree, option: ConfigOption): boolean {
  if (valueAt(tree, option.path) !== undefined || isAmbiguous(tree, option)) return false;
  return option.name !== "address" || valueAt(tree, ["listeners", 0, "unix"]) === undefined;
}

function isAmbiguous({ listeners }: Tree, { path }: ConfigOption): boolean {
  return path[0] === "listeners" && Array.isArray(listeners) && listeners.length !== 1;
}

function fileSource(path: string): Source {
  return { kind: "file", label: `file ${path}` };
}

function keyOf(path: TreePath): string {
  return path.map(String).join(".");
}
