// The newest part of one room's log, without a hole, as this gateway heard or read it: what coming clients missed is cut
// out of it. Pure; log-follower.ts feeds it.

import type { LossReason } from "../core/recovery.ts";
import type { Publication } from "../core/publication.ts";

/** One entry, understood. */
export interface WindowEntry {
  readonly offset: number;
  readonly publication: Publication;
  /** Size as stored. */
  readonly bytes: number;
}

export interface WindowBounds {
  readonly entries: number;
  readonly bytes: number;
}

export class RoomWindow {
  readonly epoch: string;
  readonly #bounds: WindowBounds;
  #entries: WindowEntry[] = [];
  /** Those before are let go, in steps. */
  #first = 0;
  #base: number;
  #top: number;
  #bytes = 0;

  /** Empty, at a place in the log: what comes next has the offset behind it. */
  constructor(epoch: string, offset: number, bounds: WindowBounds) {
    this.epoch = epoch;
    this.#base = offset;
    this.#top = offset;
    this.#bounds = bounds;
  }

  /** The offset of the last entry. */
  get top(): number {
    return this.#top;
  }

  /** The entries behind this offset are here. */
  get base(): number {
    return this.#base;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** @returns false when it is not the next one. */
  push(entry: WindowEntry): boolean {
    if (entry.offset !== this.#top + 1) return false;
    this.#entries.push(entry);
    this.#top = entry.offset;
    this.#bytes += entry.bytes;
    while (this.#count > this.#bounds.entries || this.#bytes > this.#bounds.bytes) this.#dropFirst();
    return true;
  }

  /** Lets all entries go; the top stays. */
  clear(): void {
    this.#entries = [];
    this.#first = 0;
    this.#bytes = 0;
    this.#base = this.#top;
  }

  /** What stands behind this offset, in order; or why not all of it is here. */
  after(offset: number): readonly WindowEntry[] | Extract<LossReason, "too_old" | "epoch"> {
    if (offset > this.#top) return "epoch";
    if (offset < this.#base) return "too_old";
    return this.#entries.slice(this.#first + offset - this.#base);
  }

  get #count(): number {
    return this.#entries.length - this.#first;
  }

  #dropFirst(): void {
    this.#bytes -= this.#entries[this.#first]?.bytes ?? 0;
    this.#first += 1;
    this.#base += 1;
    if (this.#first * 2 < this.#entries.length) return;
    this.#entries = this.#entries.slice(this.#first);
    this.#first = 0;
  }
}
