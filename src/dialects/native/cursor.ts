// The cursor of an event stream: where all its rooms stand, as one `id:` line, which a browser sends back by itself
// (README.md). Positions without a colon are one position for all rooms that have such; the others stand beside their room,
// each in as few characters as it needs, because every event repeats them all.

import { createHash } from "node:crypto";
import { isOfLog } from "../../core/position.ts";
import type { Position } from "../../core/position.ts";

/** How a cursor names a room: the first characters of a digest. */
export type RoomKey = string;

/** A position with a colon, packed. */
type PackedPosition = string;

export interface Cursor {
  /** Of every room that is not listed. */
  readonly shared: Position | undefined;
  readonly rooms: ReadonlyMap<RoomKey, PackedPosition>;
  /** The last publication was one to several rooms: it is not known for which of them its client got it. */
  readonly isPartial: boolean;
}

/** Request headers are not endless, for proxies neither. */
const maxLength = 8_000;
/**
 * Rooms with a log in one stream: so many fit in a cursor. Each takes 21 characters and the digits of its offset (to the base
 * 36), and one with an epoch of 24 digits, as logs had before, 8 more.
 */
export const maxLoggedRooms = 256;

const keyLength = 6;
const positionForm = /^[\w.:-]{1,128}$/;
/** Stands in front of each room, and behind the shared position of a partial cursor. No position has it, and URLs leave it as it is. */
const mark = "*";

/** Of a room, where it says nothing that can be read, or nothing is kept: no store has such a position. */
export const unreadable: Position = "-";

export const noCursor: Cursor = { shared: undefined, rooms: new Map(), isPartial: false };

const lost: Cursor = { shared: unreadable, rooms: new Map(), isPartial: false };

/** Two rooms with one key would have each other's position, which is of another log: it recovers nothing. */
export function keyOf(room: string): RoomKey {
  return createHash("sha256").update(room).digest("base64url").slice(0, keyLength);
}

/** @returns text without line breaks and NUL; longer cursors are cut to one that no room can come back by. */
export function formatCursor({ shared = "", rooms, isPartial }: Cursor): string {
  let text = shared + (isPartial ? mark : "");
  for (const [room, position] of rooms) text += mark + room + position;
  return text.length > maxLength ? unreadable : text;
}

/** What a client shows; undefined: it shows none. What cannot be read is a cursor by which no room can be recovered. */
export function readCursor(text: string | null): Cursor | undefined {
  if (text === null || text === "") return undefined;
  if (text.length > maxLength) return lost;
  const [cursor = "", ...named] = text.split("&");
  const [shared = "", ...items] = cursor.split(mark);
  const isPartial = items[0] === "";
  if (isPartial) items.shift();
  const rooms = new Map<RoomKey, PackedPosition>();
  for (const item of items) {
    const position = item.slice(keyLength);
    if (!isPacked(position)) return lost;
    rooms.set(item.slice(0, keyLength), position);
  }
  for (const item of named) {
    const [room, position] = readNamed(item) ?? [];
    if (room === undefined || position === undefined) return lost;
    rooms.set(keyOf(room), pack(position));
  }
  const isGood = shared === "" || positionForm.test(shared);
  return isGood ? { shared: shared === "" ? undefined : shared, rooms, isPartial } : lost;
}

/** Of a client that has the places of rooms one by one, as by a websocket; undefined: it shows none. */
export function cursorOf(
  places: readonly (readonly [room: string, at: Position | undefined])[],
): Cursor | undefined {
  const shown = places.flatMap(([room, at]) =>
    at === undefined ? [] : [[room, positionForm.test(at) ? at : unreadable] as const],
  );
  return shown.length === 0 ? undefined : { ...noCursor, rooms: keyed(shown) };
}

/** `<name>=<position>`: a room as cursors had it before they had digests. */
function readNamed(item: string): readonly [room: string, position: Position] | undefined {
  const [name = "", position = "", ...more] = item.split("=");
  if (more.length > 0 || !positionForm.test(position)) return undefined;
  try {
    return [decodeURIComponent(name), position];
  } catch {
    return undefined;
  }
}

/** Where the client stood in a room; undefined: it comes for the first time. @param isAlone the stream has no other room */
export function positionOf(
  { shared, rooms, isPartial }: Cursor,
  room: string,
  isAlone: boolean,
): Position | undefined {
  const own = rooms.size === 0 ? undefined : rooms.get(keyOf(room));
  if (own !== undefined) return unpack(own);
  return isPartial && !isAlone && shared !== undefined ? unreadable : shared;
}

/** A client may show places of rooms without a log, too (`cursorOf`): these move on with the shared one. */
export function placesInLogs({ rooms }: Cursor): Map<RoomKey, PackedPosition> {
  return new Map([...rooms].filter(([, position]) => isOfLog(unpack(position))));
}

/** Without the rooms that the client asks for no more: they would fill it up in time. */
export function narrowed(cursor: Cursor, rooms: readonly string[]): Cursor {
  if (cursor.rooms.size === 0) return cursor;
  const keys = new Set(rooms.map(keyOf));
  return { ...cursor, rooms: new Map([...cursor.rooms].filter(([key]) => keys.has(key))) };
}

/** The mark of one position. @param isPartial of a publication to several rooms */
export function markOf(room: string | undefined, at: Position, isPartial: boolean): Cursor {
  if (!isOfLog(at)) return { shared: at, rooms: new Map(), isPartial };
  const rooms = room === undefined ? [] : ([[room, at]] as const);
  return { shared: undefined, rooms: keyed(rooms), isPartial: false };
}

/** Positions with a colon, by the names of their rooms. */
export function keyed(rooms: Iterable<readonly [room: string, at: Position]>): Cursor["rooms"] {
  const packed = new Map<RoomKey, PackedPosition>();
  for (const [room, at] of rooms) packed.set(keyOf(room), pack(at));
  return packed;
}

/** A position as logs give it: `<epoch>:<offset>.<tag>`, of hexadecimal digits; the place before the first entry has the tag 0. */
const logForm = /^((?:[0-9a-f]{2}){1,32}):(?:(0)\.0|([1-9]\d{0,15})\.([0-9a-f]{8}))$/;
const tagBytes = 4;
const packedForm = /^([\w-]{2,48})\.(0|[1-9a-z][0-9a-z]{0,10})$/;
/** In front of a position of another form, which stands as it is. */
const plainMark = "=";

/** Epoch and tag in base64, a dot, and the offset to the base 36. */
function pack(position: Position): PackedPosition {
  const [, epoch, start, digits, tag = ""] = logForm.exec(position) ?? [];
  const offset = Number(start ?? digits);
  if (epoch === undefined || !Number.isSafeInteger(offset)) return plainMark + position;
  return `${Buffer.from(epoch + tag, "hex").toString("base64url")}.${offset.toString(36)}`;
}

function isPacked(text: string): boolean {
  return text.startsWith(plainMark) ? positionForm.test(text.slice(1)) : packedForm.test(text);
}

function unpack(packed: PackedPosition): Position {
  if (packed.startsWith(plainMark)) return packed.slice(1);
  const [, bytes = "", digits = ""] = packedForm.exec(packed) ?? [];
  const offset = Number.parseInt(digits, 36);
  const text = Buffer.from(bytes, "base64url").toString("hex");
  if (offset === 0) return `${text}:0.0`;
  const cut = text.length - 2 * tagBytes;
  return cut > 0 && Number.isSafeInteger(offset)
    ? `${text.slice(0, cut)}:${offset}.${text.slice(cut)}`
    : unreadable;
}
