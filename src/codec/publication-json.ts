// A publication as one JSON object, for clients of the native dialect and for those who read the history of a room. Data stays
// the JSON text that it is, so large numbers keep their digits.

import type { Publication } from "../core/publication.ts";
import { toBase64 } from "./base64.ts";
import { isJson } from "./json.ts";

/** The JSON of one publication in one room. */
export function publicationMessage(publication: Publication, room: string | undefined, at?: string): string {
  const name = room === undefined ? "" : `"room":${JSON.stringify(room)},`;
  const place = at === undefined ? "" : `,"at":${JSON.stringify(at)}`;
  return `{${name}${contentOf(publication)}${place}}`;
}

function contentOf(publication: Publication): string {
  const { raw, frame, attachments } = publication;
  if (raw !== undefined || frame !== undefined) {
    if (typeof frame === "string") return `"data":${isJson(frame) ? frame : JSON.stringify(frame)}`;
    return `"binary":"${toBase64(frame ?? raw ?? none)}"`;
  }
  const members = eventMembers(publication, (bytes) => `{"base64":"${toBase64(bytes)}"}`);
  return attachments.length === 0 ? members : `${members},"hasBinary":true`;
}

const none = new Uint8Array();

const placeholder = /\{"_placeholder":true,"num":(\d+)\}/g;

/**
 * The members `event` and `data` of an event. One argument is `data` itself, several are a list, none is null.
 * @param write a binary value as JSON text.
 */
export function eventMembers(
  { event, args, attachments }: Publication,
  write: (bytes: Uint8Array) => string,
): string {
  const data = args.length === 0 ? "null" : args.length === 1 ? args[0] : `[${args.join(",")}]`;
  const text = `"event":${JSON.stringify(event)},"data":${data}`;
  if (attachments.length === 0) return text;
  return text.replaceAll(placeholder, (found, index: string) => {
    const bytes = attachments[Number(index)];
    return bytes ? write(bytes) : found;
  });
}
