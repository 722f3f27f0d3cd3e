// The config as `publish` and `tail` need it: that of the gateway they speak to, its profile included. Who its visitors
// are is no business of theirs, so what is missing for that refuses nothing here.

import type { Command } from "commander";
import { loadConfig } from "../config/load.ts";
import type { LoadedConfig } from "../config/load.ts";
import { profileNamed } from "../config/profiles/registry.ts";
import { givenFlags } from "./config-flags.ts";
import type { Io } from "./io.ts";

export interface ClientFlags {
  readonly config?: string;
  readonly as?: string;
}

/** @throws GatewayError `config_invalid` */
export async function loadForClient(
  command: Command,
  flags: ClientFlags,
  { env }: Io,
): Promise<LoadedConfig> {
  return loadConfig({
    flags: new Map([...givenFlags(command), ["identity.sessionEngine", "none"]]),
    env,
    file: flags.config,
    profile: flags.as === undefined ? undefined : profileNamed(flags.as),
  });
}
