// `belfry revoke`: takes rights back on all gateways, by `POST /api/revoke` of one of them (docs/auth.md).

import { Command } from "commander";
import { z } from "zod";
import { askApi } from "./api-request.ts";
import { secondsOf } from "./duration.ts";
import { CommandError } from "./failure.ts";
import { addGatewayFlags, gatewayOf } from "./gateway-flags.ts";
import type { GatewayFlags } from "./gateway-flags.ts";
import { dialectWith, gatewayUrl } from "./gateway-url.ts";
import type { Cli } from "./io.ts";

const examples = `
Examples:
  belfry revoke --user john --secret-file secret
  belfry revoke --token 7f1c2a --for 12h --secret-file secret
  belfry revoke --space shop -c belfry.yaml        after its secret was changed`;

interface RevokeFlags extends GatewayFlags {
  readonly user?: string;
  readonly token?: string;
  readonly space?: string;
  readonly for?: string;
}

const path = "/api/revoke";

const outcome = z.object({ ended: z.int(), answered: z.array(z.string()), silent: z.array(z.string()) });

export function revokeCommand(cli: Cli): Command {
  const command = new Command("revoke")
    .description(
      "Take rights back: of a user, a token, or those that showed an earlier secret of a room-space",
    )
    .option("--user <name>", "Its connections end, and what was issued to it before is refused")
    .option("--token <id>", "The id of a token (`jti`): its connections end, and it is refused")
    .option("--space <name>", "A room-space with another secret now: those that showed an earlier one leave")
    .option("--for <time>", "How long it is refused: 90s, 15m, 12h or 30d", "30d")
    .addHelpText("after", examples);
  addGatewayFlags(command, cli.model);
  return command.action(async () => {
    const body = orderOf(command.opts<RevokeFlags>());
    const speaking = dialectWith(path, cli.model.dialects);
    const gateway = await gatewayOf(command, cli, (config) => gatewayUrl(config, speaking));
    const lacks = "a gateway without a publish secret has none";
    const told = outcome.parse(await askApi(gateway, { method: "POST", path, body, lacks }));
    for (const line of linesOf(told)) cli.io.print(line);
  });
}

function orderOf({ user, token, space, for: time }: RevokeFlags): object {
  const named = Object.entries({ user, token, space }).filter(([, name]) => name !== undefined);
  if (named.length !== 1) {
    throw new CommandError(`Expected one of --user, --token and --space, got ${named.length}`);
  }
  return { ...Object.fromEntries(named), ...(time !== undefined && { seconds: secondsOf("--for", time) }) };
}

function linesOf({ ended, answered, silent }: z.infer<typeof outcome>): readonly string[] {
  const lines = [
    `Taken back. Connections that were put out: ${ended}. Gateways that answered: ${answered.length}`,
  ];
  if (silent.length > 0)
    lines.push(`Gateways without an answer yet, which carry it out by themselves: ${silent.length}`);
  return lines;
}
