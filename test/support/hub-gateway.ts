// A gateway of the ws-hub dialect alone, and a backend that listens to what it announces.

import type { Bus, BusMessage } from "../../src/core/bus.ts";
import { DialectGateway } from "./dialect-gateway.ts";
import type { DialectParts } from "./dialect-gateway.ts";

/** A running one; `await using` stops it. */
export class HubGateway extends DialectGateway {
  /** Starts one whose bus is ready. */
  static async start(parts: DialectParts = {}): Promise<HubGateway> {
    return this.speaking("ws-hub", parts);
  }
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
