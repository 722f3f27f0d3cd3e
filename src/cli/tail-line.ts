// One message of the bus as a line of `belfry tail`: for people, or as JSON. Everything in it comes from strangers,
// so nothing reaches the terminal unescaped (T26).

import { isUtf8 } from "node:buffer";
import { roomLabel } from "../vocabulary/room-rules.ts";
import type { BackendMessage, Order, Publication, Single, Target } from "../core/publication.ts";
import { printable, printableJson } from "../observe/printable.ts";

/** A message, and the channel that it came from. */
export interface TailLine {
  readonly dialect: string;
  readonly channel: string;
  readonly payload: Buffer;
  readonly at: Date;
  readonly message: BackendMessage;
  /** How many clients of the gateway that was asked it reaches; undefined: not known. */
  readonly by?: number | undefined;
}

const shownCharacters = 300;
/** Of junk. */
const shownBytes = 80;
const everyone = "(everyone)";

/** Does the message reach or touch a room of that kind? Junk has no room. */
export function concerns(message: BackendMessage, isRoom: (name: string) => boolean): boolean {
  if (message.kind === "skipped") return false;
  const rooms = roomsOf(message);
  return rooms === undefined || rooms.some(isRoom);
}

export function textLine(line: TailLine): string {
  const { dialect, channel, payload, at, message, by } = line;
  const time = at.toISOString().slice(11, 23);
  const what = isJunk(message) ? `${describe(line)}  ${excerpt(payload)}` : describe(line);
  const heard = by === undefined ? "" : `, delivered to ${by}`;
  return `${time}  ${dialect}  ${printable(channel)}  ${what}  (${payload.length} B${heard})`;
}

export function jsonLine(line: TailLine): string {
  const { dialect, channel, payload, at, message, by } = line;
  const fields: Readonly<Record<string, unknown>> = {
    time: at.toISOString(),
    dialect,
    channel,
    bytes: payload.length,
    ...jsonFields(line),
    ...(isJunk(message) ? { excerpt: excerpt(payload) } : {}),
    heard: by,
  };
  const head = JSON.stringify(fields);
  // Arguments stay the text that they were: large numbers keep their digits.
  const args = message.kind === "publication" ? `,"args":[${message.args.join(",")}]` : "";
  return printableJson(`${head.slice(0, -1)}${args}}`);
}

function isJunk(message: BackendMessage): boolean {
  return message.kind === "skipped" && message.isJunk;
}

/** The first bytes, in quotes where they are text; what cannot be seen is an escape. */
function excerpt(payload: Buffer): string {
  const shown = payload.subarray(0, shownBytes);
  const rest = payload.length > shown.length ? "..." : "";
  // A character that the bound cuts through is no fault of the text.
  const cuts = rest === "" ? [0] : [0, 1, 2, 3];
  const text = cuts.map((cut) => shown.subarray(0, shown.length - cut)).find((part) => isUtf8(part));
  if (text) return `"${printable(text.toString("utf8")).replaceAll('"', String.raw`\"`)}"${rest}`;
  return `${Array.from(shown, showByte).join("")}${rest}`;
}

function showByte(byte: number): string {
  const isPlain = byte >= 0x20 && byte < 0x7f && byte !== 0x5c;
  return isPlain ? String.fromCodePoint(byte) : `\\x${byte.toString(16).padStart(2, "0")}`;
}

function describe({ message }: TailLine): string {
  if (message.kind === "skipped") return `${message.isJunk ? "junk" : "skipped"}: ${message.reason}`;
  if (message.kind === "publication") return describePublication(message);
  const rooms = "rooms" in message ? ` ${showRooms(message.rooms)}:` : "";
  return `${message.kind}${rooms} ${showRooms(addressees(message))}`;
}

function describePublication(publication: Publication): string {
  const { event, args, attachments, except, skip } = publication;
  const left = [...except, ...skip];
  const without = left.length === 0 ? "" : ` without ${showRooms(left)}`;
  const binary = attachments.length === 0 ? "" : ` +${attachments.length} binary`;
  return `${showName(event)} -> ${showRooms(roomsOf(publication))}${without}  ${shorten(args.join(" "))}${binary}`;
}

function jsonFields({ message }: TailLine): Readonly<Record<string, unknown>> {
  switch (message.kind) {
    case "publication": {
      const { kind, event, namespace, rooms = null, except, skip, attachments, volatile } = message;
      return {
        kind,
        namespace,
        rooms,
        event,
        except,
        skip,
        attachments: attachments.length,
        volatile,
      };
    }
    case "skipped":
      return { kind: message.isJunk ? "junk" : "skipped", reason: message.reason };
    case "join":
    case "leave":
      return { kind: message.kind, target: message.target, rooms: message.rooms };
    case "disconnect":
      return { kind: message.kind, target: message.target, closeClient: message.closeClient };
    case "close-room":
      return { kind: message.kind, namespace: message.namespace, rooms: [message.room] };
    default:
      return message satisfies never;
  }
}

/** The rooms that a message speaks of, as people write them; undefined is everyone. */
function roomsOf(message: Publication | Order): readonly string[] | undefined {
  const own = "rooms" in message && message.kind !== "publication" ? message.rooms : [];
  const addressed = addressees(message);
  return addressed === undefined
    ? undefined
    : [...addressed, ...own.map((room) => roomLabel(room, namespaceOf(message)))];
}

function addressees(message: Publication | Order): readonly string[] | undefined {
  if (message.kind === "close-room") return [roomLabel(message.room, message.namespace)];
  const target: Target | Single = message.kind === "publication" ? message : message.target;
  if ("id" in target) return [roomLabel(target.id, target.namespace)];
  return target.rooms?.map((room) => roomLabel(room, target.namespace));
}

function namespaceOf(message: Publication | Order): string {
  return "target" in message ? message.target.namespace : message.namespace;
}

function showRooms(rooms: readonly string[] | undefined): string {
  if (!rooms) return everyone;
  return rooms.length === 0 ? "(no room)" : shorten(rooms.map(showName).join(" + "));
}

/** A name that could be taken for something else stands in quotes. */
function showName(name: string): string {
  return printable(/^[^\s"()+\\\p{C}]+$/u.test(name) ? name : JSON.stringify(name));
}

function shorten(text: string): string {
  const clean = printable(text.slice(0, shownCharacters));
  return text.length > shownCharacters ? `${clean}...` : clean;
}
