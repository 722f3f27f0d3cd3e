// From flags, environment and file to the config that the gateway runs with. Everything wrong is said at once.

import { GatewayError } from "../vocabulary/errors.ts";
import { isTree, openFileSource, valueAt } from "./file.ts";
import { houseProblems } from "./house-rules.ts";
import { stack, unknownVariables } from "./layers.ts";
import type { Layers } from "./layers.ts";
import { createConfigModel } from "./model.ts";
import type { ConfigModel } from "./model.ts";
import type { ConfigOption } from "./options.ts";
import { describeIssues } from "./problems.ts";
import type { Config } from "./schema.ts";
import type { Source, SourceInput } from "./sources.ts";

export interface ConfigSources extends Partial<
  Pick<SourceInput, "flags" | "env" | "profile" | "profileFlags">
> {
  /**
   * Path of a config file; BELFRY_CONFIG names one otherwise. It is Belfry's own, or the other system's where the
   * profile has one; only that one is looked for when none is named.
   */
  readonly file?: string | undefined;
}

export interface LoadedConfig {
  readonly config: Config;
  /** Where the value at a path came from. */
  sourceOf(path: readonly PropertyKey[]): Source;
  /** What of the file has no effect, and need have none. */
  readonly notes: readonly string[];
  /** Names that mean nothing: of BELFRY_* variables, and in another system's file. */
  readonly warnings: readonly string[];
}

/** @throws GatewayError `config_invalid`, one line per problem. */
export async function loadConfig(
  sources: ConfigSources,
  model: ConfigModel = createConfigModel(),
): Promise<LoadedConfig> {
  const { flags = new Map(), env = {}, profile, profileFlags } = sources;
  const { options } = model;
  const path = sources.file ?? (env["BELFRY_CONFIG"] || undefined);
  const file = openFileSource({ path, profile, options });
  const judged = judge({ options, flags, env, file, profile, profileFlags }, model);
  if (!judged.isOk) throw new GatewayError("config_invalid", judged.problems.join("\n"));
  const { config, layers } = judged;
  return {
    config,
    sourceOf: (place) => layers.sourceOf(place),
    notes: file?.notes ?? [],
    warnings: [...(file?.warnings ?? []), ...unknownVariables({ env, options })],
  };
}

export type Judged =
  | { readonly isOk: true; readonly config: Config; readonly layers: Layers }
  | { readonly isOk: false; readonly problems: readonly string[] };

/** The sources on top of each other, checked: a config, or every problem as a sentence. */
export function judge(input: SourceInput, model: ConfigModel): Judged {
  const layers = stack(input);
  const result = model.schema.safeParse(layers.tree);
  const lost = lostNames(input.options, layers);
  // A value that is wrong in itself, as a URL that is none, says nothing about the others.
  const issues = result.success ? houseProblems(result.data, model.dialects) : result.error.issues;
  const problems = [...layers.problems, ...lost, ...describeIssues(issues, layers, model.json)];
  return result.success && problems.length === 0
    ? { isOk: true, config: result.data, layers }
    : { isOk: false, problems };
}

/** The schema drops this name of a map silently, and with it a secret: it is reported instead. */
function lostNames(options: readonly ConfigOption[], layers: Layers): readonly string[] {
  return options
    .filter(({ kind, path }) => {
      const map = valueAt(layers.tree, path);
      return kind === "map" && isTree(map) && Object.hasOwn(map, "__proto__");
    })
    .map(({ name, path }) => {
      const { label } = layers.sourceOf([...path, "__proto__"]);
      return `Expected another name than \`__proto__\` in \`${name}\` (${label})`;
    });
}
