// Who is in a room (docs/presence.md), for users of the client: a module of its own, because few pages need it. It asks once the
// client's rooms are joined, after each reconnect too, and keeps the state by the changes that follow.

import type { Client } from "./client.ts";
import type { Failure } from "./failure.ts";
import type { PresenceChangeMessage, PresentUser } from "./messages.ts";

/** The users in a room now. */
export interface Presence {
  /** How many users there are. */
  readonly total: number;
  /** Connections without a user, as many as there were at the last whole state. */
  readonly anonymous: number;
  /** By user, what others may know of each; undefined: there are more than are listed. */
  readonly users: ReadonlyMap<string, unknown> | undefined;
}

export interface PresenceListener {
  /** Each state is a new object. */
  changed(presence: Presence): void;
  /** It cannot be told: `no_presence`, say. After the next reconnect it is asked again. */
  failed?(error: Pick<Failure, "code" | "message" | "retry">): void;
}

type Source = Pick<Client, "state" | "presence" | "watch">;

/** Tells who is in a room that the client joined, by websocket. @returns what stops it. */
export function watchPresence(client: Source, room: string, listener: PresenceListener): () => void {
  let anonymous = 0;
  let users: Presence["users"];
  const ask = (): void => {
    client.presence(room).catch((error: Failure) => {
      listener.failed?.(error);
    });
  };
  const stopNotices = client.watch("notice", (notice) => {
    if (notice.room !== room) return;
    if ("error" in notice) {
      listener.failed?.(notice.error);
      return;
    }
    switch (notice.type) {
      case "presence":
        anonymous = notice.anonymous;
        users = notice.users && new Map(notice.users.map(entryOf));
        break;
      case "presence_change":
        users = users && changed(users, notice);
        break;
      default:
        notice satisfies never; // a later version's
        return;
    }
    listener.changed({ total: notice.total, anonymous, users });
  });
  const stopStates = client.watch("state", ({ state }) => {
    if (state === "connected") ask();
  });
  if (client.state === "connected") ask();
  return () => {
    stopNotices();
    stopStates();
  };
}

function changed(
  users: ReadonlyMap<string, unknown>,
  { joined, left }: PresenceChangeMessage,
): ReadonlyMap<string, unknown> {
  const next = new Map([...users, ...joined.map(entryOf)]);
  for (const user of left) next.delete(user);
  return next;
}

function entryOf({ user, info }: PresentUser): readonly [string, unknown] {
  return [user, info];
}
