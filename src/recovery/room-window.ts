// The newest part of one room's log, without a hole, as this gateway heard or read it: what coming clients missed is cut
// out of it. Pure; log-follower.ts feeds it.

import type { LogPosition } from "../brokers/log.ts";
import type { Kept, LossReason } from "./recovery.ts";

/** One entry, understood, as every client that missed it is given it: its order is its offset. */
export interface WindowEntry extends Kept {
  readonly tag: string;
  /** Size as stored. */
  readonly bytes: number;
}

export interface WindowBounds {
  readonly entries: number;
  readonly bytes: number;
}

/** Where a window begins. */
export interface WindowPlace extends Omit<LogPosition, "tag"> {
  readonly tag: string | undefined;
}

export class RoomWindow {
  readonly epoch: string;
  readonly #bounds: WindowBounds;
  #entries: WindowEntry[] = [];
  /** Those before are let go, in steps. */
  #first = 0;
  #base: number;
  #baseTag: string | undefined;
  #top: number;
  #bytes = 0;

  /** Empty, at a place in the log: what comes next has the offset behind it. @param place its tag may be unknown */
  constructor({ epoch, offset, tag }: WindowPlace, bounds: WindowBounds) {
    this.epoch = epoch;
    this.#base = offset;
    this.#baseTag = tag;
    this.#top = offset;
    this.#bounds = bounds;
  }

  /** The offset of the last entry. */
  get top(): number {
    return this.#top;
  }

  /** Which entry it is. */
  get topTag(): string | undefined {
    return this.tagAt(this.#top);
  }

  /** Which entry stands at an offset; undefined: it is not known here. */
  tagAt(offset: number): string | undefined {
    return offset === this.#base ? this.#baseTag : this.#entries[this.#first + offset - this.#base - 1]?.tag;
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
    if (entry.order !== this.#top + 1) return false;
    this.#entries.push(entry);
    this.#top = entry.order;
    this.#bytes += entry.bytes;
    while (this.#count > this.#bounds.entries || this.#bytes > this.#bounds.bytes) this.#dropFirst();
    return true;
  }

  /** Lets all entries go; the top stays. */
  clear(): void {
    this.#baseTag = this.topTag;
    this.#entries = [];
    this.#first = 0;
    this.#bytes = 0;
    this.#base = this.#top;
  }

  /** What stands behind this place, in order; or why not all of it is here. */
  after({
    offset,
    tag,
  }: Omit<LogPosition, "epoch">): readonly WindowEntry[] | Extract<LossReason, "too_old" | "epoch"> {
    if (offset > this.#top) return "epoch";
    const known = offset < this.#base ? undefined : this.tagAt(offset);
    if (known === undefined) return "too_old";
    // The store lost what stood there, and gave the offset again.
    if (known !== tag) return "epoch";
    return this.#entries.slice(this.#first + offset - this.#base);
  }

  get #count(): number {
    return this.#entries.length - this.#first;
  }

  #dropFirst(): void {
    this.#baseTag = this.#entries[this.#first]?.tag;
    this.#bytes -= this.#entries[this.#first]?.bytes ?? 0;
    this.#first += 1;
    this.#base += 1;
    if (this.#first * 2 < this.#entries.length) return;
    this.#entries = this.#entries.slice(this.#first);
    this.#first = 0;
  }
}
