// Subscriptions to names that no feed covers: each is subscribed for as long as a client here needs it, once for all of
// them.

import type { Subscription } from "../../core/bus.ts";
import type { BrowserContext } from "../dialect.ts";
import type { BackendMessage } from "../../core/publication.ts";

interface Shared {
  users: number;
  readonly subscription: Promise<Subscription>;
}

export class SharedSubscriptions {
  readonly #listen: BrowserContext["listen"];
  readonly #decode: (name: string, payload: Buffer) => BackendMessage;
  readonly #shared = new Map<string, Shared>();

  constructor(
    { listen }: Pick<BrowserContext, "listen">,
    decode: (name: string, payload: Buffer) => BackendMessage,
  ) {
    this.#listen = listen;
    this.#decode = decode;
  }

  /**
   * Resolves once the name is subscribed. Rejects with GatewayError `bus_unavailable`. In both cases a `leave` has to
   * follow.
   */
  async join(name: string): Promise<void> {
    let shared = this.#shared.get(name);
    if (!shared) {
      shared = { users: 0, subscription: this.#subscribe(name) };
      this.#shared.set(name, shared);
    }
    shared.users++;
    await shared.subscription;
  }

  leave(name: string): void {
    const shared = this.#shared.get(name);
    if (!shared || --shared.users > 0) return;
    this.#shared.delete(name);
    // A subscription that failed was reported by `join`.
    void shared.subscription.then(
      async (subscription) => subscription.close(),
      () => undefined,
    );
  }

  async #subscribe(name: string): Promise<Subscription> {
    return this.#listen({
      filter: { kind: "exact", name },
      decode: ({ payload }) => this.#decode(name, payload),
    });
  }
}
