// What the commands share that ask a gateway which runs: where it is, and the publish secret that it wants.

import type { Command } from "commander";
import type { ConfigModel } from "../config/model.ts";
import type { Config } from "../config/schema.ts";
import { secretOf } from "./api-request.ts";
import type { AskedGateway } from "./api-request.ts";
import { addClientFlags, loadForClient } from "./client-config.ts";
import type { ClientFlags } from "./client-config.ts";
import { apiUrl } from "./gateway-url.ts";
import type { Cli } from "./io.ts";

export interface GatewayFlags extends ClientFlags {
  readonly url?: string;
}

/** What the options of the publish secret mean to a command. */
export const secretTexts = {
  secret: "The gateway's publish secret. Prefer --secret-file: flags are seen in `ps`",
  secretFile: "File that holds the gateway's publish secret",
} as const;

export function addGatewayFlags(command: Command, model: ConfigModel): void {
  command.option(
    "--url <url>",
    "The gateway that is asked (default: where the config says, on this machine)",
  );
  addClientFlags(command, model, new Map(Object.entries(secretTexts)));
}

/**
 * @param usualUrl where it is, unless `--url` says so.
 * @throws GatewayError `config_invalid`, and CommandError without a secret
 */
export async function gatewayOf(
  command: Command,
  cli: Cli,
  usualUrl: (config: Config) => string = apiUrl,
): Promise<AskedGateway> {
  const flags = command.opts<GatewayFlags>();
  const { config } = await loadForClient(command, flags, cli);
  return { url: flags.url ?? usualUrl(config), secret: secretOf(config.secret) };
}
