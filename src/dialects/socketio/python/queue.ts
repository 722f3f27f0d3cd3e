// The queue channels of Flask-SocketIO and python-socketio: bytes -> Publication or Order (compat section 4). It
// tells JSON from pickle, reads the fields, and gives a reason for junk. Messages of our own POST /emit come back this way,
// too, so that all gateways deliver alike (WSE-26).

import { writeValue } from "../../../codec/argument-writer.ts";
import type { Arguments, ArgumentsFault } from "../../../codec/argument-writer.ts";
import { readArray, readMembers, readString, stringMember } from "../../../codec/json.ts";
import type { Members } from "../../../codec/json.ts";
import { pickleForm } from "../../../codec/pickle-json.ts";
import { readPickle } from "../../../codec/pickle.ts";
import { readJsonText, startOfJson } from "../../../codec/utf8.ts";
import type { Feed } from "../../../core/bus.ts";
import { junk, notForUs } from "../../../core/publication.ts";
import type { AckReply, BackendMessage, Skipped, Target } from "../../../core/publication.ts";
import { reservedEvents } from "../../../codec/event-names.ts";
import { readJsonArguments, readPickledArguments } from "./arguments.ts";
import { encodeCallback, queueCanary } from "./encode.ts";

export interface PythonParts {
  readonly channel: string;
  /** Messages that carry it as `host_id` are our own (PSQ-11). */
  readonly gatewayId: string;
  /** Read pickled messages too, as data only (PSQ-04). */
  readonly pickle: boolean;
}

/** The feed of one queue channel (PSQ-01). */
export function pythonFeed(parts: PythonParts): Feed {
  return {
    filter: { kind: "exact", name: parts.channel, canary: queueCanary(parts.channel) },
    decode(said) {
      // A POST /emit to this gateway: it was read once, and the bytes would say the same.
      if (said.meaning?.dialect === "socketio") return said.meaning.publication;
      const message = readMessage(parts, said.payload);
      return "kind" in message ? message : understand(parts, message);
    },
  };
}

/** A message of either encoding. */
interface QueueMessage {
  /** Raw JSON by name, also of a pickled message. */
  readonly fields: Members;
  readArguments(): Arguments | ArgumentsFault;
}

/** Known names and a few more; a longer object is no queue message. */
const maxFields = 1_000;

function readMessage(parts: PythonParts, payload: Buffer): QueueMessage | Skipped {
  switch (firstByte(payload)) {
    case 0x7b: // {
      return readJsonMessage(payload);
    case 0x80: // protocol 2 and later
    case 0x28: // protocol 0
    case 0x7d: // protocol 1
      return parts.pickle ? readPickledMessage(payload) : junk("pickle_disabled");
    default:
      return junk("unknown_encoding");
  }
}

/** The first byte behind a byte order mark and white space (PSQ-03); 0 when there is none. */
function firstByte(payload: Buffer): number {
  let at = startOfJson(payload);
  let byte = payload[at] ?? 0;
  while (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) byte = payload[++at] ?? 0;
  return byte;
}

function readJsonMessage(payload: Buffer): QueueMessage | Skipped {
  const json = readJsonText(payload);
  const fields = json === undefined ? undefined : readMembers(json, { maxItems: maxFields });
  return fields ? { fields, readArguments: () => readJsonArguments(fields) } : junk("not_json");
}

function readPickledMessage(payload: Buffer): QueueMessage | Skipped {
  const read = readPickle(payload, { mode: "strict" });
  if (!read.isRead) return junk(read.reason, read.refused);
  const dict = read.value;
  if (!(dict instanceof Map)) return junk("not_object");
  const fields = new Map<string, string>();
  for (const [name, value] of dict) {
    if (name === "data" || typeof name !== "string") continue;
    const text = writeValue(value, pickleForm);
    if (text === undefined) return junk("data_invalid");
    fields.set(name, text);
  }
  return { fields, readArguments: () => readPickledArguments(dict.get("data") ?? null) };
}

