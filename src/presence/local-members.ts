// Who is in tracked rooms by this gateway: connections counted to users, and which of that the store does not know yet. It
// hears of joins and leaves from the hub (HubEvents); registrar.ts takes what changed.

import { roomId } from "../brokers/room-id.ts";
import { usersAtOnce } from "../brokers/presence.ts";
import type { RoomUpdate } from "../brokers/presence.ts";
import type { HubEvents } from "../core/hub.ts";
import type { Identity } from "../core/identity.ts";
import type { Room } from "../core/membership.ts";
import type { RoomName } from "../core/publication.ts";

interface LocalUser {
  connections: number;
  /** Of the latest connection. */
  info: string | undefined;
}

interface LocalRoom {
  readonly name: RoomName;
  readonly users: Map<string, LocalUser>;
  anonymous: number;
  /** Users of whom the store may know something else. */
  readonly changed: Set<string>;
}

export interface LocalMembersParts {
  /** Is it of any interest who is in this room? */
  isTracked(name: RoomName): boolean;
  /** Something changed that the store does not know. */
  onChange(): void;
}

export class LocalMembers {
  readonly #parts: LocalMembersParts;
  readonly #rooms = new Map<string, LocalRoom>();
  readonly #changed = new Set<LocalRoom>();
  #keepsChanges = false;

  constructor(parts: LocalMembersParts) {
    this.#parts = parts;
  }

  /** For the hub. */
  readonly events = {
    joined: (connection, room) => {
      this.#join(connection.identity, room);
    },
    left: (connection, room) => {
      this.#leave(connection.identity, room);
    },
    identified: (connection, room, before) => {
      const { identity } = connection;
      if (before.user === identity.user && before.info === identity.info) return;
      this.#join(identity, room);
      this.#leave(before, room);
    },
  } satisfies HubEvents;

  get hasChanges(): boolean {
    return this.#changed.size > 0;
  }

  /** All will be a change: what changes until then need not be remembered, however long that is. */
  keepNoChanges(): void {
    this.#keepsChanges = false;
    this.#changed.clear();
    for (const room of this.#rooms.values()) {
      room.changed.clear();
      this.#forgetEmpty(room);
    }
  }

  /** The store knows nothing of this gateway: all of it is a change. */
  changeAll(): void {
    this.#keepsChanges = true;
    for (const room of this.#rooms.values()) {
      for (const user of room.users.keys()) room.changed.add(user);
      this.#changed.add(room);
    }
  }

  /** Rooms without any change are written too: what is not renewed ends. */
  renewAll(): void {
    for (const room of this.#rooms.values()) this.#changed.add(room);
  }

  /** What changed and was not taken, some rooms of it. @param rooms at most so many */
  take(rooms: number): readonly RoomUpdate[] {
    const updates: RoomUpdate[] = [];
    for (const room of this.#changed) {
      if (updates.length === rooms) break;
      updates.push(takeFrom(room));
      if (room.changed.size > 0) continue;
      this.#changed.delete(room);
      this.#forgetEmpty(room);
    }
    return updates;
  }

  #join({ user, info }: Identity, room: Room): void {
    const local = this.#open(room);
    if (!local) return;
    if (user === undefined || user === "") local.anonymous++;
    else {
      const known = local.users.get(user);
      if (known && known.info === info) {
        known.connections++;
        return;
      }
      local.users.set(user, { connections: (known?.connections ?? 0) + 1, info });
    }
    this.#note(local, user);
  }

  #leave({ user }: Identity, { namespace, name = "" }: Room): void {
    const local = this.#rooms.get(roomId({ namespace, room: name }));
    if (!local) return;
    if (user === undefined || user === "") local.anonymous--;
    else {
      const known = local.users.get(user);
      if (!known || --known.connections > 0) return;
      local.users.delete(user);
    }
    this.#note(local, user);
  }

  #open({ namespace, name }: Room): LocalRoom | undefined {
    if (name === undefined) return undefined;
    const roomName = { namespace, room: name };
    if (!this.#parts.isTracked(roomName)) return undefined;
    const key = roomId(roomName);
    const known = this.#rooms.get(key);
    if (known) return known;
    const made: LocalRoom = { name: roomName, users: new Map(), anonymous: 0, changed: new Set() };
    this.#rooms.set(key, made);
    return made;
  }

  #note(room: LocalRoom, user: string | undefined): void {
    if (!this.#keepsChanges) {
      this.#forgetEmpty(room);
      return;
    }
    if (user !== undefined && user !== "") room.changed.add(user);
    this.#changed.add(room);
    this.#parts.onChange();
  }

  #forgetEmpty({ name, users, anonymous }: LocalRoom): void {
    if (users.size === 0 && anonymous === 0) this.#rooms.delete(roomId(name));
  }
}

function takeFrom({ name, users, anonymous, changed }: LocalRoom): RoomUpdate {
  const here: RoomUpdate["here"][number][] = [];
  const gone: string[] = [];
  for (const user of changed) {
    if (here.length + gone.length === usersAtOnce) break;
    changed.delete(user);
    const known = users.get(user);
    if (known) here.push({ user, info: known.info });
    else gone.push(user);
  }
  return { name, here, gone, anonymous };
}
