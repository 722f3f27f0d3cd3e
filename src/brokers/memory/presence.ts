// The PresenceStore port in memory: the rooms of one process. What changes is said over the memory bus, and events go into its
// queue. The scripts of brokers/redis/presence-scripts.ts do the same steps on Redis.

import { roomId } from "../room-id.ts";
import { randomId } from "../../base/random-id.ts";
import type { Bus } from "../../core/bus.ts";
import type { PresenceState } from "../../vocabulary/presence-news.ts";
import type { UsersPage } from "../presence.ts";
import type { RoomName } from "../../core/publication.ts";
import { eventFields, eventsQueue } from "../room-event.ts";
import { GatewayError } from "../../vocabulary/errors.ts";
import { listedUsers, presenceChannel, presenceTimes, usersAtOnce } from "../presence.ts";
import type { Duties, PresenceStore, PresenceTimes, RoomUpdate, Tracking } from "../presence.ts";
import { encodeChange } from "../presence-message.ts";
import type { Queue } from "../queue.ts";
import { PresentRoom } from "./present-room.ts";

/** Rooms that are remembered when all have left: the numbers of their changes and events go on. */
const maxVacated = 10_000;

export interface MemoryPresenceParts {
  readonly bus: Pick<Bus, "publish">;
  readonly events: Pick<Queue, "add">;
  readonly tracking: Tracking;
  /** Monotonic clock, ms. */
  readonly now: () => number;
  readonly times?: PresenceTimes | undefined;
}

export class MemoryPresence implements PresenceStore {
  readonly #parts: MemoryPresenceParts;
  readonly #times: PresenceTimes;
  readonly #rooms = new Map<string, PresentRoom>();
  /** Rooms without members, in the order in which the last member left. */
  readonly #vacated = new Set<string>();
  /** Ends of their leases. */
  readonly #gateways = new Map<string, number>();
  #isClosed = false;

  constructor(parts: MemoryPresenceParts) {
    this.#parts = parts;
    this.#times = parts.times ?? presenceTimes;
  }

  async enroll(gateway: string): Promise<void> {
    this.#checkOpen();
    this.#gateways.set(gateway, this.#parts.now() + this.#times.leaseMs);
  }

  async beat(gateway: string): Promise<Duties | "lost"> {
    this.#checkOpen();
    const now = this.#parts.now();
    if ((this.#gateways.get(gateway) ?? 0) <= now) return "lost";
    this.#gateways.set(gateway, now + this.#times.leaseMs);
    const dead = [...this.#gateways].filter(([, until]) => until <= now).map(([id]) => id);
    const due = [...this.#rooms.values()].filter((room) => room.dueAt <= now).map(({ name }) => name);
    return { dead, due };
  }

  async update(gateway: string, updates: readonly RoomUpdate[]): Promise<void> {
    this.#checkOpen();
    for (const update of updates) this.#updateRoom(gateway, update);
  }

  #updateRoom(gateway: string, { name, here, gone, anonymous }: RoomUpdate): void {
    const key = roomId(name);
    let room = this.#rooms.get(key);
    if (!room) {
      if (here.length === 0 && anonymous === 0) return;
      room = new PresentRoom(name, randomId());
      this.#rooms.set(key, room);
    }
    const dueAt = this.#parts.now() + this.#times.graceMs;
    for (const user of here) room.put(gateway, user);
    for (const user of gone) room.remove(gateway, user, dueAt);
    room.count(gateway, anonymous, dueAt);
    this.#say(room);
  }

  async settle(name: RoomName): Promise<void> {
    this.#checkOpen();
    const room = this.#rooms.get(roomId(name));
    if (!room) return;
    room.settle(this.#parts.now(), usersAtOnce);
    this.#say(room);
  }

  async drop(gateway: string, graceMs: number): Promise<boolean> {
    this.#checkOpen();
    const now = this.#parts.now();
    for (const room of this.#rooms.values()) {
      if (!room.has(gateway)) continue;
      room.drop(gateway, { dueAt: now + graceMs, limit: usersAtOnce });
      room.settle(now, usersAtOnce);
      this.#say(room);
      return false;
    }
    this.#gateways.delete(gateway);
    return true;
  }

  async read(name: RoomName): Promise<PresenceState> {
    this.#checkOpen();
    const room = this.#rooms.get(roomId(name));
    if (!room) return { kind: "state", epoch: "", version: 0, users: [], total: 0, anonymous: 0 };
    const { epoch, version, total, anonymous } = room;
    const users = total > listedUsers ? undefined : room.users(0, listedUsers);
    return { kind: "state", epoch, version, users, total, anonymous };
  }

  async users(name: RoomName, from: string | undefined, limit: number): Promise<UsersPage> {
    this.#checkOpen();
    const start = Number(from ?? 0);
    const users = this.#rooms.get(roomId(name))?.users(start, limit) ?? [];
    return { users, next: users.length < limit ? undefined : String(start + limit) };
  }

  async rooms(): Promise<readonly RoomName[]> {
    this.#checkOpen();
    return [...this.#rooms.values()].filter(({ isOccupied }) => isOccupied).map(({ name }) => name);
  }

  close(): void {
    this.#isClosed = true;
    this.#rooms.clear();
  }

  /** What changed in this step goes out. */
  #say(room: PresentRoom): void {
    const { bus, events, tracking } = this.#parts;
    const said = room.taken(listedUsers);
    if (said.change && tracking.isTold(room.name)) {
      // Where the bus is full the gateway finds the gap by the next version.
      void bus.publish(presenceChannel, encodeChange(said.change)).catch(() => undefined);
    }
    if (tracking.isReported(room.name)) {
      for (const { type, user } of said.events) {
        const numbered = { epoch: room.epoch, seq: ++room.seq, at: Date.now() };
        void events.add(eventsQueue, eventFields({ type, ...room.name, user, ...numbered }));
      }
    }
    this.#forget(room);
  }

  #forget({ name, isOccupied }: PresentRoom): void {
    const key = roomId(name);
    this.#vacated.delete(key);
    if (isOccupied) return;
    this.#vacated.add(key);
    const [oldest] = this.#vacated;
    if (oldest === undefined || this.#vacated.size <= maxVacated) return;
    this.#vacated.delete(oldest);
    this.#rooms.delete(oldest);
  }

  #checkOpen(): void {
    if (this.#isClosed)
      throw new GatewayError("bus_unavailable", "Expected an open store of presence, got a closed one");
  }
}
