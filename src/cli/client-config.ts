// The config as `publish` and `tail` need it: that of the gateway they speak to, its profile included. Who its visitors
// are is no business of theirs, so what is missing for that refuses nothing here.

import type { Command } from "commander";
import { loadConfig } from "../config/load.ts";
import type { LoadedConfig } from "../config/load.ts";
import { profileNamed } from "../config/model.ts";
import type { ConfigModel } from "../config/model.ts";
import { addConfigFlags, givenFlags, profileFlag } from "./config-flags.ts";
import type { Cli } from "./io.ts";

export interface ClientFlags {
  readonly config?: string;
  readonly as?: string;
}

/**
 * Adds `--config`, `--as` and the options of the config that a command needs.
 * @param texts by option name, what each means there; undefined: its own description.
 */
export function addClientFlags(
  command: Command,
  model: ConfigModel,
  texts: ReadonlyMap<string, string | undefined>,
): void {
  command.option("-c, --config <file>", "Config file of the gateway [BELFRY_CONFIG]");
  command.addOption(profileFlag(model));
  addConfigFlags(command, model, ({ name, description }) =>
    texts.has(name) ? (texts.get(name) ?? description) : undefined,
  );
}

/** @throws GatewayError `config_invalid` */
export async function loadForClient(
  command: Command,
  flags: ClientFlags,
  { io, model }: Cli,
): Promise<LoadedConfig> {
  const sources = {
    flags: new Map([...givenFlags(command, model), ["identity.sessionEngine", "none"] as const]),
    env: io.env,
    file: flags.config,
    profile: profileNamed(model, flags.as),
  };
  return loadConfig(sources, model);
}
