// The PresenceStore port: which users are in a room by which gateway, and what of it is told. What a gateway wrote counts
// while its lease lives; each step that changes a room numbers the change, says it on the bus and writes the events for
// webhooks, all at once. The drivers implement it, presence/ uses it; the suite is test/conformance/presence.test.ts.

import type { PresenceState, PresentUser } from "../vocabulary/presence-news.ts";
import type { RoomName } from "../core/publication.ts";

/** Where changes are said. No other program's channel begins like this. */
export const presenceChannel = "belfry-presence";

/** What the keys of presence begin with: no name of a dialect may (RTE-08). */
export const presenceKeyPrefix = "belfry-presence:";

/** Rooms with more users are counted, not listed. */
export const listedUsers = 1_000;

/** In one call, of one room: so long a script may run. */
export const usersAtOnce = 500;

/** What of a room is told, and to whom. */
export interface Tracking {
  /** Changes of its users are said on the bus. */
  isTold(name: RoomName): boolean;
  /** Events are written for webhooks. */
  isReported(name: RoomName): boolean;
}

export const noTracking: Tracking = { isTold: () => false, isReported: () => false };

export interface PresenceTimes {
  /** What a gateway wrote counts for so long after its last beat, ms. */
  readonly leaseMs: number;
  /** A user is still there for so long after the last connection went, ms. */
  readonly graceMs: number;
}

export const presenceTimes: PresenceTimes = { leaseMs: 15_000, graceMs: 3_000 };

/** What is so in one room on one gateway, as far as it changed: writing it twice changes nothing. */
export interface RoomUpdate {
  readonly name: RoomName;
  /** At most {@link usersAtOnce} of both together. */
  readonly here: readonly PresentUser[];
  readonly gone: readonly string[];
  /** Connections without a user. */
  readonly anonymous: number;
}

/** What falls to one gateway at a time. */
export interface Duties {
  /** Gateways with a lease that ended. */
  readonly dead: readonly string[];
  /** Rooms in which the grace of a user has ended. */
  readonly due: readonly RoomName[];
}

/** Users of a room, a page at a time; one who comes or goes meanwhile may be missing, or there twice. */
export interface UsersPage {
  readonly users: readonly PresentUser[];
  /** Where the next page begins; undefined: there is none. */
  readonly next: string | undefined;
}

/** Every call rejects with GatewayError `bus_unavailable` when the store does not answer within its deadline. */
export interface PresenceStore {
  /** A gateway is there from now on, by a name that none had before. */
  enroll(gateway: string): Promise<void>;
  /** It still is. @returns "lost" when its lease had ended: it must enroll by another name, and write everything again. */
  beat(gateway: string): Promise<Duties | "lost">;
  /** MUST have enrolled. Calls take effect in their order; one that is rejected may have done a part. */
  update(gateway: string, updates: readonly RoomUpdate[]): Promise<void>;
  /** Tells the leaves in this room that are due. */
  settle(name: RoomName): Promise<void>;
  /**
   * One step of removing all that a gateway wrote, and its lease. Several may do so at once: each leave is told once.
   * @param graceMs for its users who are nowhere else. @returns whether it was the last step
   */
  drop(gateway: string, graceMs: number): Promise<boolean>;
  read(name: RoomName): Promise<PresenceState>;
  users(name: RoomName, from: string | undefined, limit: number): Promise<UsersPage>;
  rooms(): Promise<readonly RoomName[]>;
}
