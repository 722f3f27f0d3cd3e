// What travels through the gateway: publications (to browsers) and orders (about connections). A dialect's
// backend side makes them from bytes; the hub carries them out. Arguments stay JSON text from door to door:
// what is only passed on is never parsed into values (digits of large integers survive, compat SIO-15).

import type { DisconnectReason, SkipReason } from "../vocabulary/reasons.ts";
import type { Frame } from "./carrier.ts";
import type { PresenceNews } from "../vocabulary/presence-news.ts";

/** Who is addressed: rooms of one namespace, minus rooms, minus single connections. */
export interface Target {
  readonly namespace: string;
  /** Union of rooms, each connection once; `undefined` is everyone in the namespace, `[]` no connection (PSQ-07). */
  readonly rooms: readonly string[] | undefined;
  /** The names are of trees (membership.ts), which no room's name reaches (SEC-16). @default false */
  readonly isTree?: boolean;
  /** Members of these rooms are left out (NRE-02). A connection's id counts as a room of its own (SIO-16). */
  readonly except: readonly string[];
  /** Connections left out by their id (PSQ-08). */
  readonly skip: readonly string[];
}

/** The pair that is one room. */
export interface RoomName {
  readonly namespace: string;
  readonly room: string;
}

/** One connection of one namespace, by its id. */
export interface Single {
  readonly namespace: string;
  readonly id: string;
}

/** One message inside the gateway. */
export interface Publication extends Target {
  readonly kind: "publication";
  readonly event: string;
  /** Each argument as JSON text; binary values stand in it as `{"_placeholder":true,"num":i}` (SIO-09). */
  readonly args: readonly string[];
  /** The binary values that the placeholders number. */
  readonly attachments: readonly Uint8Array[];
  /** The payload as it came in, where a door carries bare payloads: what raw dialects send on unchanged. */
  readonly raw?: Uint8Array;
  /** The same as a frame: text where the bytes are UTF-8. */
  readonly frame?: Frame;
  /** The one dialect that may hear it: what its browsers say stays there (SEC-16). */
  readonly only?: string;
  /** The one dialect that does not hear it: it did already. */
  readonly not?: string;
  /** Drop it for clients that are not writable now (NRE-02). */
  readonly volatile: boolean;
  /** What it tells to those who watch the room (vocabulary/presence-news.ts); the event and its arguments say the same. */
  readonly presence?: PresenceNews;
  /** Where an acknowledgement of each receiver goes (PSQ-10); undefined: none is wanted. */
  readonly onAck?: AckReply;
}

/** Is it for clients of this dialect (SEC-16)? */
export function mayHear(dialect: string, { only, not }: Pick<Publication, "only" | "not">): boolean {
  return (only === undefined || only === dialect) && not !== dialect;
}

/** Turns one client's acknowledgement into what goes back over the bus; undefined when it has no form there. */
export type AckReply = (args: readonly string[], hasBinary: boolean) => Outgoing | undefined;

/** Bytes of a message, or what writes them: a bus that hands on what they mean may have no use for them. */
export type Payload = string | Uint8Array | (() => string | Uint8Array);

/** A raw message for the bus. */
export interface Outgoing {
  readonly channel: string;
  readonly payload: Payload;
  readonly meaning?: Meaning;
}

/** What the payload of a message says, known to its publisher. */
export interface Meaning {
  /** To others, the same bytes say something else. */
  readonly dialect: string;
  readonly publication: Publication;
  /** What it was to its publisher, bytes. */
  readonly bytes: number;
  /** The publisher's own number for it. */
  readonly id?: string;
}

/** The bytes of a payload, or its text. */
export function writePayload(payload: Payload): string | Uint8Array {
  return typeof payload === "function" ? payload() : payload;
}

/** What a publication says, bytes: about as much as it was to its publisher. */
export function contentBytes({ raw, event, args, attachments }: Publication): number {
  if (raw) return raw.length;
  let bytes = event.length;
  for (const text of args) bytes += text.length;
  for (const attachment of attachments) bytes += attachment.length;
  return bytes;
}

/** An order of a trusted backend about connections (PSQ-12..14, NRE-06). */
export type Order = MoveOrder | DisconnectOrder | CloseRoomOrder;

export interface MoveOrder {
  readonly kind: "join" | "leave";
  readonly target: Target | Single;
  readonly rooms: readonly string[];
  /** On a join, the other rooms of this room-space are left (HUB-06). */
  readonly replaces?: string;
  /** Sent when the order named a single connection, it was ours, and it is where it was to be (NRE-07). */
  readonly done?: Outgoing;
}

export interface DisconnectOrder {
  readonly kind: "disconnect";
  readonly target: Target | Single;
  /**
   * End the whole connection, not only its place in the namespace; `root`: only where that is the place that all the others
   * ride on, `/` of Socket.IO's protocol 4 (SIO-03).
   */
  readonly closeClient: boolean | "root";
  /** Why, for the close code and the metric. @default server */
  readonly reason?: DisconnectReason;
  readonly done?: Outgoing;
}

export interface CloseRoomOrder {
  readonly kind: "close-room";
  readonly namespace: string;
  readonly room: string;
}

/** A payload that was not understood. */
export interface Junk {
  readonly kind: "skipped";
  readonly isJunk: true;
  readonly reason: SkipReason;
  /** What of it was not understood, where that has a name that may be logged: the class `datetime.datetime`. */
  readonly detail?: string | undefined;
}

/** A payload that leads to nothing. Junk is counted by reason; the rest is well formed and meant for other programs. */
export type Skipped =
  | Junk
  | { readonly kind: "skipped"; readonly isJunk: false; /** For `belfry tail`. */ readonly reason: string };

export type BackendMessage = Publication | Order | Skipped;

/** A payload that was not understood; counted under `reason`. */
export function junk(reason: SkipReason, detail?: string): Skipped {
  return { kind: "skipped", reason, detail, isJunk: true };
}

/** A payload that is well formed and not for us. */
export function notForUs(reason: string): Skipped {
  return { kind: "skipped", reason, isJunk: false };
}
