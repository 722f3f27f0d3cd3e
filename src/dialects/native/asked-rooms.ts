// The rooms that stand in the URL of a websocket or a stream, as browser.ts finds them before it judges any of them.

import type { Exchange } from "../../server/route.ts";
import type { BrowserContext } from "../dialect.ts";
import { maxLoggedRooms } from "./cursor.ts";
import type { AskedRoom } from "./rooms.ts";

/** Each once. */
export function roomsOf({ url }: Request, { query }: Exchange): readonly AskedRoom[] {
  const rooms = [...new Set(query.getAll("room"))];
  const presence = query.get("presence") === "true";
  return rooms.map((room) => ({
    room,
    fault: isList(room, url) ? "room_name_invalid" : undefined,
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
