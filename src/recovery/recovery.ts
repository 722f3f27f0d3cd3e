// The Recovery port: what a client that comes back has missed, and where it stands. Dialects ask it when a client joins;
// recovery-by-rule.ts answers: by the tape for all that the bus carried, by the log (brokers/log.ts) for rooms with `history`
// in their rule.

import type { Position } from "../core/position.ts";
import type { Publication, RoomName } from "../core/publication.ts";

/**
 * Why it is not known what a client missed. `too_old`: more was kept than its position reaches back. `epoch`: the position is
 * of another store. `gap`: the gateway itself was cut off meanwhile. `unavailable`: the store did not answer.
 */
export type LossReason = "too_old" | "epoch" | "gap" | "unavailable";

/**
 * A publication that is kept of a room, and where it stands. Clients that come together are given the same object: what is
 * made of it can be made once for all of them.
 */
export interface Kept {
  readonly publication: Publication;
  readonly at: Position;
  /** Orders what is kept of several rooms in one store: the same number is the same publication. */
  readonly order: number;
}

/** `recovered: true` means everything since the position, each once, in order; otherwise nothing is replayed. */
export type RecoveryVerdict =
  | { readonly recovered: true; readonly missed: readonly Kept[] }
  | { readonly recovered: false; readonly reason: LossReason };

/**
 * The namespace under which the orders of backends about a namespace's clients are kept (kept-order.ts). No client can
 * ask for it: it begins with no `/`.
 */
export function ordersOf(namespace: string): string {
  return `orders ${namespace}`;
}

/** A room that a client comes to. */
export interface Asked {
  readonly namespace: string;
  /** Undefined: what is said to everyone in the namespace. */
  readonly room: string | undefined;
  /** Where the client stood; undefined: it comes for the first time. */
  readonly position: Position | undefined;
  /** What goes to other dialects alone is not missed (SEC-16). */
  readonly dialect: string;
  /**
   * The Connection that comes, where its dialect counts each room by itself: where it has more than this gateway, it does not get
   * that again. @default it counts by the tape in all rooms, and none is left out
   */
  readonly client?: object | undefined;
}

export interface Answer {
  /** Undefined: it comes for the first time. */
  readonly verdict: RecoveryVerdict | undefined;
  /** Where the room stands now; undefined: nothing is kept of it at present. */
  readonly at: Position | undefined;
}

export type GapListener = (rooms?: readonly RoomName[], only?: ReadonlySet<object>) => void;

export interface Recovery {
  /** How long anything is kept that is in no log. 0: nothing is. */
  readonly keptSeconds: number;
  /**
   * Calls `enter` once with an answer for each room, in their order, in the one turn in which they are exact: what was
   * published before is in them, and what comes after is delivered to those who join in this call. That is at once where
   * nothing is to be waited for; a gateway that is behind answers when it has caught up. The client may be gone then.
   */
  resume(asked: readonly Asked[], enter: (answers: readonly Answer[]) => void): void;
  /** Where a room stands now, for heartbeats; undefined: nothing is kept of it at present. */
  here(namespace: string, room: string | undefined): Position | undefined;
  /**
   * Calls back when the gateway was cut off and hears everything again: what it missed is unknown. @returns what ends this.
   * @param listener is told the rooms with a log (undefined: every room without one), and which clients (undefined: all).
   */
  onGap(listener: GapListener): () => void;
}

/** Where nothing is kept. */
export const nothingKept: Recovery = {
  keptSeconds: 0,
  resume(asked, enter) {
    const lost = { recovered: false, reason: "unavailable" } as const;
    enter(
      asked.map(({ position }) => ({ verdict: position === undefined ? undefined : lost, at: undefined })),
    );
  },
  here: () => undefined,
  onGap: () => () => undefined,
};