function understand(parts: PythonParts, message: QueueMessage): BackendMessage {
  const { fields } = message;
  if (!fields.has("method")) return notForUs("no_method");
  const method = stringMember(fields, "method");
  if (method === "emit") return readEmit(parts, message);
  // A message of this gateway: what it orders is done already (PSQ-11).
  if (stringMember(fields, "host_id") === parts.gatewayId) return notForUs("own_message");
  switch (method ?? "") {
    case "disconnect":
    case "close_room":
    case "enter_room":
    case "leave_room":
      return readOrder(method as OrderMethod, fields);
    case "callback": // the answer to another server's question; this gateway asks none (PSQ-11)
      return notForUs("callback");
    default:
      return notForUs("unknown_method");
  }
}

function readEmit(parts: PythonParts, message: QueueMessage): BackendMessage {
  const { fields } = message;
  const event = stringMember(fields, "event");
  if (typeof event !== "string") return junk("event_invalid");
  if (reservedEvents.has(event)) return junk("event_reserved");
  const namespace = readNamespace(fields);
  if (namespace === undefined) return junk("namespace_invalid");
  const rooms = readRooms(fields);
  if (rooms === "invalid") return junk("room_invalid");
  const content = message.readArguments();
  if (typeof content === "string") return junk(content);
  const onAck = readCallback(parts.channel, fields);
  return {
    kind: "publication",
    namespace,
    rooms,
    except: [],
    skip: readSkipped(fields.get("skip_sid")),
    event,
    args: content.args,
    attachments: content.attachments,
    volatile: false,
    ...(onAck && { onAck }),
  };
}

/** A name is never changed: one without a slash matches nothing (PSQ-05). */
function readNamespace(fields: QueueMessage["fields"]): string | undefined {
  const namespace = stringMember(fields, "namespace");
  return namespace === null ? "/" : namespace;
}

/**
 * null is everyone, a list is the union of its rooms (PSQ-07).
 *
 * Numbers and booleans match nothing, because clients cannot join such rooms. null inside a list would be
 * everyone in Python; as that is hardly meant, it makes the message invalid.
 */
function readRooms(fields: Members): Target["rooms"] | "invalid" {
  const single = stringMember(fields, "room");
  if (single !== undefined) return single === null ? undefined : [single];
  const raw = fields.get("room") ?? "null";
  const items = raw.startsWith("[") ? readArray(raw) : [raw];
  if (!items || items.some((item) => item === "null" || /^[[{]/.test(item))) return "invalid";
  return items.map(readString).filter((room) => room !== undefined);
}

/** A string or a list of strings (PSQ-08); nothing else can be an id. */
function readSkipped(raw = "null"): readonly string[] {
  if (raw === "null") return [];
  const items = raw.startsWith("[") ? readArray(raw) : [raw];
  return items?.map(readString).filter((id) => id !== undefined) ?? [];
}

/** Sends each client's acknowledgement back to the publisher, over the same channel (PSQ-10). */
function readCallback(channel: string, fields: QueueMessage["fields"]): AckReply | undefined {
  const raw = fields.get("callback") ?? "null";
  if (raw === "null") return undefined;
  const [room, namespace, id, ...more] = readArray(raw) ?? [];
  const hostId = stringMember(fields, "host_id");
  if (room === undefined || namespace === undefined || id === undefined || more.length > 0) return undefined;
  // Without a publisher's id no publisher would take the answer.
  if (typeof hostId !== "string") return undefined;
  return (args, hasBinary) =>
    hasBinary
      ? undefined
      : { channel, payload: encodeCallback({ hostId, callback: [room, namespace, id], args }) };
}

type OrderMethod = "disconnect" | "close_room" | "enter_room" | "leave_room";

/** Orders about single connections and rooms (PSQ-12..14). */
function readOrder(method: OrderMethod, fields: QueueMessage["fields"]): BackendMessage {
  const namespace = readNamespace(fields);
  if (namespace === undefined) return junk("namespace_invalid");
  const id = stringMember(fields, "sid");
  if (typeof id !== "string" && method !== "close_room") return junk("sid_invalid");
  const target = { namespace, id: id ?? "" };
  if (method === "disconnect") return { kind: "disconnect", target, closeClient: "root" };
  const room = stringMember(fields, "room");
  if (typeof room !== "string") return junk("room_invalid");
  if (method === "close_room") return { kind: "close-room", namespace, room };
  return { kind: method === "enter_room" ? "join" : "leave", target, rooms: [room] };
}
