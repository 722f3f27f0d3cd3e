// `belfry publish`: one message to one room, over HTTP to a gateway or straight into Redis as a backend would.

import { Command, Option } from "commander";
import { isJson } from "../codec/json.ts";
import type { LoadedConfig } from "../config/load.ts";
import type { Emission } from "../dialects/command-parts.ts";
import { addClientFlags, loadForClient } from "./client-config.ts";
import type { ClientFlags } from "./client-config.ts";
import { postEmission, pushEmission } from "./emission.ts";
import { gatewayUrl, publisherOf } from "./gateway-url.ts";
import type { Publisher } from "./gateway-url.ts";
import type { Cli, Io } from "./io.ts";
import { printable } from "../observe/printable.ts";
import { CommandError } from "./failure.ts";

interface PublishFlags extends ClientFlags {
  readonly url?: string;
  readonly namespace: string;
  readonly event?: string;
  readonly json?: true;
  readonly text?: true;
}

/** Options of the config that mean something here, and what. */
const configFlags: Readonly<Record<string, string>> = {
  redis: "Publish into this Redis instead of asking a gateway",
  "redisTls.ca": "File with the certificates to trust, PEM; for URLs with TLS",
  "redisTls.insecure": "Accept any certificate; for tests only",
  secret: "The gateway's publish secret. Prefer --secret-file: flags are seen in `ps`",
  secretFile: "File that holds the gateway's publish secret",
};

const examples = `
Data is sent as JSON when it is JSON, else as text; \`-\` reads it from standard
input. Without data, the event is sent without an argument.

Examples:
  belfry publish time update '{"time": 1}' --secret-file secret
  date | belfry publish time message - --secret-file secret
  belfry publish time --event message hello      the event by flag, data next
  belfry publish time update 12:00 --text --url http://gateway.example:8899
  belfry publish time update 1 --redis redis://localhost:6379/0`;

/** None where no dialect publishes so. */
export function publishCommand(cli: Cli): readonly Command[] {
  const publisher = publisherOf(cli.model.dialects);
  return publisher ? [commandOf(publisher, cli)] : [];
}

function commandOf(publisher: Publisher, cli: Cli): Command {
  const { io, model } = cli;
  const own = Object.entries(publisher.publishing.options).map(
    ([option, text]) => [`${publisher.name}.${option}`, text] as const,
  );
  const texts = new Map([...Object.entries(configFlags), ...own]);
  const command = new Command("publish")
    .description("Publish one message to a room")
    .argument("<room>", "The room to publish to")
    .argument("[event]", "The name of the event (default: message)")
    .argument("[data]", "The data of the event")
    .option("--url <url>", "The gateway that publishes it (default: where the config says, on this machine)")
    .option("--event <event>", "The event; the next argument is then the data")
    .option("--namespace <namespace>", "The namespace of the room", "/")
    .addOption(new Option("--json", "Refuse data that is no JSON").conflicts("text"))
    .option("--text", "Send data as text, even if it is JSON")
    .addHelpText("after", examples);
  addClientFlags(command, model, texts);
  return command.action(async (...[room, ...rest]: readonly [string, string?, string?]) => {
    const flags = command.opts<PublishFlags>();
    const loaded = await loadForClient(command, flags, cli);
    warnOfEvent(rest, flags, io);
    const emission = await readEmission([room, rest[0], rest[1]], flags, io);
    io.print(printable(await send(emission, { loaded, flags, publisher })));
  });
}

interface Sending {
  readonly loaded: LoadedConfig;
  readonly flags: PublishFlags;
  readonly publisher: Publisher;
}

async function send(emission: Emission, { loaded, flags, publisher }: Sending): Promise<string> {
  const { config } = loaded;
  // A Redis of the environment is the gateway's; going past the gateway is asked for by the flag.
  if (loaded.sourceOf(["redis"]).kind === "flag") return pushEmission(emission, config, publisher);
  if (config.secret !== undefined) {
    const url = flags.url ?? gatewayUrl(config, publisher.name);
    return postEmission(emission, { url, secret: config.secret, door: publisher.publishing });
  }
  const expected = "Expected a publish secret (--secret-file, --secret, BELFRY_SECRET_FILE or BELFRY_SECRET)";
  throw new CommandError(`${expected}, got none`);
}

/** Words in the event's place are usually meant as data: it goes out as it was asked for, and is said. */
function warnOfEvent([first, second]: readonly (string | undefined)[], flags: PublishFlags, io: Io): void {
  if (first === undefined || second !== undefined || flags.event !== undefined) return;
  if (!/\s/.test(first) && !/^["{[\d-]/.test(first)) return;
  io.complain(
    `warning: the second argument is the event: it is called ${printable(JSON.stringify(first))} and has no data.` +
      " To send it as data, put an event before it: belfry publish <room> message <data>",
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
  const data = flags.event === undefined ? second : first;
  const text = data === "-" ? (await io.readInput()).replace(/\r?\n$/, "") : data;
  return {
    room,
    event: flags.event ?? first ?? "message",
    namespace: flags.namespace,
    data: text === undefined ? undefined : readData(text, flags),
  };
}

/** Data as JSON text: what is JSON is passed on as it was typed, digit by digit (SIO-15). */
function readData(text: string, { json, text: isText }: PublishFlags): string {
  // Some editors put a byte order mark in front of a file.
  const bare = text.replace(/^\ufeff/, "");
  if (isText !== true && isJson(bare)) return bare.trim();
  if (json === true) throw new CommandError("Expected data to be JSON (--json), got something else");
  return JSON.stringify(text);
}
