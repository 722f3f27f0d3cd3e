// How many clients one address may have, and how fast they may come (SEC-06, SEC-15, T12). Each dialect asks
// (`admit`) before it opens a connection, ws4redis also before it identifies the visitor.

import type { Limits } from "../vocabulary/limits.ts";
import { BucketTable } from "../base/rate-limit.ts";
import { addressKey } from "../base/client-address.ts";

/** Why a handshake was refused; the metric's reason. */
export type AddressRefusal = "handshake_rate" | "connections_per_address";

export interface AddressLimitsParts {
  readonly limits: Pick<Limits, "connectionsPerAddress" | "handshakesPerAddress">;
  /** Monotonic clock, ms. */
  now(): number;
  /** Many clients share it, so it is not limited (SEC-15). */
  isExempt(address: string): boolean;
}

/** Seconds' worth of handshakes that may come in one burst: a page reload of a whole office. */
const burstSeconds = 10;

/** What the release of an exempt address does. One for all: each idle client would keep its own. */
const nothing = (): void => {};

/** Addresses with a remembered rate. */
const maxAddresses = 50_000;

export class AddressLimits {
  readonly #parts: AddressLimitsParts;
  readonly #handshakes: BucketTable;
  readonly #open = new Map<string, number>();

  constructor(parts: AddressLimitsParts) {
    this.#parts = parts;
    const perSecond = parts.limits.handshakesPerAddress;
    this.#handshakes = new BucketTable({ perSecond, burst: perSecond * burstSeconds }, maxAddresses);
  }

  /** Addresses that have a connection now, the exempt ones not counted. */
  get size(): number {
    return this.#open.size;
  }

  /**
   * Lets one connection of the address in, or says why not.
   * @returns what to call when the connection is gone; calling it again does nothing.
   */
  admit(address: string): (() => void) | AddressRefusal {
    if (this.#parts.isExempt(address)) return nothing;
    const key = addressKey(address);
    if (!this.#handshakes.take(key, this.#parts.now())) return "handshake_rate";
    const open = this.#open.get(key) ?? 0;
    if (open >= this.#parts.limits.connectionsPerAddress) return "connections_per_address";
    this.#open.set(key, open + 1);
    let isReleased = false;
    return () => {
      if (isReleased) return;
      isReleased = true;
      this.#release(key);
    };
  }

  #release(key: string): void {
    const open = this.#open.get(key) ?? 0;
    if (open > 1) this.#open.set(key, open - 1);
    else this.#open.delete(key);
  }
}
