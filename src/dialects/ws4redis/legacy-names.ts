// Subscriptions to the names of 0.1 and 0.2, `<user>:<facility>`: no pattern covers them, so each is subscribed for as
// long as somebody here wants it, once for all of them (W4R-03).

import type { Subscription } from "../../core/bus.ts";
import type { BrowserContext } from "../../core/dialect.ts";
import type { Messages } from "./messages.ts";

interface Wanted {
  count: number;
  readonly subscription: Promise<Subscription>;
}

export class LegacyNames {
  readonly #context: Pick<BrowserContext, "listen">;
  readonly #messages: Messages;
  readonly #wanted = new Map<string, Wanted>();

  constructor(context: Pick<BrowserContext, "listen">, messages: Messages) {
    this.#context = context;
    this.#messages = messages;
  }

  /** Resolves once it is subscribed. Rejects with GatewayError `bus_unavailable`; it is to be left all the same. */
  async want(name: string): Promise<void> {
    let wanted = this.#wanted.get(name);
    if (!wanted) {
      wanted = { count: 0, subscription: this.#listen(name) };
      this.#wanted.set(name, wanted);
    }
    wanted.count++;
    await wanted.subscription;
  }

  leave(name: string): void {
    const wanted = this.#wanted.get(name);
    if (!wanted || --wanted.count > 0) return;
    this.#wanted.delete(name);
    // Whoever waited for a subscription that failed was told so.
    void wanted.subscription.then(
      async (subscription) => subscription.close(),
      () => undefined,
    );
  }

  async #listen(name: string): Promise<Subscription> {
    return this.#context.listen({
      filter: { kind: "exact", name },
      decode: ({ payload }) => this.#messages.readLegacy(name, payload),
    });
  }
}
