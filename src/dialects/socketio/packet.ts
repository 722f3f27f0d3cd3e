// Socket.IO packets as text: `<type>[<n>-][<nsp>,][<id>][<json>]` (compat section 2). Pure codecs: the Engine.IO
// message digit `4` is part of what is encoded here, because that is what a frame of the hub carries.

import { parseJson } from "../../base/json.ts";
import { readArray } from "../../codec/json.ts";
import type { Publication } from "../../core/publication.ts";
import { toAscii } from "../../codec/ascii-json.ts";

export const packetType = {
  connect: 0,
  disconnect: 1,
  event: 2,
  ack: 3,
  connectError: 4,
  binaryEvent: 5,
  binaryAck: 6,
} as const;

export type PacketType = (typeof packetType)[keyof typeof packetType];

/** A packet of a client, its payload still JSON text. */
export interface Packet {
  readonly type: PacketType;
  /** Without the `?query` of protocol 4. */
  readonly namespace: string;
  /** Decimal digits as they came; they are only ever sent back. */
  readonly id: string | undefined;
  /** Binary attachments that follow. */
  readonly attachments: number;
  /** Raw JSON text, not validated; undefined when there is none. */
  readonly json: string | undefined;
}

/** Node's default; more than that is refused at the header (SIO-09). */
const maxAttachments = 10;
const maxIdDigits = 100;

// One linear regular expression: type, attachments, namespace, id, payload.
const grammar = /^([0-6])(?:(\d{1,5})-)?(?:(\/[^,]*)(?:,|$))?(\d*)([^]*)$/;

/** @param text the message behind Engine.IO's `4`. @returns undefined when it is no packet (SIO-12). */
export function parsePacket(text: string): Packet | undefined {
  const match = grammar.exec(text);
  if (!match) return undefined;
  const type = Number(match[1]) as PacketType;
  const isBinary = type === packetType.binaryEvent || type === packetType.binaryAck;
  const attachments = match[2] === undefined ? 0 : Number(match[2]);
  if (isBinary !== (match[2] !== undefined) || attachments > maxAttachments) return undefined;
  const id = match[4] ?? "";
  if (id.length > maxIdDigits) return undefined;
  return {
    type,
    namespace: cutQuery(match[3] ?? "/"),
    id: id === "" ? undefined : id,
    attachments,
    json: match[5] === "" ? undefined : match[5],
  };
}

function cutQuery(namespace: string): string {
  const query = namespace.indexOf("?");
  return query === -1 ? namespace : namespace.slice(0, query);
}

/**
 * The event name and arguments of an EVENT or BINARY_EVENT; undefined when malformed (SIO-07, SIO-12). A name that is a
 * number is its text, as node takes it.
 */
export function parseEvent(packet: Packet): { readonly name: string; readonly args: unknown[] } | undefined {
  const data = packet.json === undefined ? undefined : parseJson(packet.json);
  if (!Array.isArray(data)) return undefined;
  const [name, ...args] = data as unknown[];
  if (typeof name !== "string" && typeof name !== "number") return undefined;
  return placeholdersAreValid(data, packet.attachments) ? { name: String(name), args } : undefined;
}

/** The arguments of an ACK or BINARY_ACK as JSON texts, digits untouched (SIO-15); no payload is none, as in node. */
export function parseAck(packet: Packet): readonly string[] | undefined {
  if (packet.json === undefined) return [];
  const args = readArray(packet.json);
  if (!args || packet.attachments === 0) return args;
  return placeholdersAreValid(parseJson(packet.json), packet.attachments) ? args : undefined;
}

/** CONNECT carries nothing or an object (SIO-01); DISCONNECT nothing. */
export function isPayloadAllowed(packet: Packet): boolean {
  if (packet.json === undefined) return true;
  if (packet.type !== packetType.connect) return false;
  const auth = parseJson(packet.json);
  return typeof auth === "object" && auth !== null && !Array.isArray(auth);
}

const maxDepth = 200;

/**
 * Every placeholder of a binary packet must name one of its attachments (SIO-09, CVE-2022-2421). Without attachments
 * clients take such an object for data, and so do we.
 */
function placeholdersAreValid(value: unknown, attachments: number, depth = 0): boolean {
  if (attachments === 0 || typeof value !== "object" || value === null) return true;
  if (depth > maxDepth) return false;
  if (Object.hasOwn(value, "_placeholder")) {
    const { _placeholder: mark, num } = value as { _placeholder?: unknown; num?: unknown };
    if (mark === true) {
      return typeof num === "number" && Number.isInteger(num) && num >= 0 && num < attachments;
    }
  }
  return Object.values(value).every((item) => placeholdersAreValid(item, attachments, depth + 1));
}

/** `/` is never written, any other namespace with its comma. */
function prefix(namespace: string): string {
  return namespace === "/" ? "" : `${namespace},`;
}

/** What an event's packet is made of. */
export type EventParts = Pick<Publication, "namespace" | "event" | "args" | "attachments">;

export interface EventForm {
  /** Of the acknowledgement that is wanted. */
  readonly id?: string | undefined;
  /** Write the JSON text without a character outside ASCII. */
  readonly isAscii?: boolean;
}

/** EVENT or BINARY_EVENT, the text part; its attachments follow as binary frames (SIO-09). */
export function encodeEvent(
  { namespace, event, args, attachments }: EventParts,
  { id = "", isAscii = false }: EventForm = {},
): string {
  const type = attachments.length > 0 ? `45${attachments.length}-` : "42";
  const name = JSON.stringify(event);
  const data = args.length > 0 ? `${name},${args.join(",")}` : name;
  return `${type}${prefix(namespace)}${id}[${isAscii ? toAscii(data) : data}]`;
}

/** The empty acknowledgement: a known event ran (SIO-08). */
export function encodeAck(namespace: string, id: string, args = "[]"): string {
  return `43${prefix(namespace)}${id}${args}`;
}

/**
 * @param ids undefined for protocol 4 and older, where CONNECT has no payload (SIO-02, SIO-03). `pid`: what the client shows
 * when it comes back.
 */
export function encodeConnect(
  namespace: string,
  ids: { readonly sid: string; readonly pid?: string | undefined } | undefined,
): string {
  const payload = ids === undefined ? "" : JSON.stringify(ids);
  // Without a payload the comma may go too, as node writes it: `40/x`.
  return payload === "" && namespace !== "/" ? `40${namespace}` : `40${prefix(namespace)}${payload}`;
}

export function encodeDisconnect(namespace: string): string {
  return namespace === "/" ? "41" : `41${namespace},`;
}

/** @param error sent as JSON: an object with `message` for protocol 5, a string for older clients (SIO-05). */
export function encodeConnectError(
  namespace: string,
  error: string | { readonly message: string; readonly data?: object },
): string {
  return `44${prefix(namespace)}${JSON.stringify(error)}`;
}
