// What a tape (tape.ts) tells another one: its markers and messages, in order, and where it stands.

import type { BusMessage, ChannelFilter, Feed } from "../core/bus.ts";
import type { Publication } from "../core/publication.ts";
import { keptOrder } from "./kept-order.ts";

/** The bytes of a message. A channel that its subscription names is not among them. */
export interface KeptBytes {
  readonly channel: Buffer;
  readonly payload: Buffer;
}

/** A marker, or a message that is kept. */
export type TapeItem =
  | { readonly serial: number; readonly token: string }
  | (KeptBytes & {
      readonly serial: number;
      readonly source: Feed<ChannelFilter>;
      readonly time: number;
    });

export interface Standing {
  readonly serial: number;
  readonly time: number;
  /** Everything after this is there. @default as before */
  readonly lostUpTo?: number;
  readonly hasBeenCut?: boolean;
}

/** The message as the subscription heard it. */
export function messageOf({ filter }: Feed<ChannelFilter>, { channel, payload }: KeptBytes): BusMessage {
  return { channel: filter.kind === "pattern" ? channel.toString() : filter.name.toWellFormed(), payload };
}

/** What it says; undefined: it cannot be read. */
export function publicationIn(source: Feed<ChannelFilter>, message: BusMessage): Publication | undefined {
  const decoded = source.decode(message);
  if (decoded.kind === "skipped") return undefined;
  return decoded.kind === "publication" ? decoded : keptOrder(decoded);
}
