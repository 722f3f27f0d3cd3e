// The Log port: what was published to a room with `history` in its rule, numbered without a gap, for clients that come back
// and for pages of the past. The drivers implement it, bus-broker.ts writes to it, recovery/ reads it; the conformance suite is
// test/conformance/log.test.ts.

import type { QueueRef } from "../core/broker.ts";
import type { RoomName } from "../core/publication.ts";
import type { HistoryRule } from "../vocabulary/room-rules.ts";

/**
 * Where an entry stands: the epoch names one life of a log, offsets count its entries from 1. A log that was lost and made
 * again has another epoch, so no offset of the old one is taken for one of the new.
 */
export interface LogPosition {
  readonly epoch: string;
  readonly offset: number;
  /**
   * Random, of that one entry: a store that lost its last second gives offsets again, to other entries. `0` where
   * there is none yet.
   */
  readonly tag: string;
}

export interface NewEntry {
  readonly name: RoomName;
  readonly history: HistoryRule;
  /** A JSON object with at least one field, as text. */
  readonly body: string;
  /** Heard on this channel of the bus, with `"at":"<position>"` in front of its fields. */
  readonly channel: string;
  /** The same key within five minutes is the same entry, whatever the body says. */
  readonly key?: string | undefined;
  /** Stored only if it is above the last one that the log took. A whole number from 0. */
  readonly version?: number | undefined;
}

/**
 * `at` is a position as text (`formatPosition`). `repeated`: its key came before, nothing was stored or said; `at` is where that
 * stands. `outdated`: a version as high stands there, nothing was stored or said; `at` is the top.
 */
export type Appended =
  | { readonly kind: "stored" | "repeated"; readonly at: string }
  | { readonly kind: "outdated"; readonly at: string; readonly version: number };

export interface LogEntry {
  readonly offset: number;
  readonly tag: string;
  readonly body: string;
}

/** Which entries, and how many of them at most. */
export interface LogRange {
  /** `after`: forwards from there; `before`: newest first from there, undefined: from the top. */
  readonly from: { readonly after: number } | { readonly before: number | undefined };
  readonly limit: number;
  /** The entries end before their bodies are more than this; one is given in any case. */
  readonly bytes: number;
}

export interface LogPage {
  /** The log at the moment of reading. */
  readonly top: LogPosition;
  readonly entries: readonly LogEntry[];
  /** There are more that way, which the limit or the bytes left out. */
  readonly hasMore: boolean;
}

/** Every call rejects with GatewayError `bus_unavailable` when the store refuses or does not answer within its deadline. */
export interface Log {
  /**
   * Numbers an entry, stores it and says it on its channel, all or nothing: entries are heard in the order of their
   * offsets. The log keeps the last `history.size` entries, until `history.seconds` after the last of them. Rejects with
   * GatewayError `log_unusable` when what stands in the store is no log: it is refused whenever it comes again.
   */
  append(entry: NewEntry): Promise<Appended>;
  /**
   * The same for what an entry of a queue asks for, which is removed in that one step, but where it is outdated. `gone`: it is not
   * there any more, and nothing was stored or said. @default no queue is in the same store
   */
  appendQueued?(queued: QueueRef, entry: NewEntry): Promise<Appended | "gone">;
  /** Entries as they stand at one moment, in the asked order; undefined: the room has no log now. */
  read(name: RoomName, range: LogRange): Promise<LogPage | undefined>;
  /** The top of the room's log, which is made where there is none: a client can come back to it before the first entry. */
  top(name: RoomName, history: HistoryRule): Promise<LogPosition>;
}
