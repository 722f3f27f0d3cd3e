// The life of one gateway process, for `serve` and `demo`: logs on, gateway up, banner, then wait for a signal and
// drain. Everything that a person should know about this start is said here.

import { checkBackplaneUrl, isLocalUrl } from "../brokers/registry.ts";
import type { LoadedConfig } from "../config/load.ts";
import { valueAt } from "../config/file.ts";
import type { ConfigModel } from "../config/model.ts";
import type { Config } from "../config/schema.ts";
import { findNotices, findWarnings } from "../config/warnings.ts";
import type { Route } from "../server/route.ts";
import type { Observe } from "../core/observe.ts";
import type { Profile } from "../dialects/profile.ts";
import { createGateway } from "../gateway/gateway.ts";
import type { Gateway } from "../gateway/gateway.ts";
import { createObserve } from "../observe/observe.ts";
import type { Telemetry } from "../observe/observe.ts";
import { gatewayBanner, profileBanner, secretBanner } from "./banner.ts";
import type { PublishWays } from "./banner.ts";
import { clockEvent } from "./demo/demo.ts";
import type { Cli, Io } from "./io.ts";
import { printable } from "../observe/printable.ts";
import { listenToProcess, signalExitCode, stopOnSignal } from "./signals.ts";
import { version } from "./version.ts";

export interface RunParts extends Cli {
  readonly loaded: LoadedConfig;
  readonly profile?: Profile | undefined;
  /** Harmless things to say about this start. */
  readonly notices?: readonly string[];
  /** Made for this start; it is shown, because publishing needs it. */
  readonly generatedSecret?: string | undefined;
  readonly demo?: Demo;
}

/** What the demo adds to a gateway. */
export interface Demo {
  readonly routes: readonly Route[];
  /** Lines for the terminal, the generated secret among them. */
  banner(url: string): readonly string[];
  /** @returns what stops it. */
  start(url: string): () => void;
}

/** Runs until a signal has drained the gateway. Rejects with GatewayError when it cannot start. */
export async function runGateway(parts: RunParts): Promise<void> {
  const { config } = parts.loaded;
  const secrets = secretsOf(config, parts.model);
  const observe = createObserve({
    ...config.log,
    version,
    secrets,
    onNamed: parts.demo && showMessages(parts),
  });
  try {
    sayBefore(observe, parts);
    const gateway = await createGateway(config, {
      observe,
      routes: parts.demo?.routes ?? [],
      dialects: parts.model.dialects,
    });
    sayStarted(observe, gateway, parts);
    saySecret(parts);
    const stopDemo = parts.demo?.start(gateway.urls[0] ?? "");
    await drainOnSignal(gateway, observe);
    stopDemo?.();
  } finally {
    await observe.close();
  }
}

/** The demo prints each message on the terminal, and how many clients it reached; its own clock aside. */
function showMessages({ loaded, io }: RunParts): Observe["named"] {
  if (loaded.config.log.format === "json") return undefined;
  return (event, { name, rooms, heard }) => {
    if (event === "message" && name !== clockEvent)
      io.print(printable(`${name} -> ${rooms}, delivered to ${heard}`));
  };
}

async function drainOnSignal(gateway: Gateway, observe: Telemetry): Promise<void> {
  await stopOnSignal({
    listen: listenToProcess,
    now: () => performance.now(),
    async stop(signal) {
      observe.log("info", "stopping", { signal });
      await gateway.stop();
      observe.log("info", "stopped");
    },
    end(signal) {
      process.exit(signalExitCode(signal));
    },
  });
}

/** Known before anything listens: dangerous settings first (T32). */
function sayBefore(observe: Telemetry, { loaded, profile, notices = [], io, model }: RunParts): void {
  const { config } = loaded;
  for (const { code, text } of findWarnings(config, model.dialects))
    observe.log("warn", "start_warning", { code, text });
  // What to know, and what to do something about.
  const told = [
    ...loaded.notes,
    ...notices,
    ...(profile ? findNotices(profile, config, model.dialects) : []),
  ];
  for (const text of told) observe.log("info", "start_notice", { text });
  for (const text of loaded.warnings) observe.log("warn", "start_notice", { text });
  if (!profile) return;
  if (isForPeople(config, io)) io.print(profileBanner(profile));
  else
    observe.log("info", "emulating", {
      profile: profile.name,
      not_reproduced: profile.notReproduced.join("; "),
    });
}

function sayStarted(observe: Telemetry, gateway: Gateway, { loaded, io, demo, model }: RunParts): void {
  const { config } = loaded;
  const listeners = config.listeners.map(({ dialects, origins }, index) => ({
    url: gateway.urls[index] ?? "",
    dialects,
    origins,
    asksOrigin: dialects.some((name) => model.dialects[name]?.isForAllPages !== true),
  }));
  if (demo ? config.log.format !== "json" : isForPeople(config, io)) {
    const ways = demo ? undefined : publishWays(config);
    const started = { version, listeners, broker: gateway.busLabel, ways };
    io.print(gatewayBanner(started, demo?.banner(listeners[0]?.url ?? "")));
    return;
  }
  for (const { url, dialects } of listeners) {
    observe.log("info", "listening", {
      url,
      dialects: dialects.join(" "),
      broker: gateway.busLabel,
      version,
    });
  }
}

function publishWays({ secret, redis }: Config): PublishWays {
  return { hasSecret: secret !== undefined, hasRedis: redis !== undefined && !isLocalUrl(redis) };
}

/** In plain words, past the log: that hides every secret (WSC-08). */
function saySecret({ loaded, generatedSecret, io }: RunParts): void {
  if (generatedSecret === undefined) return;
  const text = secretBanner(generatedSecret);
  if (isForPeople(loaded.config, io)) io.print(text);
  else io.complain(text);
}

function isForPeople({ log }: Config, io: Io): boolean {
  return io.isTerminal && log.format !== "json";
}

/** Values that no log line may show. */
function secretsOf(config: Config, { options }: ConfigModel): readonly string[] {
  const urls = [config.redis, config.identity.redis].filter((url) => url !== undefined);
  const passwords = urls.flatMap((url) => checkBackplaneUrl(url));
  const values = options.filter(({ isSecret }) => isSecret).map(({ path }) => valueAt(config, path));
  // Of each issuer the secrets alone: the rest of it may be shown.
  const issuers = config.auth.issuers.map(({ secret, secretFallbacks }) => [secret, secretFallbacks]);
  const texts = [...values.filter((value) => value !== config.auth.issuers), ...issuers].flatMap(textsOf);
  return [...passwords, ...texts];
}

/** Of a value, or of a list or a map of values. */
function textsOf(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsOf) : [];
}
