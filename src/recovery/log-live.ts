// What comes live in a room with a followed log (log-room.ts), held against what its window has.

import { formatPosition } from "../brokers/log-store.ts";
import type { LogPosition } from "../brokers/log.ts";
import type { Publication } from "../core/publication.ts";
import type { Positions } from "../core/position.ts";
import type { RoomWindow, WindowBounds, WindowEntry } from "./room-window.ts";

/** A publication as it came live. */
export interface Live {
  readonly place: LogPosition;
  readonly publication: Publication;
  /** The same place, and the one on the tape. */
  readonly at: Positions;
  readonly bytes: number;
}

/** Was it here already? Another entry at the same offset was not. */
export function isOld({ epoch, offset, tag }: LogPosition, window: RoomWindow): boolean {
  return epoch === window.epoch && offset <= window.top && window.tagAt(offset) === tag;
}

/** Likewise, or not known to be another. */
export function isBefore(place: LogPosition, window: RoomWindow): boolean {
  const isUnknown = place.offset < window.base && place.epoch === window.epoch;
  return isUnknown || isOld(place, window);
}

/** Does the window end before a place, or know another log? Then it cannot say what stands there. */
export function isBehind(window: RoomWindow, place: LogPosition): boolean {
  return place.epoch !== window.epoch || place.offset > window.top;
}

export function entryOf({ place, publication, at, bytes }: Live): WindowEntry {
  const { offset, tag } = place;
  return { publication, at: at.log ?? formatPosition(place), order: offset, tag, bytes };
}

/** What waits until it can be delivered, in order. */
export class LiveQueue {
  readonly #bounds: WindowBounds;
  #entries: Live[] = [];
  #bytes = 0;

  constructor(bounds: WindowBounds) {
    this.#bounds = bounds;
  }

  get isOverfull(): boolean {
    return this.#entries.length > this.#bounds.entries || this.#bytes > this.#bounds.bytes;
  }

  push(live: Live): void {
    this.#entries.push(live);
    this.#bytes += live.bytes;
  }

  /** Takes all of it. */
  take(): readonly Live[] {
    const entries = this.#entries;
    this.#entries = [];
    this.#bytes = 0;
    return entries;
  }
}
