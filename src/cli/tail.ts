// `belfry tail`: every message on the bus, decoded as a gateway does, junk with the reason why it is skipped, and the
// number of clients that it reaches where a gateway can be asked. It publishes nothing but the test messages of its own
// subscriptions, which other servers ignore (PSQ-17).

import { Command } from "commander";
import { GatewayError } from "../vocabulary/errors.ts";
import { SecretGuard } from "../auth/secret-guard.ts";
import type { Backplane } from "../brokers/driver.ts";
import { brokerChannel } from "../brokers/bus-broker.ts";
import { openBackplane } from "../brokers/registry.ts";
import type { LoadedConfig } from "../config/load.ts";
import type { ConfigModel } from "../config/model.ts";
import type { Config } from "../config/schema.ts";
import { columns } from "../config/table.ts";
import { compileGlob } from "../base/glob.ts";
import { Hub } from "../core/hub.ts";
import { createRoomRules } from "../config/room-rules.ts";
import { noPresence } from "../presence/presence.ts";
import { nothingKept } from "../recovery/recovery.ts";
import { openDialects } from "../gateway/contexts.ts";
import { silent } from "../core/observe.ts";
import type { LogLevel } from "../vocabulary/log-events.ts";
import type { LogFields, Observe } from "../core/observe.ts";
import type { BackendMessage } from "../core/publication.ts";
import type { Dialects } from "../dialects/registry.ts";
import { sentence } from "../observe/sentences.ts";
import { AudienceAsker } from "./audience.ts";
import { addClientFlags, loadForClient } from "./client-config.ts";
import type { ClientFlags } from "./client-config.ts";
import { CommandError } from "./failure.ts";
import { gatewayUrl, publishersOf } from "./gateway-url.ts";
import type { Cli, Io } from "./io.ts";
import { openLines } from "./line-output.ts";
import { printable } from "../observe/printable.ts";
import { noPeers } from "../peers/asking.ts";
import { createAuth } from "../gateway/auth.ts";
import { listenToProcess } from "./signals.ts";
import { concerns, jsonLine, textLine } from "./tail-line.ts";
import type { TailLine } from "./tail-line.ts";

interface TailFlags extends ClientFlags {
  readonly room?: string;
  readonly json?: true;
  readonly url?: string;
}

const defaultRedis = "redis://localhost:6379/0";
/** Options that say what a gateway receives, and texts for those that mean another thing here. */
const wantedOptions: Readonly<Record<string, string | undefined>> = {
  redis: `Redis URL (default: ${defaultRedis})`,
  secret: "The gateway's publish secret, to ask it how many clients a message reaches. Prefer --secret-file",
  secretFile: "File that holds the gateway's publish secret, to ask it how many clients a message reaches",
  dialects: "Show the messages for these dialects (default: those of the config, else all)",
  "redisTls.ca": undefined,
  "redisTls.insecure": undefined,
};
const flushMs = 1_000;

const cannotSeeMemory =
  "A gateway without Redis keeps its messages in its own process, where no other program can see them. Start both with the" +
  " same --redis, or the gateway with --log-names, which logs each message";

const guessedRedis =
  "No --redis was given, so this one is a guess. Messages of a gateway without Redis are not there: start it with --log-names.";

const examples = (dialects: Dialects): string => `
Each line: time, dialect, channel, what it is, size. With --room, messages to
everyone are shown too: they reach that room. Rooms of another namespace are
written \`/chat,room\`. Of junk, the first 80 bytes are shown. With the publish
secret, the gateway is asked how many of its clients each message reaches.
Ctrl-C ends it.

Examples:
  belfry tail
  belfry tail --redis redis://redis.internal:6379/0 --room 'dir::*'
  belfry tail -c belfry.yaml
${Object.values(dialects)
  .flatMap(({ commands }) => (commands?.tail?.example ? `  belfry tail ${commands.tail.example}\n` : []))
  .join("")}  belfry tail --secret-file secret     with the number of clients reached
  belfry tail --json | jq .event`;

export function tailCommand(cli: Cli): Command {
  const { model } = cli;
  const own = Object.entries(model.dialects).flatMap(([name, { commands }]) =>
    (commands?.tail?.options ?? []).map((option) => [`${name}.${option}`, undefined] as const),
  );
  const command = new Command("tail")
    .description("Show every message on the bus, decoded")
    .option("--room <glob>", "Only messages to these rooms (`*`, `?`, `[...]`)")
    .option("--json", "One JSON object per line")
    .option(
      "--url <url>",
      "The gateway to ask how many clients a message reaches (default: where the config says, on this machine)",
    )
    .addHelpText("after", examples(model.dialects));
  addClientFlags(command, model, new Map([...Object.entries(wantedOptions), ...own]));
  return command.action(async (flags: TailFlags) => {
    const loaded = await loadForClient(command, flags, cli);
    const isNamed = loaded.sourceOf(["redis"]).kind !== "default";
    if (isNamed && loaded.config.redis === undefined) throw new CommandError(cannotSeeMemory);
    const redis = loaded.config.redis ?? defaultRedis;
    await tail({ ...loaded, config: { ...loaded.config, redis } }, flags, cli).catch((error: unknown) => {
      const isGuess = error instanceof GatewayError && error.code === "start_failed" && !isNamed;
      throw isGuess ? new CommandError(`${error.message}. ${cannotSeeMemory}`, { cause: error }) : error;
    });
  });
}

