// Where sessions are kept: the small keys beside the bus, so that any gateway finds them. A write that fails is not lost
// sight of: what a key says then is older than its client, so it is taken away as soon as the store answers again.

import { GatewayError } from "../../../vocabulary/errors.ts";
import type { Bus } from "../../../core/bus.ts";
import type { BrowserContext } from "../../dialect.ts";
import type { Position } from "../../../core/position.ts";
import { encodeSession } from "./stored-session.ts";
import type { StoredSession } from "./stored-session.ts";

export interface BookPorts extends Pick<BrowserContext, "keys" | "recovery" | "observe" | "now"> {
  readonly bus: Pick<Bus, "losses" | "state">;
}

/** So often a key of a connected client gets its whole life again, ms. */
const touchEveryMs = 30_000;
/** So often keys are taken away that could not be, ms. */
const retryMs = 1_000;
/** So many of them; a key ends by itself, too. */
const maxStale = 20_000;

export class SessionBook {
  readonly touchEveryMs = touchEveryMs;
  readonly #ports: BookPorts;
  readonly #ttlSeconds: number;
  /** Keys that say less than their clients know, and since when, ms. */
  readonly #stale = new Map<string, number>();
  #retryAt = 0;
  /** Of the bus, when it was last ready. */
  #losses: number;
  #outages = 0;

  constructor(ports: BookPorts) {
    this.#ports = ports;
    this.#losses = ports.bus.losses;
    // A client may be away for as long as anything is kept, from whichever moment between two touches.
    this.#ttlSeconds = Math.ceil(ports.recovery.keptSeconds + touchEveryMs / 1000);
  }

  now(): number {
    return this.#ports.now();
  }

  /** How many outages of the store are over: it may have come back without its keys. */
  get outages(): number {
    return this.#outages;
  }

  /** Where the line stands now; `""`: that is not known. */
  here(namespace: string): Position {
    return this.#ports.recovery.here(namespace, undefined) ?? "";
  }

  /** @returns whether the key says it now. */
  async write(key: string, text: string): Promise<boolean> {
    // At once: what is to be removed later would be this.
    this.#stale.delete(key);
    const isWritten = await this.#try(this.#ports.keys.set(key, text, this.#ttlSeconds));
    if (!isWritten) this.#keepStale(key);
    return isWritten;
  }

  async remove(key: string): Promise<void> {
    if (await this.#try(this.#ports.keys.remove(key))) this.#stale.delete(key);
    else this.#keepStale(key);
  }

  /** @returns false when the key is gone: a Redis without its data, or too little memory. */
  async touch(key: string): Promise<boolean> {
    let isThere = true;
    await this.#try(
      this.#ports.keys.touch(key, this.#ttlSeconds).then((found) => {
        isThere = found;
      }),
    );
    return isThere;
  }

  /** Takes a session: of several that take it, one gets it. Rejects with GatewayError `bus_unavailable`. */
  async take(key: string): Promise<Uint8Array | undefined> {
    const bytes = await this.#ports.keys.take(key);
    return this.#stale.delete(key) ? undefined : bytes;
  }

  sayTooLarge(): void {
    const text =
      "A Socket.IO client is in more rooms than are kept for its return (200, 64 KiB): it will come back as a new client";
    this.#ports.observe.hint("session_too_large", { fields: { text } });
  }

  /** A session that was taken and not used: its client may try again. */
  async putBack(key: string, session: StoredSession): Promise<void> {
    const text = encodeSession(session);
    if (text !== undefined) await this.write(key, text);
  }

  tick(now: number): void {
    const { bus } = this.#ports;
    if (bus.losses !== this.#losses && bus.state().isReady) {
      this.#losses = bus.losses;
      this.#outages += 1;
    }
    if (this.#stale.size === 0 || now < this.#retryAt) return;
    this.#retryAt = now + retryMs;
    for (const [key, since] of this.#stale) {
      if (now - since > this.#ttlSeconds * 1000) this.#stale.delete(key);
      else void this.remove(key);
    }
  }

  #keepStale(key: string): void {
    if (this.#stale.size < maxStale && !this.#stale.has(key)) this.#stale.set(key, this.now());
  }

  async #try(work: Promise<void>): Promise<boolean> {
    try {
      await work;
      return true;
    } catch (error) {
      // A lost bus is known already (readiness is red): no line for each client.
      if (!(error instanceof GatewayError)) this.#ports.observe.report("socketio_session", error);
      return false;
    }
  }
}
