// One room in the memory of presence.ts: its users by gateway, those who are about to leave, and what changed in it since that
// was taken.

import type { PresentUser } from "../../vocabulary/presence-news.ts";
import type { RoomName } from "../../core/publication.ts";
import type { RoomEvent } from "../room-event.ts";
import type { RoomChange } from "../presence-message.ts";

interface Taken {
  readonly change: RoomChange | undefined;
  readonly events: readonly Pick<RoomEvent, "type" | "user">[];
}

/** Stands among those who are about to leave for the last connection without a user. */
const noUser = "";

export class PresentRoom {
  readonly name: RoomName;
  readonly epoch: string;
  /** Of the last event. */
  seq = 0;
  #version = 0;
  #isOccupied = false;
  readonly #users = new Map<string, PresentUser>();
  readonly #byGateway = new Map<string, Set<string>>();
  readonly #anonymous = new Map<string, number>();
  /** When each leaves. */
  readonly #leaving = new Map<string, number>();
  #taken = 0;
  #changed = new Map<string, PresentUser | undefined>();
  #events: Pick<RoomEvent, "type" | "user">[] = [];

  constructor(name: RoomName, epoch: string) {
    this.name = name;
    this.epoch = epoch;
  }

  get version(): number {
    return this.#version;
  }

  get total(): number {
    return this.#users.size;
  }

  get anonymous(): number {
    let sum = 0;
    for (const count of this.#anonymous.values()) sum += count;
    return sum;
  }

  /** Has it any member, or one who may come back? */
  get isOccupied(): boolean {
    return this.#isOccupied;
  }

  /** When the next one leaves; the end of time where none does. */
  get dueAt(): number {
    let first = Infinity;
    for (const at of this.#leaving.values()) first = Math.min(first, at);
    return first;
  }

  has(gateway: string): boolean {
    return this.#byGateway.has(gateway) || this.#anonymous.has(gateway);
  }

  users(from: number, limit: number): readonly PresentUser[] {
    return [...this.#users.values()].slice(from, from + limit);
  }

  put(gateway: string, user: PresentUser): void {
    const held = this.#byGateway.get(gateway) ?? new Set();
    this.#byGateway.set(gateway, held.add(user.user));
    this.#leaving.delete(user.user);
    const known = this.#users.get(user.user);
    if (known && known.info === user.info) return;
    this.#occupy();
    this.#users.set(user.user, user);
    this.#change(user.user, user);
    if (!known) this.#events.push({ type: "user_joined", user: user.user });
  }

  remove(gateway: string, user: string, dueAt: number): void {
    const held = this.#byGateway.get(gateway);
    if (!held?.delete(user)) return;
    if (held.size === 0) this.#byGateway.delete(gateway);
    if (!this.#isHeld(user)) this.#leaving.set(user, dueAt);
  }

  count(gateway: string, anonymous: number, dueAt: number): void {
    const before = this.#anonymous.get(gateway) ?? 0;
    if (anonymous === before) return;
    if (anonymous > 0) {
      this.#anonymous.set(gateway, anonymous);
      this.#occupy();
    } else {
      this.#anonymous.delete(gateway);
      this.#leaving.set(noUser, dueAt);
    }
  }

  drop(gateway: string, { dueAt, limit }: { readonly dueAt: number; readonly limit: number }): void {
    for (const user of [...(this.#byGateway.get(gateway) ?? [])].slice(0, limit)) {
      this.remove(gateway, user, dueAt);
    }
    if (!this.#byGateway.has(gateway)) this.count(gateway, 0, dueAt);
  }

  settle(now: number, limit: number): void {
    const due = [...this.#leaving].filter(([, at]) => at <= now).slice(0, limit);
    for (const [user] of due) {
      this.#leaving.delete(user);
      if (this.#isHeld(user) || !this.#users.delete(user)) continue;
      this.#change(user, undefined);
      this.#events.push({ type: "user_left", user });
    }
    if (!this.#isOccupied || this.#users.size > 0 || this.#anonymous.size > 0 || this.#leaving.size > 0)
      return;
    this.#isOccupied = false;
    this.#events.push({ type: "room_vacated", user: undefined });
  }

  /** What changed since the last call. @param listed rooms with more users say only how many they are */
  taken(listed: number): Taken {
    const { name, epoch, version, total, anonymous } = this;
    const from = this.#taken;
    const changed = [...this.#changed];
    const joined = changed.flatMap(([, user]) => user ?? []);
    const left = changed.flatMap(([user, now]) => (now ? [] : [user]));
    const events = this.#events;
    this.#taken = version;
    this.#changed = new Map();
    this.#events = [];
    const users = total > listed ? undefined : { joined, left };
    const change = version === from ? undefined : { name, epoch, from, version, total, anonymous, users };
    return { change, events };
  }

  #occupy(): void {
    this.#leaving.delete(noUser);
    if (this.#isOccupied) return;
    this.#isOccupied = true;
    this.#events.push({ type: "room_occupied", user: undefined });
  }

  #isHeld(user: string): boolean {
    for (const held of this.#byGateway.values()) if (held.has(user)) return true;
    return false;
  }

  #change(user: string, now: PresentUser | undefined): void {
    this.#version += 1;
    this.#changed.set(user, now);
  }
}
