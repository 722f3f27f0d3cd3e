// A gateway of the ws-hub dialect alone, put together from its parts in the test's own process: hub, bus, listener
// and the dialect's two sides. For tests that need a bus, limits or a clock of their own.

import { createBus, noBroker } from "./bus.ts";
import type { BusWithKeys } from "./bus.ts";
import type { Bus, BusMessage } from "../../src/core/bus.ts";
import { Hub } from "../../src/core/hub.ts";
import type { Limits } from "../../src/core/limits.ts";
import { defaultLimits } from "../../src/core/limits.ts";
import { wsHubDialect } from "../../src/dialects/ws-hub/dialect.ts";
import { wsHubOptions } from "../../src/dialects/ws-hub/options.ts";
import { createObserve } from "../../src/observe/observe.ts";
import type { Telemetry } from "../../src/observe/observe.ts";
import { closeAll } from "../../src/server/drain.ts";
import { Listener } from "../../src/server/listener.ts";
import { accessWith, withoutIdentity } from "./browser-context.ts";

export interface HubGatewayOptions {
  /** As in the config's section. */
  readonly options?: Readonly<Record<string, unknown>>;
  /** @default this process's memory */
  readonly redis?: string;
  readonly limits?: Partial<Limits>;
  /** Other routes of the listener, in front. */
  readonly routes?: ConstructorParameters<typeof Listener>[0]["routes"];
}

export interface HubGateway extends AsyncDisposable {
  readonly url: string;
  readonly hub: Hub;
  readonly bus: Bus;
  /** What it logged so far. */
  readonly log: string;
  /** Connections that were admitted and not given back. */
  readonly admitted: number;
  metrics(): Promise<string>;
  /** The samples of a metric that contain a text, added up. */
  metric(name: string, labels: string): Promise<number>;
  /** Closes everyone, as a shutdown does. */
  drain(): Promise<void>;
}

/** Starts one whose bus is ready. */
export async function startHub(parts: HubGatewayOptions = {}): Promise<HubGateway> {
  const limits = { ...defaultLimits, ...parts.limits };
  const output = { log: "" };
  const observe = createObserve({
    level: "debug",
    format: "json",
    version: "test",
    destination: { write: (line: string) => void (output.log += line) },
  });
  const bus = await createBus({ url: parts.redis, observe, limits });
  const built = await assemble({ ...parts, limits, observe, bus });
  const deadline = performance.now() + 10_000;
  while (!bus.state().isReady) {
    if (performance.now() > deadline) throw new Error("Expected the bus to be ready within 10 s");
    await Bun.sleep(10);
  }
  const metrics = async (): Promise<string> => observe.metrics();
  return {
    ...built,
    bus,
    get log() {
      return output.log;
    },
    get admitted() {
      return built.admission.count;
    },
    metrics,
    metric: async (name, labels) => sum(await metrics(), name, labels),
    async [Symbol.asyncDispose]() {
      await built.stop();
      await observe.close();
    },
  };
}

interface Parts extends HubGatewayOptions {
  readonly limits: Limits;
  readonly observe: Telemetry;
  readonly bus: BusWithKeys;
}

async function assemble({ limits, observe, bus, options = {}, routes = [] }: Parts) {
  const listeners: Listener[] = [];
  const publish = (topic: string, frame: string | Uint8Array): boolean =>
    listeners.some((listener) => listener.publish(topic, frame));
  const hub = new Hub({ limits, observe, topics: { publish }, send: () => undefined });
  const admission = { count: 0 };
  const admit = (): (() => void) => {
    admission.count++;
    return () => void admission.count--;
  };
  const access = accessWith(hub);
  const context = {
    ...withoutIdentity,
    hub,
    bus,
    keys: bus,
    broker: noBroker,
    access,
    observe,
    limits,
    admit,
    now: () => performance.now(),
  };
  const backing = {
    bus,
    broker: noBroker,
    observe,
    limits,
    gatewayId: "test",
    isOpenRoom: () => false,
    checkSecret: undefined,
  };
  const parsed = wsHubOptions.parse(options);
  const { browser: front, backend: back } = wsHubDialect.open({ ...context, ...backing }, parsed);
  for (const feed of back.feeds) {
    await bus.subscribe(feed.filter, (message: BusMessage) => {
      const decoded = feed.decode(message);
      if (decoded.kind !== "skipped") hub.apply(decoded);
      else if (decoded.isJunk) observe.skipped("ws-hub", decoded.reason);
    });
  }
  const listener = new Listener({
    address: { host: "127.0.0.1", port: 0 },
    routes: [...routes, ...front.routes],
    origins: undefined,
    trustedProxies: [],
    maxMessageBytes: front.maxMessageBytes,
    limits,
    observe,
  });
  listeners.push(listener);
  const ticker = setInterval(() => front.tick(performance.now()), Math.min(50, front.shortestDelayMs / 10));
  const drain = async (): Promise<void> => {
    listener.drain();
    await closeAll(front.clients(), 1_000);
  };
  const stop = async (): Promise<void> => {
    clearInterval(ticker);
    await listener.stop();
    await bus.close();
  };
  return { url: listener.url, hub, admission, drain, stop };
}

function sum(text: string, name: string, labels: string): number {
  return text
    .split("\n")
    .filter((line) => line.startsWith(`${name}{`) && line.includes(labels))
    .reduce((total, line) => total + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
}

/** Everything that is published on the dialect's channels, in order: `ws-hub:client-new 123456`. */
export class HubBackend {
  readonly #bus: Bus;
  readonly #heard: string[] = [];
  #wake = Promise.withResolvers<void>();

  private constructor(bus: Bus) {
    this.#bus = bus;
  }

  /** Listens to `<prefix>client-*`. */
  static async on(bus: Bus, prefix = "ws-hub:"): Promise<HubBackend> {
    const backend = new HubBackend(bus);
    const canary = { channel: `${prefix}client-canary`, encode: (token: string) => token };
    const decode = ({ channel, payload }: BusMessage): string | undefined =>
      channel === canary.channel ? payload.toString() : undefined;
    const filter = { kind: "pattern" as const, name: `${prefix}client-*`, canary: { ...canary, decode } };
    await bus.subscribe(filter, ({ channel, payload }) => {
      backend.#heard.push(`${channel} ${payload.toString("latin1")}`);
      backend.#wake.resolve();
      backend.#wake = Promise.withResolvers();
    });
    return backend;
  }

  /** What came so far and was not waited for. */
  get heard(): readonly string[] {
    return this.#heard;
  }

  /** The next message. */
  async next(timeoutMs = 5_000): Promise<string> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const [first] = this.#heard;
      if (first !== undefined) return this.#heard.shift() ?? first;
      const left = deadline - performance.now();
      if (left <= 0) throw new Error(`Expected a message on the bus within ${timeoutMs} ms`);
      await Promise.race([this.#wake.promise, Bun.sleep(left)]);
    }
  }

  async publish(channel: string, payload: string | Uint8Array): Promise<void> {
    await this.#bus.publish(channel, payload);
  }
}

/** Polls until it holds. */
export async function until(holds: () => boolean | Promise<boolean>, timeoutMs = 5_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > deadline)
      throw new Error(`Expected it to hold within ${timeoutMs} ms: ${String(holds)}`);
    await Bun.sleep(5);
  }
}
