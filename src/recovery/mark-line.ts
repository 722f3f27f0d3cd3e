// Marks that this gateway sends to itself through the bus: one that is back proves that all that was said before it was
// heard, because a bus carries everything to one listener in one order.

import type { Bus, Subscription } from "../core/bus.ts";
import { GatewayError } from "../vocabulary/errors.ts";

/** How long a mark may be on its way by default, ms. */
const markMs = 2_000;

interface Waiting {
  readonly resolve: () => void;
  readonly timer: NodeJS.Timeout;
}

export class MarkLine {
  readonly #bus: Pick<Bus, "publish" | "subscribe">;
  /** Of this gateway alone; unguessable. */
  readonly #channel = `belfry-broker:${crypto.randomUUID()}`;
  readonly #waiting = new Map<string, Waiting>();
  #subscription: Promise<Subscription> | undefined;
  #sent = 0;

  constructor(bus: Pick<Bus, "publish" | "subscribe">) {
    this.#bus = bus;
  }

  /** Listens from now on. Rejects when the bus refuses that. */
  async open(): Promise<void> {
    await this.#listen();
  }

  /** Sends one, and resolves when it is back. Rejects with GatewayError `bus_unavailable`, at once where it is not sent. */
  async mark(deadlineMs = markMs): Promise<void> {
    await this.#listen();
    this.#sent += 1;
    const token = String(this.#sent);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(() => {
      this.#waiting.delete(token);
      const text = `Expected a message to ourselves to come back within ${deadlineMs} ms, got nothing`;
      reject(new GatewayError("bus_unavailable", text));
    }, deadlineMs);
    this.#waiting.set(token, { resolve, timer });
    try {
      await this.#bus.publish(this.#channel, token);
    } catch (error) {
      this.#take(token);
      throw error;
    }
    return promise;
  }

  async close(): Promise<void> {
    for (const token of this.#waiting.keys()) this.#take(token)?.resolve();
    // The bus may be closed already, and has no subscriptions then.
    await this.#subscription?.then(async (subscription) => subscription.close()).catch(() => undefined);
  }

  async #listen(): Promise<void> {
    this.#subscription ??= this.#bus.subscribe({ kind: "exact", name: this.#channel }, ({ payload }) => {
      this.#take(payload.toString())?.resolve();
    });
    try {
      await this.#subscription;
    } catch (error) {
      this.#subscription = undefined;
      throw error;
    }
  }

  #take(token: string): Waiting | undefined {
    const waiting = this.#waiting.get(token);
    this.#waiting.delete(token);
    clearTimeout(waiting?.timer);
    return waiting;
  }
}
