// The Presence port: who is in a room, over all gateways. It belongs to users, not to connections: several tabs and dialects
// are one, and a user has left 3 s after the last of them went. Dialects and the API use it; gateway-presence.ts implements it.

import type { Connection } from "../core/membership.ts";
import type { PresenceState } from "../vocabulary/presence-news.ts";
import type { UsersPage } from "../brokers/presence.ts";
import type { RoomName } from "../core/publication.ts";

export type OnState = (state: PresenceState | undefined) => void;

export interface Presence {
  /** Is it told who is in this room? Its rule says so. */
  isTold(name: RoomName): boolean;
  /**
   * A member of the room wants to know who is there. From the call of `onState` on, what changes comes to it as publications
   * with `presence`, until it leaves the room. The same state is one object for all that ask at once.
   * @param onState undefined: it cannot be read now, or the connection left the room meanwhile.
   * @returns false when the connection asked too often before the state was there: this question is not answered.
   */
  watch(connection: Connection, room: string, onState: OnState): boolean;
  /** Who is in a room now. Rejects with GatewayError `bus_unavailable`. */
  read(name: RoomName): Promise<PresenceState>;
  /**
   * The users of a room of any size. Rejects with GatewayError `bus_unavailable`.
   * @param from `next` of the page before. @param limit about so many, 1 to 1,000
   */
  users(name: RoomName, from: string | undefined, limit: number): Promise<UsersPage>;
  /**
   * The rooms that have members on any gateway, of those that are tracked: by their rule, or because webhooks tell of them.
   * In no order. Rejects with GatewayError `bus_unavailable`.
   */
  rooms(): Promise<readonly RoomName[]>;
}

/** Where no client is, and nothing is told. */
export const noPresence: Presence = {
  isTold: () => false,
  watch(_connection, _room, onState) {
    onState(undefined);
    return true;
  },
  read: async () => ({ kind: "state", epoch: "", version: 0, users: [], total: 0, anonymous: 0 }),
  users: async () => ({ users: [], next: undefined }),
  rooms: async () => [],
};
