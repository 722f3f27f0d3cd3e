// What a client of the native dialect says over a websocket (README.md), from text to a command, or to what is wrong with it as a
// sentence for people that repeats nothing of what was sent (SEC-05). Pure. Nothing here throws.

import { readMembers, stringMember } from "../../codec/json.ts";
import type { Members } from "../../codec/json.ts";
import type { Frame } from "../../core/carrier.ts";
import { readBase64, readCount } from "./packet.ts";
import type { NativeError } from "./packet.ts";

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
  readonly code: Extract<NativeError, "bad_message" | "unknown_command">;
  /** What was expected; undefined: what the code says. */
  readonly sentence?: string;
}

const bounds = { maxDepth: 64, maxItems: 1_000 } as const;
const maxLimit = 100;
const usualLimit = 50;

/** What one message of a client asks for. */
export function readCommand(frame: Frame): Command | Fault {
  const members = typeof frame === "string" ? readMembers(frame, bounds) : undefined;
  if (!members) return { type: "fault", id: undefined, code: "bad_message" };
  const id = readCount(members.get("id"));
  if (id === undefined) return bad(id, "Expected `id` to be a whole number from 0 to 2^53 - 1");
  const type = stringMember(members, "type");
  if (typeof type !== "string") return bad(id, "Expected `type` to be a string");
  const read = readers.get(type);
  if (!read) return { type: "fault", id, code: "unknown_command" };
  const command = read(members, id);
  return typeof command === "string" ? bad(id, command) : command;
}

function bad(id: number | undefined, sentence: string): Fault {
  return { type: "fault", id, code: "bad_message", sentence };
}

/** @returns the command, or what was expected. */
type Reader = (members: Members, id: number) => Command | string;

const readers: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ["join", inRoom(readJoin)],
  ["leave", inRoom((_members, head) => ({ type: "leave", ...head }))],
  ["publish", inRoom(readSay)],
  ["history", inRoom(readHistory)],
  ["token", readToken],
  ["ping", (_members, id) => ({ type: "ping", id })],
]);

interface Head {
  readonly id: number;
  readonly room: string;
}

function inRoom(read: (members: Members, head: Head) => Command | string): Reader {
  return (members, id) => {
    const room = stringMember(members, "room");
    return typeof room === "string" ? read(members, { id, room }) : "Expected `room` to be a string";
  };
}

function readJoin(members: Members, head: Head): Command | string {
  const presence = members.get("presence") ?? "false";
  if (presence !== "true" && presence !== "false") return "Expected `presence` to be true or false";
  return (
    noText(members, "secret", "at") ?? {
      type: "join",
      ...head,
      secret: textOf(members, "secret"),
      at: textOf(members, "at"),
      presence: presence === "true",
    }
  );
}

function readToken(members: Members, id: number): Command | string {
  const token = stringMember(members, "token");
  return typeof token === "string" ? { type: "token", id, token } : "Expected `token` to be a string";
}

function readSay(members: Members, head: Head): Command | string {
  const fault = noText(members, "event", "binary");
  if (fault !== undefined) return fault;
  const event = textOf(members, "event");
  const binary = textOf(members, "binary");
  const data = members.get("data");
  // Which of two was meant is not ours to guess.
  if ((data === undefined) === (binary === undefined)) return "Expected either `data` or `binary`";
  if (data !== undefined) return { type: "publish", ...head, event, content: data };
  if (event !== undefined) return "Expected no `event` beside `binary`";
  const content = readBase64(binary ?? "");
  return content
    ? { type: "publish", ...head, event, content }
    : "Expected `binary` to be base64 with its padding";
}

function readHistory(members: Members, head: Head): Command | string {
  const fault = noText(members, "since", "before");
  if (fault !== undefined) return fault;
  const since = textOf(members, "since");
  const before = textOf(members, "before");
  if (since !== undefined && before !== undefined) return "Expected `since` or `before`, not both";
  const limit = members.has("limit") ? readCount(members.get("limit")) : usualLimit;
  if (limit === undefined || limit < 1 || limit > maxLimit)
    return `Expected \`limit\` to be a whole number from 1 to ${maxLimit}`;
  return { type: "history", ...head, since, before, limit };
}

/** What is wrong with the first of these that is there and is no string. */
function noText(members: Members, ...names: readonly string[]): string | undefined {
  const wrong = names.find((name) => stringMember(members, name) === undefined);
  return wrong === undefined ? undefined : `Expected \`${wrong}\` to be a string, where it is there`;
}

/** One that was looked at. */
function textOf(members: Members, name: string): string | undefined {
  return stringMember(members, name) ?? undefined;
}
