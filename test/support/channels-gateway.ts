// A gateway of the websocket-channels dialect, put together from its parts in the test's own process: hub, bus, listener
// and the dialect's two sides. For tests that need a bus, limits or a clock of their own.

import type { z } from "zod";
import { createBus, noBroker } from "./bus.ts";
import type { BusWithKeys } from "./bus.ts";
import type { BrowserSide, Route } from "../../src/core/dialect.ts";
import { compileGlobs } from "../../src/core/glob.ts";
import { Hub } from "../../src/core/hub.ts";
import type { Limits } from "../../src/core/limits.ts";
import { defaultLimits } from "../../src/core/limits.ts";
import { silent } from "../../src/core/observe.ts";
import type { Observe } from "../../src/core/observe.ts";
import { websocketChannelsDialect } from "../../src/dialects/websocket-channels/dialect.ts";
import { websocketChannelsOptions } from "../../src/dialects/websocket-channels/options.ts";
import { voiceOver } from "../../src/core/voice.ts";
import { closeAll } from "../../src/server/drain.ts";
import { Listener } from "../../src/server/listener.ts";
import type { RawResponse } from "./raw.ts";
import { RawWebSocket, rawRequest } from "./raw.ts";
import { accessWith, unlimitedCheck, withoutIdentity } from "./browser-context.ts";

export const secret = "s3cret of the channels";

export interface ChannelsOptions {
  /** As in the config's section. */
  readonly options?: z.input<typeof websocketChannelsOptions>;
  /** URL of a Redis. @default this process's memory */
  readonly redis?: string;
  readonly limits?: Partial<Limits>;
  /** Globs of rooms that are open to what browsers say. @default none */
  readonly openRooms?: readonly string[];
  /** The publish secret; null: none is configured. */
  readonly secret?: string | null;
  readonly origins?: "*" | readonly string[];
  /** Other routes of the listener, in front. */
  readonly routes?: readonly Route[];
  /** A clock of the test's own: then nobody but the test ticks. */
  readonly now?: () => number;
}

/** A running one; `await using` stops it. */
export class ChannelsGateway implements AsyncDisposable {
  readonly hub: Hub;
  readonly bus: BusWithKeys;
  readonly browser: BrowserSide;
  /** `refused name_invalid`, `skipped name_too_long`, ...: what was observed, in order. */
  readonly observed: string[] = [];
  /** Places that were admitted and not given back. */
  admitted = 0;
  readonly #listener: Listener;
  #ticker: ReturnType<typeof setInterval> | undefined;

  private constructor(parts: ChannelsOptions, bus: (observe: Observe) => BusWithKeys) {
    const limits = { ...defaultLimits, ...parts.limits };
    const observe = this.#observe();
    const now = parts.now ?? (() => performance.now());
    const options = websocketChannelsOptions.parse(parts.options ?? {});
    const topics = {
      publish: (topic: string, frame: string | Uint8Array) => this.#listener.publish(topic, frame),
    };
    this.bus = bus(observe);
    this.hub = new Hub({ limits, observe, topics, send: () => undefined });
    const ways = { bus: this.bus, keys: this.bus, voice: voiceOver(this.bus, this.bus), broker: noBroker };
    const shared = { ...withoutIdentity, ...ways, observe, limits };
    const access = accessWith(this.hub);
    const context = { ...shared, hub: this.hub, access, now, admit: () => this.#admit(limits.connections) };
    const key = parts.secret === undefined ? secret : parts.secret;
    const checkSecret = key === null ? undefined : unlimitedCheck(key);
    const isOpenRoom = compileGlobs(parts.openRooms ?? []);
    const { browser, backend } = websocketChannelsDialect.open(
      { ...context, gatewayId: "test", isOpenRoom, checkSecret },
      options,
    );
    this.browser = browser;
    for (const feed of backend.feeds) {
      void this.bus.subscribe(feed.filter, (message) => {
        const decoded = feed.decode(message);
        if (decoded.kind !== "skipped") this.hub.apply(decoded);
        else this.observed.push(`${decoded.isJunk ? "skipped" : "ignored"} ${decoded.reason}`);
      });
    }
    this.#listener = new Listener({
      address: { host: "127.0.0.1", port: 0 },
      routes: [...(parts.routes ?? []), ...this.browser.routes, ...backend.routes],
      origins: parts.origins,
      trustedProxies: [],
      maxMessageBytes: this.browser.maxMessageBytes,
      limits,
      observe,
    });
    if (parts.now) return;
    this.#ticker = setInterval(() => {
      this.browser.tick(performance.now());
    }, 250);
  }

  /** Starts one whose bus is ready. */
  static async start(parts: ChannelsOptions = {}): Promise<ChannelsGateway> {
    const limits = { ...defaultLimits, ...parts.limits };
    const bus = await createBus({ url: parts.redis, observe: silent, limits });
    const gateway = new ChannelsGateway(parts, () => bus);
    await until(() => bus.state().isReady, 10_000);
    return gateway;
  }

  get url(): string {
    return this.#listener.url;
  }

  /** How many clients are connected. */
  get connected(): number {
    return [...this.browser.clients()].length;
  }

  /** A websocket at `/ws/<encoded>`. */
  async join(encoded: string, headers?: Readonly<Record<string, string>>): Promise<RawWebSocket> {
    return this.open(`/ws/${encoded}`, headers);
  }

  async open(path: string, headers?: Readonly<Record<string, string>>): Promise<RawWebSocket> {
    return RawWebSocket.open(this.url, path, headers);
  }

  /** The status of a handshake that must be refused. */
  async refusal(path: string, headers?: Readonly<Record<string, string>>): Promise<RawResponse> {
    const answer = await RawWebSocket.tryOpen(this.url, path, headers);
    if (!(answer instanceof RawWebSocket)) return answer;
    answer[Symbol.dispose]();
    throw new Error(`Expected ${path} to be refused`);
  }

  /** A POST with the publish secret, if the headers do not say otherwise. */
  async post(
    path: string,
    body: string | Uint8Array,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<RawResponse> {
    const authorized = { Authorization: `Bearer ${secret}`, ...headers };
    return rawRequest(this.url, { method: "POST", path, body, headers: authorized });
  }

  /** Closes everyone, as a shutdown does. */
  async drain(): Promise<void> {
    this.#listener.drain();
    await closeAll(this.browser.clients(), 1_000);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#ticker);
    await this.#listener.stop();
    await this.bus.close();
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

  #admit(most: number): (() => void) | undefined {
    if (this.admitted >= most) return undefined;
    this.admitted++;
    return () => {
      this.admitted--;
    };
  }
}

/** Polls until it holds. */
export async function until(holds: () => boolean, timeoutMs = 5_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`Expected within ${timeoutMs} ms: ${holds.toString()}`);
    await Bun.sleep(5);
  }
}
