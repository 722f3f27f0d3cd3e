// The cursor of an event stream: where all its rooms stand, as one `id:` line, which a browser sends back by itself
// (README.md). Positions without a colon are one position for all rooms that have such; the others stand beside their room.

import { percentDecoded } from "../../base/http.ts";
import type { Position } from "../../core/position.ts";

export interface Cursor {
  /** Of every room that is not listed. */
  readonly shared: Position | undefined;
  readonly rooms: ReadonlyMap<string, Position>;
  /** The last publication was one to several rooms: it is not known for which of them its client got it. */
  readonly isPartial: boolean;
}

/** Request headers are not endless, for proxies neither. */
const maxLength = 8_000;

const positionForm = /^[\w.:-]{1,128}$/;
const partialMark = "*";

/** Of a room, where it says nothing that can be read, or nothing is kept: no store has such a position. */
export const unreadable: Position = "-";

export const noCursor: Cursor = { shared: undefined, rooms: new Map(), isPartial: false };

/** @returns text without line breaks and NUL; longer cursors are cut to one that no room can come back by. */
export function formatCursor({ shared = "", rooms, isPartial }: Cursor): string {
  let text = shared + (isPartial ? partialMark : "");
  for (const [room, position] of rooms) text += `&${encodeURIComponent(room)}=${position}`;
  return text.length > maxLength ? unreadable : text;
}

/** What a client shows; undefined: it shows none. What cannot be read is a cursor by which no room can be recovered. */
export function readCursor(text: string | null): Cursor | undefined {
  if (text === null || text === "") return undefined;
  const [first = "", ...items] = text.slice(0, maxLength + 1).split("&");
  const isPartial = first.endsWith(partialMark);
  const shared = isPartial ? first.slice(0, -1) : first;
  const rooms = new Map<string, Position>();
  for (const item of items) {
    const [name = "", position = "", ...more] = item.split("=");
    const room = percentDecoded(name);
    if (room === undefined || more.length > 0 || !positionForm.test(position)) return lost;
    rooms.set(room, position);
  }
  const isGood = text.length <= maxLength && (shared === "" || positionForm.test(shared));
  return isGood ? { shared: shared === "" ? undefined : shared, rooms, isPartial } : lost;
}

const lost: Cursor = { shared: unreadable, rooms: new Map(), isPartial: false };

/** Where the client stood in a room; undefined: it comes for the first time. @param isAlone the stream has no other room */
export function positionOf(
  { shared, rooms, isPartial }: Cursor,
  room: string,
  isAlone: boolean,
): Position | undefined {
  const own = rooms.get(room);
  if (own !== undefined) return own;
  return isPartial && !isAlone && shared !== undefined ? unreadable : shared;
}

/** Where the client stands behind a frame that says so. */
export function moved(cursor: Cursor, mark: Cursor): Cursor {
  const place = mark.shared === undefined ? cursor : mark;
  const rooms = new Map(cursor.rooms);
  for (const [room, position] of mark.rooms) rooms.set(room, position);
  return { shared: place.shared, isPartial: place.isPartial, rooms };
}

/** The mark of one position. @param isPartial of a publication to several rooms */
export function markOf(room: string | undefined, at: Position, isPartial: boolean): Cursor {
  const isOwn = at.includes(":");
  if (!isOwn) return { shared: at, rooms: new Map(), isPartial };
  return {
    shared: undefined,
    rooms: room === undefined ? new Map() : new Map([[room, at]]),
    isPartial: false,
  };
}
