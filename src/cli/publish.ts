// `belfry publish`: one message to one room, over HTTP to a gateway or straight into Redis as a backend would.

import { Command, Option } from "commander";
import { isJson } from "../codec/json.ts";
import type { LoadedConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import type { Emission } from "../dialects/command-parts.ts";
import { addClientFlags, loadForClient } from "./client-config.ts";
import type { ClientFlags } from "./client-config.ts";
import { secretOf } from "./api-request.ts";
import { postEmission, pushEmission } from "./emission.ts";
import { secretTexts } from "./gateway-flags.ts";
import { gatewayUrl, publishersOf } from "./gateway-url.ts";
import type { Publisher } from "./gateway-url.ts";
import type { Cli, Io } from "./io.ts";
import { printable } from "../observe/printable.ts";
import { CommandError } from "./failure.ts";

interface PublishFlags extends ClientFlags {
  readonly url?: string;
  readonly namespace: string;
  readonly event?: string;
  readonly key?: string;
  readonly dataVersion?: string;
  readonly json?: true;
  readonly text?: true;
}

/** Options of the config that mean something here, and what. */
const configFlags: Readonly<Record<string, string>> = {
  redis: "Publish into this Redis instead of asking a gateway",
  "redisTls.ca": "File with the certificates to trust, PEM; for rediss:// URLs",
  "redisTls.insecure": "Accept any certificate; for tests only",
  ...secretTexts,
};

const examples = `
Data is sent as JSON when it is JSON, else as text; \`-\` reads it from standard
input. With --event and without data, the event has no argument.

Examples:
  belfry publish time 12:00 --secret-file secret
  belfry publish time update '{"time": 1}' --secret-file secret
  date | belfry publish time - --secret-file secret
  belfry publish time --event update hello       the event by flag
  belfry publish orders::42 paid 1 --key order-7 for a room with a history: once
  belfry publish time update 12:00 --text --url http://gateway.example:8899
  belfry publish time update 1 --redis redis://localhost:6379/0`;

/** None where no dialect publishes so. */
export function publishCommand(cli: Cli): readonly Command[] {
  const publishers = publishersOf(cli.model.dialects);
  return publishers.length === 0 ? [] : [commandOf(publishers, cli)];
}

function commandOf(publishers: readonly Publisher[], cli: Cli): Command {
  const { io, model } = cli;
  const own = publishers.flatMap(({ name, publishing }) =>
    Object.entries(publishing.options).map(([option, text]) => [`${name}.${option}`, text] as const),
  );
  const texts = new Map([...Object.entries(configFlags), ...own]);
  const command = new Command("publish")
    .description("Publish one message to a room")
    .usage("[options] <room> [event] [data]")
    .argument("<room>", "The room to publish to")
    .argument("[event]", "The name of the event (default: message); left out, data comes next")
    .argument("[data]", "The data of the event")
    .option("--url <url>", "The gateway that publishes it (default: where the config says, on this machine)")
    .option("--event <event>", "The event; the next argument is then the data")
    .option("--namespace <namespace>", "The namespace of the room", "/")
    .option("--key <key>", "Your name for it: the same within five minutes is not published again")
    .option("--data-version <number>", "Refuse it unless this is above the version that the room has")
    .addOption(new Option("--json", "Refuse data that is no JSON").conflicts("text"))
    .option("--text", "Send data as text, even if it is JSON")
    .addHelpText("after", examples);
  addClientFlags(command, model, texts);
  return command.action(async (...[room, ...rest]: readonly [string, string?, string?]) => {
    const flags = command.opts<PublishFlags>();
    const loaded = await loadForClient(command, flags, cli);
    const emission = await readEmission([room, rest[0], rest[1]], flags, io);
    const spoken = publishers.filter(({ name }) => isSpoken(loaded.config, name));
    if (spoken.length === 0) throw noPublisher(loaded.config, publishers);
    for (const line of await send(emission, { loaded, flags, publishers: spoken })) io.print(printable(line));
  });
}

function isSpoken({ listeners }: Config, name: string): boolean {
  return listeners.some(({ dialects }) => dialects.includes(name));
}

function noPublisher({ listeners }: Config, publishers: readonly Publisher[]): CommandError {
  const known = publishers.map(({ name }) => name).join(" or ");
  const spoken = [...new Set(listeners.flatMap(({ dialects }) => dialects))].join(", ");
  return new CommandError(
    `Expected a gateway that speaks ${known}, because this command does, got one that speaks ${spoken}: docs/migrate says how to publish there`,
  );
}

interface Sending {
  readonly loaded: LoadedConfig;
  readonly flags: PublishFlags;
  /** Of the dialects that the gateway speaks. */
  readonly publishers: readonly Publisher[];
}

async function send(emission: Emission, { loaded, flags, publishers }: Sending): Promise<readonly string[]> {
  const { config } = loaded;
  const { secret } = config;
  const able = publishersFor(emission, publishers, secret);
  // A Redis of the environment is the gateway's; going past the gateway is asked for by the flag.
  if (loaded.sourceOf(["redis"]).kind === "flag") {
    if (flags.url !== undefined)
      throw new CommandError("Expected a gateway (--url) or a Redis (--redis) to publish it, got both");
    return pushEmission(emission, config, able[0]);
  }
  const shown = secretOf(secret);
  // Those that tell what became of it come first.
  const doors = [...able].sort((a, b) => rank(a) - rank(b));
  return postEmission(
    emission,
    doors.map(({ name, publishing }) => ({
      url: flags.url ?? gatewayUrl(config, name),
      secret: shown,
      door: publishing,
    })),
  );
}

function rank({ publishing }: Publisher): number {
  return publishing.readAnswer ? 0 : 1;
}

type OneOrMore<Item> = readonly [Item, ...(readonly Item[])];

/** Those that can say it. */
function publishersFor(
  emission: Emission,
  publishers: readonly Publisher[],
  secret = "",
): OneOrMore<Publisher> {
  const lacks = ({ publishing }: Publisher): string | undefined => publishing.lacks?.(emission, secret);
  const [first, ...rest] = publishers.filter((publisher) => lacks(publisher) === undefined);
  if (first) return [first, ...rest];
  const lacking = publishers.map((publisher) => `${publisher.name} takes no ${lacks(publisher)}`);
  throw new CommandError(
    `Expected a dialect of the gateway that can publish this, but ${lacking.join(", ")}`,
  );
}

type Arguments = readonly [room: string, first: string | undefined, second: string | undefined];

async function readEmission(
  [room, first, second]: Arguments,
  flags: PublishFlags,
  io: Io,
): Promise<Emission> {
  if (room === "") {
    throw new CommandError("Expected `room` to be 1 or more characters, got an empty one");
  }
  if (flags.event !== undefined && second !== undefined) {
    throw new CommandError("Expected the event once, got it by --event and as an argument");
  }
  // One argument behind the room is the data.
  const data = second ?? first;
  const event = second === undefined ? undefined : first;
  const text = data === "-" ? (await io.readInput()).replace(/\r?\n$/, "") : data;
  return {
    room,
    event: flags.event ?? event ?? "message",
    namespace: flags.namespace,
    data: text === undefined ? undefined : readData(text, flags),
    key: flags.key,
    version: readVersion(flags.dataVersion),
  };
}

function readVersion(text: string | undefined): number | undefined {
  const version = Number(text);
  if (text === undefined || (/^\d+$/.test(text) && Number.isSafeInteger(version)))
    return text === undefined ? undefined : version;
  throw new CommandError(
    "Expected the version of the data to be a whole number from 0 to 2^53 - 1 (--data-version), got something else",
  );
}

/** Data as JSON text: what is JSON is passed on as it was typed, digit by digit (SIO-15). */
function readData(text: string, { json, text: isText }: PublishFlags): string {
  // Some editors put a byte order mark in front of a file.
  const bare = text.replace(/^\ufeff/, "");
  if (isText !== true && isJson(bare)) return bare.trim();
  if (json === true) throw new CommandError("Expected data to be JSON (--json), got something else");
  return JSON.stringify(text);
}
