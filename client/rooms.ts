// The rooms that a page wants to be in, and where it stands in each: what it shows when it comes back. A position is never
// ahead of what was received: what it claims too much would be missed unsaid.

import type { GapMessage, JoinedMessage, WirePublication } from "./messages.ts";

/** What became of a join. */
export interface Joined {
  readonly room: string;
  readonly at: string | undefined;
  /** Only where a position was shown. */
  readonly recovered?: boolean | undefined;
  readonly reason?: string | undefined;
}

interface Waiter {
  readonly resolve: (joined: Joined) => void;
  readonly reject: (error: Error) => void;
}

export interface Room {
  secret: string | undefined;
  at: string | undefined;
  /** It was in it before: joining it again is coming back. */
  hasJoined: boolean;
  waiters: Waiter[];
}

/** A position that is the same for all rooms has no colon in it. */
const isShared = (at: string | undefined): boolean => !at?.includes(":");

export class Rooms {
  readonly all = new Map<string, Room>();

  want(name: string, { secret, at }: { readonly secret?: string; readonly at?: string }): Room {
    const room = this.all.get(name) ?? { secret, at, hasJoined: false, waiters: [] };
    room.secret = secret ?? room.secret;
    this.all.set(name, room);
    return room;
  }

  /** @returns whether it came back. */
  joined({ room: name, at, recovered, missed, reason }: Omit<JoinedMessage, "type">): boolean {
    const room = this.all.get(name);
    if (!room) return false;
    const isReturn = room.hasJoined;
    room.hasJoined = true;
    // What was missed comes now: until then the room stands where it stood.
    if (!missed) room.at = at;
    for (const { resolve } of room.waiters.splice(0)) resolve({ room: name, at, recovered, reason });
    return isReturn;
  }

  refused(name: string, error: Error): void {
    const room = this.all.get(name);
    for (const { reject } of room?.waiters.splice(0) ?? []) reject(error);
  }

  received({ room: name, at }: WirePublication): void {
    const room = this.all.get(name);
    if (!room) return;
    // Without a position it may come again from a shared one; what has a log of its own counts it not.
    if (at !== undefined || isShared(room.at)) room.at = at;
  }

  /** @param pending rooms whose verdict is still to come: they stand where they stood. */
  moved(at: string, pending: ReadonlySet<string>): void {
    for (const [name, room] of this.all)
      if (room.at !== undefined && isShared(room.at) && !pending.has(name)) room.at = at;
  }

  /** @returns the rooms in which something may be missing. */
  lost({ rooms, at }: GapMessage, pending: ReadonlySet<string>): readonly string[] {
    const all = [...this.all].filter(([name, room]) => isShared(room.at) && !pending.has(name));
    const names = rooms ?? all.map(([name]) => name);
    for (const name of names) {
      const room = this.all.get(name);
      // A room with a position of its own keeps it where the new one is not known.
      if (room) room.at = at ?? (rooms && room.at);
    }
    return names;
  }
}
