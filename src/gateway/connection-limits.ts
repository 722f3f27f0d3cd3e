// Which newcomers a gateway takes: none while it drains, so many in all, so many of one address. Part of the composition
// root (gateway.ts).

import { AddressLimits } from "../auth/address-limits.ts";
import type { AddressLimitsParts } from "../auth/address-limits.ts";
import type { Observe } from "../core/observe.ts";
import type { Limits } from "../vocabulary/limits.ts";

export interface ConnectionLimitsParts extends AddressLimitsParts {
  readonly limits: Limits;
  readonly observe: Pick<Observe, "refused">;
  readonly isDraining: () => boolean;
}

export class ConnectionLimits {
  readonly #parts: ConnectionLimitsParts;
  readonly #addresses: AddressLimits;
  #connections = 0;

  constructor(parts: ConnectionLimitsParts) {
    this.#parts = parts;
    this.#addresses = new AddressLimits(parts);
  }

  /** @returns what lets the place of a client go again; undefined: it is refused, and counted. */
  admit(countedAs: string): (() => void) | undefined {
    const { limits, isDraining, observe } = this.#parts;
    const isFull = this.#connections >= limits.connections;
    const refusal = isDraining() ? "shutting_down" : isFull ? "connections" : undefined;
    const release = refusal ?? this.#addresses.admit(countedAs);
    if (typeof release === "string") {
      observe.refused("http", release);
      return undefined;
    }
    this.#connections++;
    // Bound, not a closure: each idle client keeps it.
    return this.#leave.bind(this, release);
  }

  #leave(release: () => void): void {
    this.#connections--;
    release();
  }
}
