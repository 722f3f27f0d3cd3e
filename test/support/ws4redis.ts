// The ws4redis dialect for tests: a gateway of it alone, put together from its parts in the test's own process (for an
// identity, a bus or a clock of the test's own), and the Django sessions that a whole gateway reads.

import type { z } from "zod";
import { createBus, noBroker, withKeys } from "./bus.ts";
import type { BusWithKeys } from "./bus.ts";
import type { ChannelFilter, Subscription } from "../../src/core/bus.ts";
import type { BrowserContext, BrowserSide, Feed } from "../../src/core/dialect.ts";
import { Hub } from "../../src/core/hub.ts";
import { anonymous } from "../../src/core/identity.ts";
import type { IdentitySource } from "../../src/core/identity.ts";
import type { Limits } from "../../src/core/limits.ts";
import { defaultLimits } from "../../src/core/limits.ts";
import { silent } from "../../src/core/observe.ts";
import type { Observe } from "../../src/core/observe.ts";
import { voiceOver } from "../../src/core/voice.ts";
import { ws4redisDialect } from "../../src/dialects/ws4redis/dialect.ts";
import { ws4redisOptions } from "../../src/dialects/ws4redis/options.ts";
import { Listener } from "../../src/server/listener.ts";
import { accessWith, unlimitedCheck } from "./browser-context.ts";
import { handshakeHeaders, RawConnection, RawWebSocket, requestBytes } from "./raw.ts";
import type { RawMessage } from "./raw.ts";

export interface HouseParts {
  /** As in the config's section. */
  readonly options?: z.input<typeof ws4redisOptions>;
  readonly identity?: Partial<IdentitySource>;
  /** Put over the memory bus. */
  readonly bus?: (bus: BusWithKeys) => Partial<BusWithKeys>;
  readonly limits?: Partial<Limits>;
  readonly isForeignName?: (name: string) => boolean;
  /** A clock of the test's own: then nobody but the test ticks. */
  readonly now?: () => number;
}

/** A running one; `await using` stops it. */
export class Ws4redisHouse implements AsyncDisposable {
  readonly hub: Hub;
  readonly bus: BusWithKeys;
  readonly browser: BrowserSide;
  /** `refused origin`, `disconnected slow`, ...: what was observed, in order. */
  readonly observed: string[] = [];
  /** Places that were admitted and not given back. */
  admitted = 0;
  /** Subscriptions beside the patterns, by name: those of 0.2. */
  readonly listening: string[] = [];
  readonly #listener: Listener;
  #ticker: ReturnType<typeof setInterval> | undefined;

