// From flags, environment and file to the config that the gateway runs with. Everything wrong is said at once.

import { readFile } from "node:fs/promises";
import { GatewayError } from "../core/errors.ts";
import type { Config } from "./config.ts";
import { describeFileError, readConfigFile } from "./file.ts";
import { configJsonSchema } from "./json-schema.ts";
import { compareSources, stack, unknownVariables } from "./layers.ts";
import type { LayerInput, Layers, Source } from "./layers.ts";
import { configOptions } from "./options.ts";
import { describeIssues } from "./problems.ts";
import type { Profile } from "./profiles/profile.ts";
import { configSchema } from "./schema.ts";
import type { FlagValue } from "./text.ts";

export interface ConfigSources {
  /** By option name. */
  readonly flags?: ReadonlyMap<string, FlagValue>;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Path of a config file; BELFRY_CONFIG names one otherwise. None is looked for. */
  readonly file?: string | undefined;
  readonly profile?: Profile | undefined;
}

export interface LoadedConfig {
  readonly config: Config;
  /** Where the value at a path came from. */
  sourceOf(path: readonly PropertyKey[]): Source;
  /** Unknown BELFRY_* names. */
  readonly warnings: readonly string[];
}

/** @throws GatewayError `config_invalid`, one line per problem. */
export async function loadConfig(sources: ConfigSources): Promise<LoadedConfig> {
  const { flags = new Map(), env = {}, profile } = sources;
  const options = configOptions();
  const file = await openFile(sources.file ?? (env["BELFRY_CONFIG"] || undefined));
  const judged = judge({ options, flags, env, file, profile });
  if (!judged.isOk) throw new GatewayError("config_invalid", judged.problems.join("\n"));
  const { config, layers } = judged;
  const secret = await readSecret(config, layers);
  return {
    config: { ...config, secret: secret.value },
    sourceOf: (path) => (path[0] === "secret" ? secret.source : layers.sourceOf(path)),
    warnings: unknownVariables(env, options),
  };
}

export type Judged =
  | { readonly isOk: true; readonly config: Config; readonly layers: Layers }
  | { readonly isOk: false; readonly problems: readonly string[] };

/** The sources on top of each other, checked: a config, or every problem as a sentence. */
export function judge(input: LayerInput, schema = configJsonSchema()): Judged {
  const layers = stack(input);
  const result = configSchema.safeParse(layers.tree);
  if (result.success && layers.problems.length === 0) return { isOk: true, config: result.data, layers };
  const issues = result.error?.issues ?? [];
  return {
    isOk: false,
    problems: [...layers.problems, ...describeIssues(issues, layers, schema)],
  };
}

async function openFile(path: string | undefined): Promise<LayerInput["file"]> {
  if (path === undefined) return undefined;
  const result = await readConfigFile(path);
  if (!result.isOk) throw new GatewayError("config_invalid", result.problem);
  return { path, tree: result.tree };
}

interface ResolvedSecret {
  readonly value: string | undefined;
  readonly source: Source;
}

/** `secret` and `secretFile` are two ways to say one thing: the stronger source wins. */
async function readSecret({ secret, secretFile }: Config, layers: Layers): Promise<ResolvedSecret> {
  const source = layers.sourceOf(["secret"]);
  if (secretFile === undefined) return { value: secret, source };
  const fileSource = layers.sourceOf(["secretFile"]);
  if (secret !== undefined) {
    const order = compareSources(source, fileSource);
    if (order < 0) return { value: secret, source };
    if (order === 0) {
      const text = `Expected one of \`secret\` (${source.label}) and \`secretFile\` (${fileSource.label}), got both`;
      throw new GatewayError("config_invalid", text);
    }
  }
  return { value: await readSecretFile(secretFile, fileSource.label), source: fileSource };
}

/**
 * A secret from a file, without the line break at its end.
 * @throws GatewayError `config_invalid`
 */
async function readSecretFile(path: string, from: string): Promise<string> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    const got = describeFileError(error);
    throw new GatewayError("config_invalid", `Expected a secret in the file ${path} (${from}), got ${got}`);
  });
  const secret = text.replace(/\r?\n$/, "");
  if (secret.length >= 1 && secret.length <= 4_096 && !/[\r\n]/.test(secret)) return secret;
  const got = secret === "" ? "an empty file" : `${secret.length} characters`;
  throw new GatewayError(
    "config_invalid",
    `Expected one line of 1-4096 characters in the secret file ${path} (${from}), got ${got}`,
  );
}
