// The port of websockets and streams: what a dialect sees of them, and what it is told. The listener opens them by a route
// (route.ts).

import type { Carrier, Frame } from "../core/carrier.ts";
import type { DisconnectReason } from "../vocabulary/reasons.ts";

/** One accepted websocket, as a dialect sees it. */
export interface Socket extends Carrier {
  /**
   * Sends frames that waited for the client elsewhere, in front of all that comes: they are fed as it reads, and however
   * much they are, that is not taken for its slowness while it does.
   */
  inherit(frames: readonly Frame[]): void;
  /** Sends a websocket ping; the answer comes as `SocketHandler.ponged`. */
  ping(): void;
  /** Ends the connection with a close frame, behind what was sent before. `closed` is called within. */
  close(code: number, reason: string): void;
  /** Ends the connection without one. */
  terminate(): void;
}

/** What a dialect does with one websocket; made by `BrowserSide.upgrade`. */
export interface SocketHandler {
  /** The subprotocol to select; none when absent (HUB-17, W4R-11). */
  readonly protocol?: string;
  open(socket: Socket): void;
  message(data: Frame): void;
  /** The client answered a ping. */
  ponged?(): void;
  /** The client read something of what waited for it. */
  drained?(): void;
  /** The socket is gone; `code` as seen, or the one that it was closed with. */
  closed(code: number, why: CloseCause): void;
  /** `socket.isOnTopics` changed: the owner's connections must move in their rooms. */
  topicsChanged(): void;
}

/** One endless answer (server-sent events), as a dialect sees it. Frames are bytes of the answer as they stand. */
export interface Stream extends Carrier {
  /** Ends the answer behind what was sent before. `closed` is called within. */
  close(): void;
}

/** What a dialect does with one stream; made by `Route.stream`. */
export interface StreamHandler {
  /** What the head of the answer says beside what all streams say: who may read it. */
  readonly headers?: Readonly<Record<string, string>>;
  open(stream: Stream): void;
  /** The stream is over. */
  closed(why: CloseCause): void;
}

/** Why a socket or a stream ended: a reason of ours, also where the engine saw to it by itself, or `peer` for all other ends. */
export type CloseCause =
  | "peer"
  | Extract<DisconnectReason, "slow" | "too_large" | "flood" | "protocol_error">;

/** A client of the browser side, for the drain. */
export interface Closable {
  close(reason: DisconnectReason): void;
}
