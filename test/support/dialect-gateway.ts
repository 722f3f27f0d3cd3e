// A gateway that speaks one dialect, in the test's own process: the product's composition root, with the limits, the
// clock, the bus and the identity of the test, and a view of what the dialect was given and made.

import { z } from "zod";
import { createConfigSchema } from "../../src/config/schema.ts";
import type { BackplaneOptions } from "../../src/brokers/driver.ts";
import { openBackplane } from "../../src/brokers/registry.ts";
import type { BrowserSide, DialectContext, OpenDialect } from "../../src/dialects/dialect.ts";
import type { Feed } from "../../src/core/bus.ts";
import { peersChannel } from "../../src/peers/bus-peers.ts";
import type { Exchange, Route } from "../../src/server/route.ts";
import type { Hub } from "../../src/core/hub.ts";
import type { Recovery } from "../../src/recovery/recovery.ts";
import type { IdentitySource } from "../../src/proofs/identity-source.ts";
import { anonymous } from "../../src/core/identity.ts";
import type { Limits } from "../../src/vocabulary/limits.ts";
import type { WrittenRule } from "../../src/vocabulary/room-rules.ts";
import { dialects } from "../../src/dialects/registry.ts";
import type { DialectName, Dialects } from "../../src/dialects/registry.ts";
import { createGateway } from "../../src/gateway/gateway.ts";
import type { Gateway } from "../../src/gateway/gateway.ts";
import { createObserve } from "../../src/observe/observe.ts";
import type { Telemetry } from "../../src/observe/observe.ts";
import { withKeys } from "./bus.ts";
import type { BusWithKeys } from "./bus.ts";
import { becomeReady, sumSamples } from "./gateway.ts";
import { handshakeHeaders, RawConnection, RawWebSocket, requestBytes } from "./raw.ts";
import type { RawResponse } from "./raw.ts";

export interface DialectParts {
  /** As in the config's section. */
  readonly options?: Readonly<Record<string, unknown>>;
  /** URL of a Redis. @default this process's memory */
  readonly redis?: string;
  readonly limits?: Partial<Limits>;
  /** Globs of rooms that are open to what browsers say. @default none */
  readonly openRooms?: readonly string[];
  readonly rooms?: readonly WrittenRule[];
  /** The publish secret. @default none */
  readonly secret?: string | undefined;
  readonly origins?: "*" | readonly string[];
  /** Another dialect's routes, in front. */
  readonly routes?: readonly Route[];
  /** A clock of the test's own: then nobody but the test ticks. */
  readonly now?: () => number;
  /** The rest of it knows nobody. @default as a gateway without any */
  readonly identity?: Partial<IdentitySource>;
  /** As in the config. @default no tokens are accepted */
  readonly auth?: object;
  /** Put over the recovery that the dialect asks. */
  readonly recovery?: (recovery: Recovery) => Recovery;
  /** Put over the bus and its keys. */
  readonly bus?: (bus: BusWithKeys) => Partial<BusWithKeys>;
}

const nobody: IdentitySource = {
  readsCookies: true,
  recheckMs: undefined,
  identify: async () => anonymous,
};

/** A request as a listener passes it on, of a client that nothing is known of. */
export function exchangeOf(url: string): Exchange {
  const { pathname, searchParams } = new URL(url);
  return {
    path: pathname,
    query: searchParams,
    address: "192.0.2.1",
    countedAs: "192.0.2.1",
    origin: undefined,
    isOriginAllowed: true,
    isOwnOrigin: true,
    isScriptAllowed: () => true,
    hold() {},
  };
}

/** What the dialect was given, and what it made of it. */
interface Opened {
  readonly context: DialectContext;
  readonly browser: BrowserSide;
}

/** What the test sees of a running one. */
class Sight {
  readonly observed: string[] = [];
  readonly listening: string[] = [];
  admitted = 0;
  log = "";
  opened: Opened | undefined;
  bus: BusWithKeys | undefined;
}

