// The rooms that stand in the URL of a websocket or a stream, as browser.ts finds them before it judges any of them.

import type { Exchange } from "../../server/route.ts";
import type { BrowserContext } from "../dialect.ts";
import type { Position } from "../../core/position.ts";
import { maxLoggedRooms, unreadable } from "./cursor.ts";
import type { AskedRoom } from "./rooms.ts";

/** Each once. */
export function roomsOf({ url }: Request, { query }: Exchange): readonly AskedRoom[] {
  const names = query.getAll("room");
  const places = query.getAll("at");
  const presence = query.get("presence") === "true";
  // Where it is not known which place is of which room, no room is recovered.
  const placeOf = (room: string): Position | undefined =>
    places.length === names.length ? places[names.indexOf(room)] || undefined : unreadable;
  return [...new Set(names)].map((room) => ({
    room,
    fault: isList(room, url) ? "room_name_invalid" : undefined,
    at: places.length === 0 ? undefined : placeOf(room),
    presence,
  }));
}

/** Was it written as `room=time,news`? Forms and scripts write a comma that belongs to a name as `%2C`. */
function isList(room: string, url: string): boolean {
  if (!room.includes(",")) return false;
  const written = url.slice(url.indexOf("?") + 1).split("&");
  return written.some((pair) => pair.includes(",") && new URLSearchParams(pair).get("room") === room);
}

/** May one stream have so many? @returns undefined when it may. */
export function faultOfStream(
  { limits, rules }: BrowserContext,
  asked: readonly AskedRoom[],
): { readonly reason: "room_missing" | "too_many_rooms"; readonly expected: string } | undefined {
  const expected = `Expected 1 to ${limits.roomsPerConnection} rooms: ?room=<name>&room=<name>\n`;
  if (asked.length === 0) return { reason: "room_missing", expected };
  if (asked.length > limits.roomsPerConnection) return { reason: "too_many_rooms", expected };
  const logged = rules.hasHistory ? asked.filter(({ room }) => rules.hasLog(room)).length : 0;
  if (logged <= maxLoggedRooms) return undefined;
  return {
    reason: "too_many_rooms",
    expected:
      `Expected at most ${maxLoggedRooms} rooms with a history in one stream, got ${logged}:` +
      " open more streams, or a websocket\n",
  };
}
