// One connection to Redis that comes back for ever: the bus has one for commands and one for subscriptions. Attempts
// follow the back-off of PSQ-16: up to a minute for a Redis that answers and hangs up again, a few seconds while none gets
// as far as a first answer (a proxy that resets, LOADING, too many clients), however long that takes. Where no server
// answers at all, a knock every second or two ends the wait early.

import { setTimeout as sleep } from "node:timers/promises";
import { ErrorReply } from "@redis/client";
import type { Observe } from "../../core/observe.ts";
import { longestUnansweredMs, retryDelayMs } from "../../base/back-off.ts";
import { within } from "./deadline.ts";
import type { RedisClient } from "./dial.ts";
import { type Failure, failureOf } from "./failure.ts";

const knockEveryMs = 1_000;

export interface LinkOptions {
  readonly dial: () => RedisClient;
  /** Whether anybody answers at the address. */
  readonly knock: (signal: AbortSignal) => Promise<boolean>;
  readonly observe: Pick<Observe, "report">;
  /** A connection is usable: after `open`, and after every loss. */
  readonly onUp: (client: RedisClient) => void;
  /** The connection is lost; the link is about to reconnect. */
  readonly onDown: (failure: Failure) => void;
}

export class Link {
  readonly #options: LinkOptions;
  readonly #closing = new AbortController();
  #client: RedisClient | undefined;
  #failure: Failure = { text: "no connection yet", isSilence: true };
  /** Connections that Redis answered on and that were lost, since all was well. */
  #losses = 0;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  /** The client while the link is up. */
  get client(): RedisClient | undefined {
    return this.#client;
  }

  /** Why the link is down, or was last. */
  get failure(): Failure {
    return this.#failure;
  }

  /** The first connection; rejects with its error and does not try again. */
  async open(): Promise<void> {
    this.#use(await this.#connect());
  }

  /**
   * Gives the connection up and makes a new one: after the back-off, or at once for a link that worked until now and
   * is replaced although the server is known to be there (`isAtOnce`).
   */
  replace(failure: Failure, { isAtOnce = false } = {}): void {
    const client = this.#client;
    if (!client) return;
    this.#client = undefined;
    this.#failure = failure;
    client.destroy();
    this.#options.onDown(failure);
    this.#reconnect(isAtOnce && this.#losses === 0).catch((error: unknown) => {
      this.#options.observe.report("redis_reconnect", error);
    });
  }

  /** All is well: the next back-off starts from the beginning. */
  settle(): void {
    this.#losses = 0;
  }

  close(): void {
    this.#failure = { text: "a bus that is closed", isSilence: false };
    this.#closing.abort();
    this.#client?.destroy();
    this.#client = undefined;
  }

  async #reconnect(isAtOnce: boolean): Promise<void> {
    const { signal } = this.#closing;
    if (!isAtOnce) await this.#pause(retryDelayMs(this.#losses, Math.random()));
    this.#losses += 1;
    for (let attempt = 1; !signal.aborted; attempt++) {
      try {
        this.#use(await this.#connect());
        return;
      } catch (error) {
        if (!signal.aborted) this.#failure = failureOf(error);
      }
      await this.#pause(retryDelayMs(attempt, Math.random(), longestUnansweredMs));
    }
  }

  /** Waits so long, or until a knock is answered or the link closes. */
  async #pause(delayMs: number): Promise<void> {
    const { signal } = this.#closing;
    const end = performance.now() + delayMs;
    while (!signal.aborted) {
      const leftMs = end - performance.now();
      if (leftMs <= 0) return;
      // Rejects when the link closes, which the loop sees.
      await sleep(Math.min(leftMs, knockEveryMs), undefined, { signal }).catch(() => undefined);
      if (!this.#failure.isSilence || leftMs <= knockEveryMs) continue;
      if (await this.#options.knock(signal)) {
        this.#losses = 0;
        return;
      }
    }
  }

  async #connect(): Promise<RedisClient> {
    const client = this.#options.dial();
    client.on("error", (error: unknown) => {
      if (client === this.#client) this.replace(failureOf(error));
    });
    const greeting = greet(client);
    try {
      await within(greeting, this.#closing.signal);
      return client;
    } catch (error) {
      client.destroy();
      // A client that is destroyed while its socket connects gets that socket all the same: destroy it then, too.
      greeting.then(
        () => {
          client.destroy();
        },
        () => undefined,
      );
      throw error;
    }
  }

  #use(client: RedisClient): void {
    if (this.#closing.signal.aborted) {
      client.destroy();
      return;
    }
    this.#client = client;
    this.#options.onUp(client);
  }
}

/** Connects, logs in, and waits for a first reply: without a password, connecting alone asks Redis nothing. */
async function greet(client: RedisClient): Promise<void> {
  await client.connect();
  try {
    await client.sendCommand(["PING"]);
  } catch (error) {
    // An ACL user without PING is logged in all the same.
    if (!(error instanceof ErrorReply && error.message.startsWith("NOPERM"))) throw error;
  }
}