/** A running one; `await using` stops it. */
export class DialectGateway implements AsyncDisposable {
  readonly #gateway: Gateway;
  readonly #observe: Telemetry;
  readonly #sight: Sight;
  /** What it gave the dialect. */
  readonly context: DialectContext;
  readonly browser: BrowserSide;
  readonly hub: Hub;
  readonly bus: BusWithKeys;

  constructor(gateway: Gateway, observe: Telemetry, sight: Sight) {
    if (!sight.opened || !sight.bus) throw new Error("Expected the gateway to open the dialect and the bus");
    this.#gateway = gateway;
    this.#observe = observe;
    this.#sight = sight;
    this.browser = sight.opened.browser;
    this.context = sight.opened.context;
    this.hub = this.context.hub;
    this.bus = sight.bus;
  }

  /** Starts one whose bus is ready. */
  static async speaking<Made>(
    this: new (gateway: Gateway, observe: Telemetry, sight: Sight) => Made,
    name: DialectName,
    parts: DialectParts,
  ): Promise<Made> {
    const sight = new Sight();
    const observe = recorded(sight);
    const known = { ...dialects, rival: rivalWith(parts.routes ?? []) };
    const { limits, redis, rooms, openRooms, secret, options = {}, origins, now, auth } = parts;
    const listener = { address: "127.0.0.1:0", dialects: parts.routes ? ["rival", name] : [name], origins };
    const input = { listeners: [listener], redis, rooms, openRooms, secret, auth, [name]: options };
    const config = createConfigSchema(known).parse(input);
    const gateway = await createGateway(
      { ...config, limits: { ...config.limits, ...limits } },
      {
        observe,
        dialects: { ...known, [name]: seen(name, parts, sight) },
        open: async (asked) => openSeen(asked, parts, sight),
        ...(now && { now }),
      },
    );
    await becomeReady(gateway);
    return new this(gateway, observe, sight);
  }

  get url(): string {
    return this.#gateway.urls[0] ?? "";
  }

  /** `refused name_invalid`, `skipped name_too_long`, `ignored name_empty`, ...: what was observed, in order. */
  get observed(): string[] {
    return this.#sight.observed;
  }

  /** Names of the bus that the dialect listens to for as long as a client wants it. */
  get listening(): readonly string[] {
    return this.#sight.listening;
  }

  /** Places that were admitted and not given back. */
  get admitted(): number {
    return this.#sight.admitted;
  }

  /** How many clients are connected. */
  get connected(): number {
    return [...this.browser.clients()].length;
  }

  /** What it logged so far. */
  get log(): string {
    return this.#sight.log;
  }

  metrics(): string {
    return this.#observe.metrics();
  }

  /** The samples of a metric that contain a text, added up. */
  async metric(name: string, labels: string): Promise<number> {
    return sumSamples(this.metrics(), name, labels);
  }

  /** Looks at heartbeats and deadlines, by the test's clock. */
  tick(): void {
    this.#gateway.tick();
  }

  async open(path: string, headers?: Readonly<Record<string, string>>): Promise<RawWebSocket> {
    return RawWebSocket.open(this.url, path, headers);
  }

  /** Sends a handshake and does not wait for the answer. */
  async knock(path: string, headers: Readonly<Record<string, string>> = {}): Promise<RawConnection> {
    const connection = await RawConnection.open(this.url);
    connection.write(requestBytes(this.url, { path, headers: { ...handshakeHeaders(), ...headers } }));
    return connection;
  }

  /** The answer to a handshake that must be refused. */
  async refusal(path: string, headers?: Readonly<Record<string, string>>): Promise<RawResponse> {
    const answer = await RawWebSocket.tryOpen(this.url, path, headers);
    if (!(answer instanceof RawWebSocket)) return answer;
    answer[Symbol.dispose]();
    throw new Error(`Expected ${path} to be refused`);
  }

  /** Shuts down, everyone being closed within a second. */
  async drain(): Promise<void> {
    await this.#gateway.stop(1_000);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#gateway.stop(0);
    await this.#observe.close();
  }
}

