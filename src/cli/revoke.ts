// `belfry revoke`: takes rights back on all gateways, by `POST /api/revoke` of one of them (docs/auth.md).

import { Command } from "commander";
import { z } from "zod";
import { maskUrl } from "../config/problems.ts";
import { postTo, refusalOf, secretOf } from "./api-request.ts";
import { addClientFlags, loadForClient } from "./client-config.ts";
import type { ClientFlags } from "./client-config.ts";
import { secondsOf } from "./duration.ts";
import { CommandError } from "./failure.ts";
import { gatewayUrl, publishersOf } from "./gateway-url.ts";
import type { Cli } from "./io.ts";

const examples = `
Examples:
  belfry revoke --user john --secret-file secret
  belfry revoke --token 7f1c2a --for 12h --secret-file secret
  belfry revoke --space shop -c belfry.yaml        after its secret was changed`;

interface RevokeFlags extends ClientFlags {
  readonly url?: string;
  readonly user?: string;
  readonly token?: string;
  readonly space?: string;
  readonly for?: string;
}

const texts = new Map([
  ["secret", "The gateway's publish secret. Prefer --secret-file: flags are seen in `ps`"],
  ["secretFile", "File that holds the gateway's publish secret"],
]);

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
    .option("--url <url>", "The gateway that is asked (default: where the config says, on this machine)")
    .addHelpText("after", examples);
  addClientFlags(command, cli.model, texts);
  return command.action(async () => {
    const flags = command.opts<RevokeFlags>();
    const { config } = await loadForClient(command, flags, cli);
    const url = flags.url ?? gatewayUrl(config, publishersOf(cli.model.dialects)[0]?.name);
    const lines = await revoke(orderOf(flags), { url, secret: secretOf(config.secret) });
    for (const line of lines) cli.io.print(line);
  });
}

function orderOf({ user, token, space, for: time }: RevokeFlags): object {
  const named = Object.entries({ user, token, space }).filter(([, name]) => name !== undefined);
  if (named.length !== 1) {
    throw new CommandError(`Expected one of --user, --token and --space, got ${named.length}`);
  }
  return { ...Object.fromEntries(named), ...(time !== undefined && { seconds: secondsOf("--for", time) }) };
}

async function revoke(
  order: object,
  { url, secret }: { readonly url: string; readonly secret: string },
): Promise<readonly string[]> {
  const headers = { "content-type": "application/json", authorization: `Bearer ${secret}` };
  const answer = await postTo({ url, path: "/api/revoke" }, { headers, body: JSON.stringify(order) });
  const text = await answer.text();
  if (answer.status === 404) {
    throw new CommandError(
      `Expected POST /api/revoke at ${maskUrl(url)}, got 404: a gateway without a publish secret has none`,
    );
  }
  if (answer.status !== 200) throw refusalOf(url, answer.status, text);
  const { ended, answered, silent } = outcome.parse(JSON.parse(text));
  const lines = [
    `Taken back. Connections that were put out: ${ended}. Gateways that answered: ${answered.length}`,
  ];
  if (silent.length > 0)
    lines.push(`Gateways without an answer yet, which carry it out by themselves: ${silent.length}`);
  return lines;
}
