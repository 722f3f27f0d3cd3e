// What comes live in a room with a followed log (log-room.ts), held against what its window has.

import type { LogPosition } from "../core/log.ts";
import type { Publication } from "../core/publication.ts";
import type { Positions } from "../core/recovery.ts";
import type { RoomWindow, WindowEntry } from "./room-window.ts";

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

export function entryOf({ place: { offset, tag }, publication, bytes }: Live): WindowEntry {
  return { offset, tag, publication, bytes };
}