/** Opens the backplane with what the test puts over it. */
async function openSeen(asked: BackplaneOptions, { bus: some }: DialectParts, sight: Sight) {
  const backplane = await openBackplane(asked);
  const bus = withKeys(backplane.bus, backplane.keys, backplane.close);
  sight.bus = bus;
  if (!some) return backplane;
  const over = { ...withKeys(bus, bus, backplane.close), ...some(bus) };
  sight.bus = over;
  return { ...backplane, bus: exceptPeers(over, bus), keys: over, voice: undefined };
}

/** What gateways say to each other is not of the dialect: the test does not see it. */
function exceptPeers(over: BusWithKeys, bus: BusWithKeys): BusWithKeys {
  const of = (channel: string): BusWithKeys => (channel.startsWith(peersChannel) ? bus : over);
  return {
    ...over,
    publish: async (channel, payload) => of(channel).publish(channel, payload),
    subscribe: async (filter, onMessage) => of(filter.name).subscribe(filter, onMessage),
  };
}

/** The dialect, seen while it is opened. */
function seen(name: DialectName, { identity, recovery }: DialectParts, sight: Sight): Dialects[string] {
  const dialect: Dialects[string] = dialects[name];
  const open = (context: DialectContext, options: unknown): OpenDialect => {
    const own = {
      ...watched(context, sight),
      ...(identity && { identity: { ...nobody, ...identity } }),
      ...(recovery && { recovery: recovery(context.recovery) }),
    };
    const { browser, backend, ...rest } = dialect.open(own, options);
    if (!browser) throw new Error("Expected a dialect with a browser side");
    sight.opened = { context: own, browser };
    const feeds = backend?.feeds.map((feed) => withSkipped(feed, sight)) ?? [];
    return { ...rest, browser, backend: { feeds, routes: backend?.routes ?? [] } };
  };
  return { ...dialect, open };
}

function watched(context: DialectContext, sight: Sight): DialectContext {
  return {
    ...context,
    admit(countedAs) {
      const leave = context.admit(countedAs);
      if (!leave) return undefined;
      sight.admitted++;
      return () => {
        sight.admitted--;
        leave();
      };
    },
    async listen(feed) {
      const { name } = feed.filter;
      sight.listening.push(name);
      const subscription = await context.listen(feed);
      return {
        close: async () => {
          sight.listening.splice(sight.listening.indexOf(name), 1);
          await subscription.close();
        },
      };
    },
  };
}

/** What is skipped without being junk is told to nobody: the test notes it here. */
function withSkipped(feed: Feed, sight: Sight): Feed {
  return {
    filter: feed.filter,
    decode(message) {
      const decoded = feed.decode(message);
      if (decoded.kind === "skipped" && !decoded.isJunk) sight.observed.push(`ignored ${decoded.reason}`);
      return decoded;
    },
  };
}

/** A dialect of these routes alone. */
function rivalWith(routes: readonly Route[]): Dialects[string] {
  return {
    name: "rival",
    options: z.strictObject({}),
    redisNames: () => [],
    open: () => ({ backend: { feeds: [], routes } }),
  };
}

/** Logs and metrics whose calls are noted beside. */
function recorded(sight: Sight): Telemetry {
  const observe = createObserve({
    level: "debug",
    format: "json",
    version: "test",
    destination: { write: (line: string) => void (sight.log += line) },
  });
  const refused = observe.refused.bind(observe);
  const skipped = observe.skipped.bind(observe);
  const disconnected = observe.disconnected.bind(observe);
  const report = observe.report.bind(observe);
  const own: Pick<Telemetry, "refused" | "skipped" | "disconnected" | "report"> = {
    refused(dialect, reason) {
      sight.observed.push(`refused ${reason}`);
      refused(dialect, reason);
    },
    skipped(dialect, reason, detail) {
      sight.observed.push(`skipped ${reason}`);
      skipped(dialect, reason, detail);
    },
    disconnected(dialect, transport, reason) {
      sight.observed.push(`disconnected ${reason}`);
      disconnected(dialect, transport, reason);
    },
    report(stage, error) {
      sight.observed.push(`report ${stage} ${String(error)}`);
      report(stage, error);
    },
  };
  return Object.assign(observe, own);
}