/** Runs until a signal, or until the reader of standard output is gone. */
async function tail(loaded: LoadedConfig, flags: TailFlags, cli: Cli): Promise<void> {
  const { config } = loaded;
  const { io, model } = cli;
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const lines = openLines(end);
  const isRoom = flags.room === undefined ? undefined : compileGlob(flags.room);
  const show = flags.json === true ? jsonLine : textLine;
  const ask = askerOf(config, flags, cli);
  const observe = complaining(io);
  const { redis: url, redisTls: tls, limits } = config;
  const backplane = await openBackplane({ url, tls, limits, observe });
  const shown = new InOrder();
  try {
    const heard = await listen({ backplane, loaded, model }, (message) => {
      if (isRoom && !concerns(message.message, isRoom)) return;
      shown.write(ask(message.message), (by) => {
        lines.write(`${show({ ...message, by })}\n`);
      });
    });
    io.complain(`Listening on ${printable(backplane.bus.label)}; Ctrl-C ends.\n${columns(heard)}`);
    if (loaded.sourceOf(["redis"]).kind === "default") io.complain(guessedRedis);
    const unlisten = listenToProcess(() => {
      end();
    });
    await ended;
    unlisten();
  } finally {
    await backplane.close();
    await lines.flush(flushMs);
  }
  if (lines.dropped > 0)
    io.complain(`${lines.dropped} messages were not shown: standard output was not read in time.`);
}

type Ask = (message: BackendMessage) => Promise<number | undefined> | undefined;

/** A gateway answers only with its publish secret. */
function askerOf(config: Config, { url }: TailFlags, { io, model }: Cli): Ask {
  const { secret } = config;
  if (secret === undefined) {
    if (url === undefined) return () => undefined;
    throw new CommandError("Expected the publish secret beside --url (--secret-file), got none");
  }
  const complain = (text: string): void => {
    io.complain(`belfry: ${text}`);
  };
  const asker = new AudienceAsker({
    url: url ?? gatewayUrl(config, publishersOf(model.dialects)[0]?.name),
    secret,
    complain,
  });
  return (message) => (message.kind === "publication" ? asker.ask(message) : undefined);
}

/** Answers come when they come; lines stay in the order of the messages. */
class InOrder {
  #last: Promise<void> | undefined;

  write<Answer>(answer: Promise<Answer> | undefined, write: (answer: Answer | undefined) => void): void {
    if (!answer && !this.#last) {
      write(undefined);
      return;
    }
    const before = this.#last;
    const mine = (async () => {
      const settled = await answer;
      await before;
      write(settled);
    })().finally(() => {
      if (this.#last === mine) this.#last = undefined;
    });
    this.#last = mine;
  }
}

interface ListenParts {
  readonly backplane: Backplane;
  readonly loaded: LoadedConfig;
  readonly model: ConfigModel;
}

/**
 * Subscribes to the feeds of the dialects that the config speaks, where it names none, of all, and to what gateways send each
 * other for them. @returns the channels.
 */
async function listen(
  parts: ListenParts,
  onHeard: (line: TailLine) => void,
): Promise<readonly (readonly string[])[]> {
  const rows: string[][] = [];
  for (const { name, backend } of openToListen(parts)) {
    const feeds = backend?.feeds ?? [];
    rows.push([`  ${name}`, printable(feeds.map(({ filter }) => filter.name).join("  "))]);
    for (const feed of feeds) {
      await parts.backplane.bus.subscribe(feed.filter, ({ channel, payload }) => {
        const message = feed.decode({ channel, payload });
        onHeard({ dialect: name, channel, payload, at: new Date(), message });
      });
    }
  }
  const { broker } = parts.backplane;
  if (dialectsToHear(parts).some((name) => parts.model.dialects[name]?.publishesToBroker === true)) {
    rows.push(["  broker", brokerChannel]);
    await broker.open((publication) => {
      const { raw, args } = publication;
      const payload = Buffer.from(raw ?? args.join(","));
      onHeard({ dialect: "broker", channel: brokerChannel, payload, at: new Date(), message: publication });
      return 0;
    });
  }
  return rows;
}

function dialectsToHear({ loaded, model }: ListenParts): readonly string[] {
  const { config } = loaded;
  const isSaid = config.listeners.some(
    (_, index) => loaded.sourceOf(["listeners", index, "dialects"]).kind !== "default",
  );
  const all = Object.keys(model.dialects);
  if (!isSaid) return all;
  return all.filter((name) => config.listeners.some((listener) => listener.dialects.includes(name)));
}

/** The dialects without any client: they only listen. */
function openToListen(parts: ListenParts) {
  const { backplane, loaded, model } = parts;
  const { config } = loaded;
  const { limits } = config;
  const now = (): number => performance.now();
  const shared = {
    config,
    observe: silent,
    backplanes: { main: backplane, sessions: backplane },
    hub: new Hub({ limits, observe: silent, topics: { publish: () => false }, send: () => undefined }),
    rules: createRoomRules(config.rooms, config.openRooms),
    now,
  };
  return openDialects(dialectsToHear(parts), {
    ...shared,
    dialects: model.dialects,
    recovery: nothingKept,
    auth: createAuth({ ...shared, peers: noPeers }),
    presence: noPresence,
    guard: new SecretGuard({ limits, now, isExempt: () => true }),
    admit: () => undefined,
    mayJudge: () => true,
    subscribe: () => Promise.reject(new Error("Expected no client that wants more names")),
  });
}

/** Says on standard error what happens to the bus; standard output is for the messages. */
function complaining(io: Io): Observe {
  return {
    ...silent,
    skipped(_, reason) {
      io.complain(`belfry: a message was dropped: ${reason}`);
    },
    log(level: LogLevel, event: string, fields: LogFields = {}) {
      if (level !== "debug") io.complain(`belfry: ${printable(sentence(event, fields))}`);
    },
  };
}