  private constructor(parts: HouseParts, memory: BusWithKeys) {
    const limits = { ...defaultLimits, ...parts.limits };
    const observe = this.#observe();
    const options = ws4redisOptions.parse(parts.options ?? {});
    this.bus = over(memory, parts.bus?.(memory) ?? {});
    this.hub = new Hub({
      limits,
      observe,
      topics: { publish: (topic, frame) => this.#listener.publish(topic, frame) },
      send: () => undefined,
    });
    const shared = { bus: this.bus, broker: noBroker, observe, limits, isOpenRoom: () => false };
    const { browser, backend } = ws4redisDialect.open(
      { ...this.#context(parts, shared), gatewayId: "test", checkSecret: undefined },
      options,
    );
    this.browser = browser;
    for (const feed of backend.feeds) void this.#subscribe(feed);
    this.#listener = new Listener({
      address: { host: "127.0.0.1", port: 0 },
      routes: this.browser.routes,
      origins: undefined,
      trustedProxies: [],
      maxMessageBytes: this.browser.maxMessageBytes,
      limits,
      observe,
    });
    if (parts.now) return;
    this.#ticker = setInterval(() => {
      this.browser.tick(performance.now());
    }, 100);
  }

  static async start(parts: HouseParts = {}): Promise<Ws4redisHouse> {
    const limits = { ...defaultLimits, ...parts.limits };
    return new Ws4redisHouse(parts, await createBus({ url: undefined, observe: silent, limits }));
  }

  get url(): string {
    return this.#listener.url;
  }

  get connected(): number {
    return [...this.browser.clients()].length;
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

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#ticker);
    await this.#listener.stop();
    await this.bus.close();
  }

  #context(
    parts: HouseParts,
    shared: Pick<BrowserContext, "bus" | "broker" | "observe" | "limits" | "isOpenRoom">,
  ): BrowserContext {
    return {
      ...shared,
      keys: this.bus,
      voice: voiceOver(this.bus, this.bus),
      hub: this.hub,
      guardSecret: unlimitedCheck,
      access: accessWith(this.hub),
      identity: {
        readsCookies: true,
        recheckMs: undefined,
        identify: async () => anonymous,
        ...parts.identity,
      },
      listen: async (feed) => this.#listen(feed),
      isForeignName: parts.isForeignName ?? (() => false),
      now: parts.now ?? (() => performance.now()),
      admit: () => {
        if (this.admitted >= shared.limits.connections) return undefined;
        this.admitted++;
        return () => {
          this.admitted--;
        };
      },
    };
  }

  async #listen(feed: Feed<ChannelFilter>): Promise<Subscription> {
    const { name } = feed.filter;
    this.listening.push(name);
    const subscription = await this.#subscribe(feed);
    return {
      close: async () => {
        this.listening.splice(this.listening.indexOf(name), 1);
        await subscription.close();
      },
    };
  }

  async #subscribe(feed: Feed<ChannelFilter>): Promise<Subscription> {
    return this.bus.subscribe(feed.filter, (message) => {
      const decoded = feed.decode(message);
      if (decoded.kind !== "skipped") this.hub.apply(decoded);
      else this.observed.push(`${decoded.isJunk ? "skipped" : "ignored"} ${decoded.reason}`);
    });
  }

  #observe(): Observe {
    const note = (kind: string) => (_dialect: string, reason: string) => {
      this.observed.push(`${kind} ${reason}`);
    };
    return {
      ...silent,
      refused: note("refused"),
      skipped: note("skipped"),
      disconnected: (_dialect, _transport, reason) => {
        this.observed.push(`disconnected ${reason}`);
      },
      report: (stage, error) => {
        this.observed.push(`report ${stage} ${String(error)}`);
      },
    };
  }
}

/** The same bus with some of its methods replaced. */
function over(bus: BusWithKeys, some: Partial<BusWithKeys>): BusWithKeys {
  return { ...withKeys(bus, bus, async () => bus.close()), ...some };
}

/** Who has a session; absent: that part is not in it. */
export interface Person {
  readonly key: string;
  /** Logged in under this name; undefined: a visitor. */
  readonly user?: string;
  readonly groups?: readonly string[];
}

/** Where users' names are in the sessions of {@link logIn}: `identity.username`. */
export const usernameField = "session:ws4redis:username";

/**
 * Writes a session as Django's `cache` engine does with a JSON serializer (DJS-03), and gives the headers of its browser.
 * @param set of a backend's Redis connection.
 */
export async function logIn(
  set: (key: string, value: string) => Promise<unknown>,
  { key, user, groups }: Person,
): Promise<{ readonly Cookie: string }> {
  const content = {
    ...(user !== undefined && { _auth_user_id: "7", "ws4redis:username": user }),
    ...(groups && { "ws4redis:memberof": groups }),
  };
  await set(`:1:django.contrib.sessions.cache${key}`, JSON.stringify(content));
  return { Cookie: `csrftoken=x; sessionid=${key}` };
}

/** What comes before this message. */
export async function heardUntil(
  socket: RawWebSocket,
  last: string,
  timeoutMs = 20_000,
): Promise<readonly RawMessage[]> {
  const heard: RawMessage[] = [];
  for (;;) {
    const message = await socket.waitForMessage(timeoutMs);
    if (message === last) return heard;
    heard.push(message);
  }
}
