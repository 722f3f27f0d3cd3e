// Tells backends of clients: one `client-new` for each connection (HUB-04), and after an outage of the bus one more
// for each client that is still without groups, because question or answer may have been lost (HUB-15).

import type { BrowserContext } from "../dialect.ts";
import { channels, dialectName } from "./names.ts";
import type { Roster } from "./roster.ts";

/** Clients announced again per tick: thousands must not hold up everything else. */
const perTick = 1_000;
/** From an announcement that a ready bus did not take to the next try, ms. */
const retryMs = 5_000;

export interface AnnouncerParts {
  readonly context: Pick<BrowserContext, "bus" | "observe">;
  readonly channelPrefix: string;
  readonly roster: Roster;
}

export class Announcer {
  readonly #parts: AnnouncerParts;
  readonly #channels: ReturnType<typeof channels>;
  /** Outages of the bus that announcements followed. */
  #outagesSeen: number;
  #retryAt = Number.POSITIVE_INFINITY;
  #hasFailed = false;
  /** Keys to announce again. */
  #waiting: string[] = [];

  constructor(parts: AnnouncerParts) {
    this.#parts = parts;
    this.#channels = channels(parts.channelPrefix);
    this.#outagesSeen = parts.context.bus.outages;
  }

  came(key: string): void {
    this.#publish(this.#channels.clientNew, key, () => {
      this.#hasFailed = true;
    });
  }

  gone(key: string): void {
    this.#publish(this.#channels.clientGone, key);
  }

  /** What a client says; lost when the bus is away, as in a pub/sub (HUB-09). */
  said(key: string, frame: string | Uint8Array): void {
    this.#publish(this.#channels.clientData + key, frame);
  }

  tick(now: number): void {
    if (this.#hasFailed) this.#retryAt = Math.min(this.#retryAt, now + retryMs);
    this.#hasFailed = false;
    const { bus } = this.#parts.context;
    if (!bus.state().isReady) return;
    if (bus.outages !== this.#outagesSeen || now >= this.#retryAt) {
      this.#outagesSeen = bus.outages;
      this.#retryAt = Number.POSITIVE_INFINITY;
      this.#waiting = [...this.#parts.roster.keys()];
    }
    for (const key of this.#waiting.splice(0, perTick)) {
      if (this.#parts.roster.groupsOf(key)?.length === 0) this.came(key);
    }
  }

  /** The bus says itself why it is away; its error may name the channel, and so the key (SEC-04). */
  #publish(channel: string, payload: string | Uint8Array, failed?: () => void): void {
    const { bus, observe } = this.#parts.context;
    bus.publish(channel, payload).catch(() => {
      observe.refused(dialectName, "bus_unavailable");
      failed?.();
    });
  }
}
