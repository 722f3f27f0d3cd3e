// `belfry token` signs a JSON Web Token as an application does, to try rooms out, and `belfry token check` says what a gateway
// with this config makes of one (docs/auth.md).

import { Command } from "commander";
import { dateOf, explainToken } from "../auth/jwt/explain.ts";
import type { AuthOptions } from "../auth/options.ts";
import { signToken } from "../auth/jwt/sign.ts";
import { createVerifier } from "../auth/jwt/verifier.ts";
import { describeFileError, readNamedFile } from "../files/named-file.ts";
import { printable } from "../observe/printable.ts";
import { addClientFlags, loadForClient } from "./client-config.ts";
import type { ClientFlags } from "./client-config.ts";
import { secondsOf } from "./duration.ts";
import { CommandError } from "./failure.ts";
import type { Cli } from "./io.ts";

const examples = `
Examples:
  belfry token -c belfry.yaml --user john --room 'chat::*' --expires 15m
  belfry token check -c belfry.yaml "$token"
  belfry token -c belfry.yaml --user john | belfry token check -c belfry.yaml`;

type Jwt = NonNullable<AuthOptions["jwt"]>;

const names = ["algorithm", "secret", "secretFallbacks", "publicKey", "jwksUrl", "issuer", "audience"];
const texts = new Map(names.map((name) => [`auth.jwt.${name}`, undefined] as const));

interface TokenFlags extends ClientFlags {
  readonly user?: string;
  readonly group?: readonly string[];
  readonly room?: readonly string[];
  readonly publish?: readonly string[];
  readonly expires: string;
  readonly key?: string;
}

export function tokenCommand(cli: Cli): Command {
  const command = new Command("token")
    .description("Sign a JSON Web Token with the key of the configuration, to try rooms out")
    .option("--user <name>", "The user (`sub`)")
    .option("--group <name...>", "Groups of the user (`groups`)")
    .option("--room <glob...>", "Rooms that it opens (`rooms`)")
    .option("--publish <glob...>", "Rooms in which it may publish (`rooms_publish`)")
    .option("--expires <time>", "When it ends: 90s, 15m, 12h or 30d from now", "1h")
    .option("--key <file>", "Private key, PEM (PKCS 8), for an algorithm other than HS")
    .option("-v, --verbose", "Show stacks of errors")
    .addHelpText("after", examples);
  addClientFlags(command, cli.model, texts);
  command.action(async () => {
    const flags = command.opts<TokenFlags>();
    const jwt = await jwtOf(command, flags, cli);
    cli.io.print(await sign(flags, jwt));
  });
  // What stands behind `check` is for it.
  return command.enablePositionalOptions().addCommand(checkCommand(cli));
}

function checkCommand(cli: Cli): Command {
  const command = new Command("check")
    .description("Say whether a gateway with this configuration accepts a token, and why not")
    .argument("[token]", "The token; without it, standard input is read");
  addClientFlags(command, cli.model, texts);
  return command.action(async (given: string | undefined) => {
    const jwt = await jwtOf(command, command.opts<ClientFlags>(), cli);
    const token = (given ?? (await cli.io.readInput())).trim();
    const verified = await createVerifier({ options: jwt, fetch, nowMs: Date.now })(token);
    const fault = explainToken(token, verified, jwt);
    if (fault !== undefined) throw new CommandError(`The token is refused. ${fault}`);
    if (verified.kind === "verified")
      cli.io.print(describeClaims(verified.payload).map(printable).join("\n"));
  });
}

async function jwtOf(command: Command, flags: ClientFlags, cli: Cli): Promise<Jwt> {
  const { config } = await loadForClient(command, flags, cli);
  if (config.auth.jwt) return config.auth.jwt;
  throw new CommandError(
    "Expected `auth.jwt` in the configuration, got none: docs/auth.md says what belongs there",
  );
}

async function sign(flags: TokenFlags, jwt: Jwt): Promise<string> {
  const { user, group, room, publish, expires, key } = flags;
  const isShared = jwt.algorithm.startsWith("HS");
  if (isShared !== (key === undefined))
    throw new CommandError(
      isShared
        ? `Expected no --key for ${jwt.algorithm}: the configured secret signs`
        : `Expected --key with the private key for ${jwt.algorithm}`,
    );
  const payload = {
    exp: Math.floor(Date.now() / 1_000) + secondsOf("--expires", expires),
    ...(jwt.issuer !== undefined && { iss: jwt.issuer }),
    ...(jwt.audience !== undefined && { aud: jwt.audience }),
    ...(user !== undefined && { sub: user }),
    ...(group && { groups: group }),
    ...(room && { rooms: room }),
    ...(publish && { rooms_publish: publish }),
  };
  try {
    return await signToken(payload, jwt, key === undefined ? undefined : readKey(key));
  } catch (cause) {
    if (cause instanceof CommandError) throw cause;
    throw new CommandError(`Expected --key to be a private key (PKCS 8, PEM) for ${jwt.algorithm}`, {
      cause,
    });
  }
}

/** Longest file of a key, bytes. */
const maxKeyBytes = 16 * 1024;

function readKey(path: string): string {
  try {
    return readNamedFile(path, maxKeyBytes).toString();
  } catch (error) {
    throw new CommandError(`Expected a private key in the file of --key, got ${describeFileError(error)}`);
  }
}

function describeClaims(payload: Readonly<Record<string, unknown>>): readonly string[] {
  const list = (value: unknown): string =>
    Array.isArray(value) && value.length > 0 ? value.join(", ") : "none";
  const { sub, groups, rooms, rooms_publish: publish, exp } = payload;
  return [
    "The token is accepted.",
    `User:    ${typeof sub === "string" ? sub : "none"}`,
    `Groups:  ${list(groups)}`,
    `Rooms:   ${list(rooms)}`,
    `Publish: ${list(publish)}`,
    `Ends:    ${dateOf(Number(exp))}`,
  ];
}
