// `belfry tail`: every message on the bus, decoded as a gateway would, and the junk with the reason why it is
// skipped. It only listens; what proves its subscriptions alive is harmless to the others (PSQ-17).

import { Command } from "commander";
import { compileGlob, compileGlobs } from "../core/glob.ts";
import { createBus } from "../brokers/registry.ts";
import type { Config } from "../config/config.ts";
import { loadConfig } from "../config/load.ts";
import type { Bus } from "../core/bus.ts";
import type { BackendSide, Dialect } from "../core/dialect.ts";
import { silent } from "../core/observe.ts";
import type { LogFields, LogLevel, Observe } from "../core/observe.ts";
import { dialects } from "../dialects/registry.ts";
import type { DialectName } from "../dialects/registry.ts";
import { addConfigFlags, givenFlags } from "./config-flags.ts";
import type { Io } from "./io.ts";
import { printable } from "./printable.ts";
import { openLines } from "./line-output.ts";
import { listenToProcess } from "./signals.ts";
import { concerns, jsonLine, textLine } from "./tail-line.ts";
import type { Heard } from "./tail-line.ts";

interface TailFlags {
  readonly config?: string;
  readonly room?: string;
  readonly json?: true;
}

const defaultRedis = "redis://localhost:6379/0";
const wantedOptions: ReadonlySet<string> = new Set([
  "redisTls.ca",
  "redisTls.insecure",
  "socketio.channels",
  "socketio.key",
]);
const flushMs = 1_000;

const examples = `
Each line: time, dialect, channel, what it is, size. With --room, messages to
everyone are shown too: they reach that room. Rooms of another namespace are
written \`/chat,room\`. Ctrl-C ends it.

Examples:
  belfry tail
  belfry tail --redis redis://redis.internal:6379/0 --room 'dir::*'
  belfry tail --json | jq .event`;

export function tailCommand(io: Io): Command {
  const command = new Command("tail")
    .description("Show every message on the bus, decoded")
    .option("--room <glob>", "Only messages to these rooms (`*`, `?`, `[...]`)")
    .option("--json", "One JSON object per line")
    .option("-c, --config <file>", "Config file of the gateway [BELFRY_CONFIG]")
    .addHelpText("after", examples);
  addConfigFlags(command, ({ name, description }) =>
    wantedOptions.has(name) ? description : redisFlag(name),
  );
  return command.action(async (flags: TailFlags) => {
    const { config } = await loadConfig({ flags: givenFlags(command), env: io.env, file: flags.config });
    await tail({ ...config, redis: config.redis ?? defaultRedis }, flags, io);
  });
}

function redisFlag(name: string): string | undefined {
  return name === "redis" ? `Redis URL (default: ${defaultRedis})` : undefined;
}

/** Runs until a signal, or until nobody reads any more. */
async function tail(config: Config, flags: TailFlags, io: Io): Promise<void> {
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const lines = openLines(end);
  const isRoom = flags.room === undefined ? undefined : compileGlob(flags.room);
  const observe = complaining(io);
  const bus = await createBus({ url: config.redis, tls: config.redisTls, limits: config.limits, observe });
  try {
    await listen(bus, config, (heard) => {
      if (isRoom && !concerns(heard.message, isRoom)) return;
      lines.write(`${flags.json === true ? jsonLine(heard) : textLine(heard)}\n`);
    });
    io.complain(`Listening on ${printable(bus.label)}; Ctrl-C ends.`);
    const unlisten = listenToProcess(() => {
      end();
    });
    await ended;
    unlisten();
  } finally {
    await bus.close();
    await lines.flush(flushMs);
  }
  if (lines.dropped > 0) io.complain(`${lines.dropped} messages were not shown: nobody read them in time.`);
}

/** Subscribes to the feeds of every dialect. */
async function listen(bus: Bus, config: Config, onHeard: (heard: Heard) => void): Promise<void> {
  for (const name of Object.keys(dialects) as DialectName[]) {
    for (const feed of backendOf(name, bus, config)?.feeds ?? []) {
      await bus.subscribe(feed.filter, (message) => {
        onHeard({
          dialect: name,
          channel: message.channel,
          bytes: message.payload.length,
          at: new Date(),
          message: feed.decode(message),
        });
      });
    }
  }
}

function backendOf(name: DialectName, bus: Bus, config: Config): BackendSide | undefined {
  const dialect: Dialect<unknown> = dialects[name];
  const gatewayId = crypto.randomUUID().replaceAll("-", "");
  const context = {
    bus,
    observe: silent,
    limits: config.limits,
    gatewayId,
    isOpenRoom: compileGlobs(config.openRooms),
    checkSecret: undefined,
  };
  return dialect.backend?.(context, config[name]);
}

/** Says on standard error what happens to the bus; standard output is for the messages. */
function complaining(io: Io): Observe {
  return {
    ...silent,
    skipped(_, reason) {
      io.complain(`belfry: a message was dropped: ${reason}`);
    },
    log(level: LogLevel, event: string, fields: LogFields = {}) {
      if (level !== "debug") io.complain(`belfry: ${event} ${printable(JSON.stringify(fields))}`);
    },
  };
}
