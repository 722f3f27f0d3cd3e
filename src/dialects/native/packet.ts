// The packets of the native dialect (README.md), without any state: what a client says, from text to a command or to the
// error that answers it; and what the gateway says, as JSON text. Nothing here throws.

import type { ErrorCode } from "../../../client/messages.ts";
import { reservedEvents } from "../../codec/event-names.ts";
import { readMembers, stringMember } from "../../codec/json.ts";
import type { Members } from "../../codec/json.ts";
import type { Frame } from "../../core/carrier.ts";

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
  position_unknown: ["Expected a position of the log that the room has now", false],
  too_many_connections: ["Expected fewer connections; try again", true],
  token_invalid: ["Expected a token that is valid here", false],
  token_expired: ["Expected a token that has not expired: come with a fresh one", true],
  token_other_user: ["Expected a token of the same user: connect anew for another", false],
  ticket_invalid: ["Expected a ticket that is new: ask for another", false],
} as const satisfies Readonly<Record<ErrorCode, readonly [string, boolean]>>;

/** Those that are counted here; a client without a place is counted where places are given. */
export type NativeError = Exclude<ErrorCode, "too_many_connections">;

/** What a client asks for. Texts are as they were sent. */
export type Command =
  | Join
  | { readonly type: "leave"; readonly id: number; readonly room: string }
  | Say
  | History
  | Token
  | { readonly type: "ping"; readonly id: number };

export interface Token {
  readonly type: "token";
  readonly id: number;
  readonly token: string;
}

export interface Join {
  readonly type: "join";
  /** Undefined: the room stood in the URL. */
  readonly id: number | undefined;
  readonly room: string;
  readonly secret: string | undefined;
  /** Where the client stood in the room. */
  readonly at: string | undefined;
  /** It wants to be told who is there. */
  readonly presence: boolean;
}

export interface Say {
  readonly type: "publish";
  readonly id: number;
  readonly room: string;
  readonly event: string | undefined;
  /** JSON text, or bytes. */
  readonly content: string | Uint8Array;
}

export interface History {
  readonly type: "history";
  readonly id: number;
  readonly room: string;
  readonly since: string | undefined;
  readonly before: string | undefined;
  readonly limit: number;
}

/** A message that is no command, and the answer to it. */
export interface Fault {
  readonly type: "fault";
  readonly id: number | undefined;
  readonly code: NativeError;
}

const bounds = { maxDepth: 64, maxItems: 1_000 } as const;
const maxLimit = 100;
const usualLimit = 50;

/** What one message of a client asks for. */
export function readCommand(frame: Frame): Command | Fault {
  const members = typeof frame === "string" ? readMembers(frame, bounds) : undefined;
  const id = readCount(members?.get("id"));
  const type = members && stringMember(members, "type");
  if (!members || id === undefined || typeof type !== "string")
    return { type: "fault", id, code: "bad_message" };
  if (type === "ping") return { type, id };
  if (type === "token") return readToken(members, id);
  const read = readers.get(type);
  if (!read) return { type: "fault", id, code: "unknown_command" };
  const room = stringMember(members, "room");
  const command = typeof room === "string" ? read(members, { id, room }) : undefined;
  return command ?? { type: "fault", id, code: "bad_message" };
}

interface Head {
  readonly id: number;
  readonly room: string;
}

type Reader = (members: Members, head: Head) => Command | undefined;

const readers: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ["join", readJoin],
  ["leave", (_members, head) => ({ type: "leave", ...head })],
  ["publish", readSay],
  ["history", readHistory],
]);

function readJoin(members: Members, head: Head): Command | undefined {
  const secret = optional(members, "secret");
  const at = optional(members, "at");
  const presence = members.get("presence") ?? "false";
  if (!secret || !at || !/^(?:true|false)$/.test(presence)) return undefined;
  return { type: "join", ...head, secret: secret.text, at: at.text, presence: presence === "true" };
}

function readToken(members: Members, id: number): Token | Fault {
  const token = stringMember(members, "token");
  return typeof token === "string"
    ? { type: "token", id, token }
    : { type: "fault", id, code: "bad_message" };
}

function readSay(members: Members, head: Head): Command | undefined {
  const event = optional(members, "event");
  const binary = optional(members, "binary");
  if (!event || !binary) return undefined;
  const data = members.get("data");
  // One of both: which of two was meant is not ours to guess.
  if ((data === undefined) === (binary.text === undefined)) return undefined;
  const content = data ?? readBase64(binary.text ?? "");
  if (content === undefined || (typeof content !== "string" && event.text !== undefined)) return undefined;
  return { type: "publish", ...head, event: event.text, content };
}

function readHistory(members: Members, head: Head): Command | undefined {
  const since = optional(members, "since");
  const before = optional(members, "before");
  const limit = members.has("limit") ? readCount(members.get("limit")) : usualLimit;
  if (!since || !before || limit === undefined || limit < 1 || limit > maxLimit) return undefined;
  if (since.text !== undefined && before.text !== undefined) return undefined;
  return { type: "history", ...head, since: since.text, before: before.text, limit };
}

/** @returns undefined where it is there and is no string. */
function optional(members: Members, name: string): { readonly text: string | undefined } | undefined {
  const text = stringMember(members, name);
  return text === undefined ? undefined : { text: text ?? undefined };
}

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
  return Buffer.byteLength(event) <= maxBytes && !reservedEvents.has(event);
}

/** What the gateway says. */

export function errorMessage(code: NativeError, id: number | undefined): string {
  return `{${id === undefined ? "" : `"id":${id},`}"error":${errorBody(code)}}`;
}

function errorBody(code: ErrorCode): string {
  const [message, retry] = errors[code];
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
