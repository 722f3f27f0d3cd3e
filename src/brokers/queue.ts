// The Queue port: what waits in the store, in order, until a gateway is done with it: what backends left to be published, and
// events of rooms on their way to webhooks. One gateway at a time reads a queue, so its entries keep their order. The gateway
// runs it (gateway/queue-reader.ts); a dialect (BackendSide.queues) or webhooks/ says what the entries mean.

import type { EntryRefusal, QueueFields, QueueRef } from "../core/broker.ts";
import type { SkipReason, WebhookFailure } from "../vocabulary/reasons.ts";

/** What is said in the place of an entry. */
export interface QueuedMessage {
  readonly channel: string;
  readonly payload: string;
}

export interface QueueEntry {
  /** Of this entry alone, in the life of its queue. */
  readonly id: string;
  /** Undefined: they are larger than asked for, and were not read. */
  readonly fields: QueueFields | undefined;
  /** Names and values together. */
  readonly bytes: number;
  /** Since it was added, by the clock of the store, ms. */
  readonly ageMs: number;
}

/** How much is taken at once. */
export interface QueueBounds {
  readonly entries: number;
  /** No more are taken once they are so large together; one is in any case. */
  readonly bytes: number;
  readonly maxEntryBytes: number;
  /** For so long no other gateway takes any. */
  readonly leaseMs: number;
}

export interface Taken {
  readonly kind: "taken";
  /** The first of the queue, in their order; none while another gateway reads. They stay in the queue until they are settled. */
  readonly entries: readonly QueueEntry[];
  /** How many are in the queue. */
  readonly waiting: number;
}

/** The store does not let this gateway do it: a server that is too old, rights that are missing, no memory left. */
export interface QueueRefusal {
  readonly kind: "refused";
  /** What is needed and what came, for people. */
  readonly text: string;
}

/** An entry that is done with: published or delivered, or refused for this reason. */
export interface Settled {
  readonly id: string;
  readonly refusal: EntryRefusal<SkipReason | WebhookFailure> | undefined;
}

/** What became of entries that were taken. */
export interface Worked {
  /** Done with. The others come again. */
  readonly settled: readonly Settled[];
  /** Before the next look, ms; meanwhile no other gateway reads. */
  readonly pauseMs: number;
  /** Why the store does not take one of the others now, for people. */
  readonly held?: string | undefined;
}

/** Queues that entries go on to. */
export interface Onward {
  readonly queues: readonly string[];
  /** Of more than these, a queue gives up the oldest: they are refused as `backlog`. */
  readonly backlog: number;
}

/** What a queue holds, for people. */
export interface QueueLook {
  readonly waiting: number;
  /** Refused entries that are kept. */
  readonly refused: number;
  /** The newest of them, the newest first. */
  readonly newest: readonly RefusedEntry[];
}

export interface RefusedEntry {
  /** What it was called in the queue. */
  readonly id: string;
  readonly reason: string;
  readonly text: string;
  readonly fields: QueueFields;
}

/** Every call rejects with GatewayError `bus_unavailable` when the store does not answer within its deadline. */
export interface Queue {
  /** The entries that are to be published next. It leaves nothing in a store that has no such queue. */
  take(name: string, bounds: QueueBounds): Promise<Taken | QueueRefusal>;
  /** Adds an entry. @returns its id */
  add(name: string, fields: readonly (readonly [name: string, value: string])[]): Promise<string>;
  /**
   * Says it on a channel of the bus and removes the entry, in one step.
   * @returns false when the entry was gone: it was said before.
   */
  say(entry: QueueRef, message: QueuedMessage): Promise<boolean>;
  /**
   * Removes them; refused ones are kept apart with their reason, for people. Where the store has no place for those, they stay,
   * and the others are removed all the same.
   */
  settle(name: string, entries: readonly Settled[]): Promise<QueueRefusal | undefined>;
  /**
   * Moves entries to each of these queues, in one step; there they have the same ids, and are as old. Entries that are gone
   * were moved before.
   * @returns how many entries each queue gave up for it
   */
  forward(name: string, ids: readonly string[], onward: Onward): Promise<readonly number[] | QueueRefusal>;
  /** @param count of the refused entries that are shown */
  look(name: string, count: number): Promise<QueueLook>;
  /** Another gateway may read at once. */
  release(name: string): Promise<void>;
}
