// What a publication looks like in the native dialect: one JSON object for each room, as a websocket's text or as an event
// of a stream. Data stays the JSON text that it is, so large numbers keep their digits.

import { publicationMessage } from "../../codec/publication-json.ts";
import type { Format } from "../../core/membership.ts";
import type { Cursor } from "./cursor.ts";
import { formatCursor, markOf } from "./cursor.ts";
import { dialectName } from "./packet.ts";
import { presenceMessage, presenceType } from "./presence.ts";

export const createSocketFormat = (): Format => ({
  dialect: dialectName,
  name: dialectName,
  isPerRoom: true,
  encode: (publication, room, at) => {
    const { presence } = publication;
    return [presence ? presenceMessage(room ?? "", presence) : publicationMessage(publication, room, at)];
  },
});

/** @param isText where each stream rewrites the ids of its frames (cursor-carrier.ts); else bytes, made once for all. */
export const createStreamFormat = (isText: boolean): Format => ({
  dialect: dialectName,
  name: `${dialectName}-stream`,
  isPerRoom: true,
  encode(publication, room, at) {
    const { presence } = publication;
    if (presence) {
      const told = eventOf(presenceMessage(room ?? "", presence), presenceType(presence));
      return [isText ? told : Buffer.from(told)];
    }
    const event = eventOf(publicationMessage(publication, room, at));
    const isPartial = publication.rooms === undefined || publication.rooms.length > 1;
    const text = at === undefined ? event : idLine(markOf(room, at, isPartial)) + event;
    return [isText ? text : Buffer.from(text)];
  },
});

/** Where the client stands from the event on that it stands before. */
export function idLine(cursor: Cursor): string {
  return `${idStart}${formatCursor(cursor)}\n`;
}

/** How a frame of a stream begins that says where the client stands. */
export const idStart = "id: ";

/** One event of a stream. @param name for listeners of their own; without one it is a `message`. */
export function eventOf(json: string, name?: string): string {
  return `${name === undefined ? "" : `event: ${name}\n`}data: ${inOneField(json)}\n\n`;
}

/** JSON may have line breaks between its parts: each line is a field of its own then (T23). */
function inOneField(json: string): string {
  return /[\r\n]/.test(json) ? json.replaceAll(/\r\n|\r|\n/g, "\ndata: ") : json;
}
