// What the gateway says in the native dialect (README.md), as JSON text, and the forms of what clients and backends say; their
// commands are read in read-command.ts. Without any state. Nothing here throws.

import type { ErrorCode } from "../../../client/messages.ts";
import { reservedEvents } from "../../codec/event-names.ts";

/** The dialect's name: in the config, in metrics, and in `Publication.only`. */
export const dialectName = "native";

/** Each error by its code: a sentence that repeats nothing of what was sent (SEC-05), and whether to try again. */
const errors = {
  bad_message: ["Expected a JSON object with a type and an id, in a text frame", false],
  unknown_command: ["Expected join, leave, publish, history, token or ping as type", false],
  room_name_too_long: ["Expected a shorter name of a room", false],
  room_name_invalid: [
    "Expected the name of a room: UTF-8 that is not empty and has no control characters; in a URL, one room= for each room, and %2C for a comma in its name",
    false,
  ],
  too_many_rooms: ["Expected fewer rooms on one connection", false],
  secret_wrong: ["Expected the secret of the room", false],
  room_of_another: ["Expected a room that does not belong to another client", false],
  room_closed: ["Expected a room that this client may join", false],
  rate_limited: ["Expected fewer wrong secrets; try again in a minute", true],
  unavailable: ["Expected the gateway to reach what it needs; try again", true],
  not_in_room: ["Expected a room that this connection is in", false],
  publish_forbidden: ["Expected a room in which clients may publish", false],
  event_invalid: ["Expected another name for the event: it is reserved or too long", false],
  no_history: ["Expected a room that keeps a log", false],
  no_presence: ["Expected a room with presence in its rule", false],
  position_unknown: ["Expected a position that the room's log has still", false],
  too_many_connections: ["Expected fewer connections; try again", true],
  token_invalid: ["Expected a token that is valid here", false],
  token_expired: ["Expected a token that has not expired: come with a fresh one", true],
  token_other_user: ["Expected a token of the same user: connect anew for another", false],
  ticket_invalid: ["Expected a ticket that is new: ask for another", false],
} as const satisfies Readonly<Record<ErrorCode, readonly [string, boolean]>>;

/** Those that are counted here; a client without a place is counted where places are given. */
export type NativeError = Exclude<ErrorCode, "too_many_connections">;

/** Of the name that a publisher gives a publication, characters. */
export const maxKeyLength = 256;

/** A whole number that every reader of JSON knows exactly. */
export function readCount(raw: string | undefined): number | undefined {
  if (raw === undefined || !/^(?:0|[1-9]\d{0,15})$/.test(raw)) return undefined;
  const value = Number(raw);
  return Number.isSafeInteger(value) ? value : undefined;
}

export const base64Form = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** The bytes of base64 with its padding; undefined when it is something else. */
export function readBase64(text: string): Uint8Array | undefined {
  return base64Form.test(text) ? Buffer.from(text, "base64") : undefined;
}

/** May an event be called so, here and in the other dialects? */
export function isEventName(event: string, maxBytes: number): boolean {
  return event !== "" && Buffer.byteLength(event) <= maxBytes && !reservedEvents.has(event);
}

/** What the gateway says. */

/** @param sentence where there is one that says more than that of the code */
export function errorMessage(code: NativeError, id: number | undefined, sentence?: string): string {
  return `{${id === undefined ? "" : `"id":${id},`}"error":${errorBody(code, sentence)}}`;
}

function errorBody(code: ErrorCode, sentence?: string): string {
  const [usual, retry] = errors[code];
  const message = sentence ?? usual;
  return JSON.stringify({ code, message, retry });
}

/** May the same work later? */
export function mayRetry(code: NativeError): boolean {
  return errors[code][1];
}

export function sentenceOf(code: NativeError): string {
  return errors[code][0];
}

/** A room of the URL that the client may not join. */
export function refusedMessage(room: string, code: ErrorCode): string {
  return `{"type":"refused","room":${JSON.stringify(room)},"error":${errorBody(code)}}`;
}

export interface Joined {
  /** Of the command, where there was one. */
  readonly id?: number | undefined;
  readonly room: string;
  readonly at?: string | undefined;
  readonly recovered?: boolean | undefined;
  readonly reason?: string | undefined;
  /** So many publications follow that the client missed; undefined where it did not recover. */
  readonly missed?: number | undefined;
}

export function joinedMessage({ id, room, at, recovered, reason, missed }: Joined): string {
  return JSON.stringify({ id, type: "joined", room, at, recovered, missed, reason });
}

export interface HistoryFields {
  readonly id: number;
  readonly room: string;
  /** JSON objects. */
  readonly publications: readonly string[];
  readonly at: string;
  readonly hasMore: boolean;
}

export function historyMessage({ id, room, publications, at, hasMore }: HistoryFields): string {
  const head = JSON.stringify({ id, type: "history", room, at, more: hasMore });
  return `${head.slice(0, -1)},"publications":[${publications.join(",")}]}`;
}

/** The shared position now. */
export function atMessage(at: string): string {
  return JSON.stringify({ type: "at", at });
}

/** Something may be missing. @param room with a position of its own; undefined: every room without one. @param at theirs */
export function gapMessage(room: string | undefined, at: string | undefined): string {
  return JSON.stringify({ type: "gap", rooms: room === undefined ? undefined : [room], at });
}

/** The last thing that a stream says, where its client may want to know why. */
export function closedMessage(code: ErrorCode): string {
  return `{"type":"closed","error":${errorBody(code)}}`;
}

/** It cannot be told who is in a room that the client joined. */
export function presenceFault(room: string, code: ErrorCode): string {
  return `{"type":"presence","room":${JSON.stringify(room)},"error":${errorBody(code)}}`;
}

/** The plain answers: `left`, `published`, `token`, `pong`. */
export function answerMessage(
  id: number,
  type: string,
  fields: { readonly room?: string; readonly at?: string; readonly seconds?: number } = {},
): string {
  return JSON.stringify({ id, type, ...fields });
}
