// The presence of rooms that members here watch: a member that asks gets the state of a room, and from then on what changes, at
// most every 100 ms and all the same in one publication (presence.ts). What the bus lost is read again.

import type { PresenceStore } from "../brokers/presence.ts";
import { roomId } from "../brokers/room-id.ts";
import type { RoomChange } from "../brokers/presence-message.ts";
import type { Bus } from "../core/bus.ts";
import type { Hub } from "../core/hub.ts";
import type { Connection } from "../core/membership.ts";
import type { Observe } from "../core/observe.ts";
import type { PresenceNews, PresenceState } from "../vocabulary/presence-news.ts";
import type { Publication, RoomName } from "../core/publication.ts";
import { GatewayError } from "../vocabulary/errors.ts";
import type { OnState } from "./presence.ts";
import { RoomView } from "./room-view.ts";

/** Those who watch a room are told something this often at most, ms. */
const batchMs = 100;
/** A room that could not be read is read again after so long, ms. */
const againMs = 1_000;

/** Questions of one connection about one room that wait for its state. */
const maxQuestions = 100;

interface Watched {
  readonly name: RoomName;
  readonly view: RoomView;
  /** Those who want the state, and what to call with it: once for each question. */
  readonly waiting: Map<Connection, OnState[]>;
  /** When they may be told something again, ms. */
  nextTold: number;
  timer: NodeJS.Timeout | undefined;
  /** When to read it again, ms. */
  readAt: number;
}

export interface WatchedRoomsParts {
  readonly hub: () => Pick<Hub, "has" | "join" | "leave" | "room" | "tell">;
  readonly store: Pick<PresenceStore, "read">;
  readonly bus: Pick<Bus, "losses" | "state">;
  readonly observe: Observe;
  /** What changed here is in the store once this resolves. */
  written(): Promise<void>;
  readonly now: () => number;
  readonly graceMs: number;
}

export class WatchedRooms {
  readonly #parts: WatchedRoomsParts;
  readonly #rooms = new Map<string, Watched>();
  #losses: number;

  constructor(parts: WatchedRoomsParts) {
    this.#parts = parts;
    this.#losses = parts.bus.losses;
  }

  /** @returns false when too many questions of the connection wait already. */
  watch(connection: Connection, room: string, onState: OnState): boolean {
    const watched = this.#open({ namespace: connection.namespace, room });
    const asked = watched.waiting.get(connection);
    if (asked && asked.length >= maxQuestions) return false;
    if (asked) asked.push(onState);
    else watched.waiting.set(connection, [onState]);
    this.#tellSoon(watched);
    return true;
  }

  /** It left the room. */
  unwatch(connection: Connection, room: string): void {
    const watched = this.#rooms.get(roomId({ namespace: connection.namespace, room }));
    if (!watched) return;
    const asked = watched.waiting.get(connection) ?? [];
    watched.waiting.delete(connection);
    this.#parts.hub().leave(connection, room, "watchers");
    this.#closeUnused(watched);
    for (const onState of asked) onState(undefined);
  }

  hear(change: RoomChange): void {
    const watched = this.#rooms.get(roomId(change.name));
    if (watched) this.#judge(watched, watched.view.hear(change));
  }

  /** What could not be read, or may have been lost, is read again. */
  tick(): void {
    const { bus, now } = this.#parts;
    if (!bus.state().isReady) return;
    const hasLost = this.#losses !== bus.losses;
    this.#losses = bus.losses;
    for (const watched of this.#rooms.values()) {
      this.#closeUnused(watched);
      if (hasLost) watched.readAt = Math.min(watched.readAt, now() + this.#parts.graceMs);
      if (now() >= watched.readAt) this.#read(watched);
    }
  }

  close(): void {
    for (const { timer, waiting } of this.#rooms.values()) {
      clearTimeout(timer);
      for (const onState of [...waiting.values()].flat()) onState(undefined);
    }
    this.#rooms.clear();
  }

  #open(name: RoomName): Watched {
    const key = roomId(name);
    const known = this.#rooms.get(key);
    if (known) return known;
    const made: Watched = {
      name,
      view: new RoomView(),
      waiting: new Map(),
      nextTold: 0,
      timer: undefined,
      readAt: Infinity,
    };
    this.#rooms.set(key, made);
    this.#read(made);
    return made;
  }

  /**
   * After a gap the store is right at once. With another epoch it was lost, and other gateways are about to write what they
   * know again: until they did, their users would seem to have left.
   */
  #judge(watched: Watched, verdict: ReturnType<RoomView["hear"]>): void {
    const { now, graceMs } = this.#parts;
    if (verdict === "gap" || watched.view.wantsUsers) watched.readAt = Math.min(watched.readAt, now());
    if (verdict === "epoch") watched.readAt = Math.min(watched.readAt, now() + graceMs);
    if (now() >= watched.readAt) this.#read(watched);
    this.#tellSoon(watched);
  }

  #read(watched: Watched): void {
    if (watched.view.isReading) return;
    watched.readAt = Infinity;
    watched.view.startReading();
    void this.#load(watched);
  }

  async #load(watched: Watched): Promise<void> {
    const { store, observe, now } = this.#parts;
    await this.#parts.written();
    const state = await store.read(watched.name).catch((error: unknown) => {
      if (!(error instanceof GatewayError)) observe.report("presence_read", error);
      return undefined;
    });
    const verdict = watched.view.read(state);
    if (verdict !== "fine") watched.readAt = now() + (state ? batchMs : againMs);
    // Without any state they are told that there is none.
    if (!state && !watched.view.state()) for (const [who] of watched.waiting) this.#answer(watched, who);
    this.#tellSoon(watched);
  }

  #tellSoon(watched: Watched): void {
    if (watched.timer || watched.view.isReading) return;
    const waitMs = watched.nextTold - this.#parts.now();
    if (waitMs <= 0) this.#tell(watched);
    else watched.timer = setTimeout(() => this.#tell(watched), waitMs);
  }

  /** All who watch are told what changed, and then those who wait get the state: nothing is missing between the two. */
  #tell(watched: Watched): void {
    const { name, view, waiting } = watched;
    clearTimeout(watched.timer);
    watched.timer = undefined;
    // What is read is told once it is here.
    if (view.isReading || this.#closeUnused(watched)) return;
    watched.nextTold = this.#parts.now() + batchMs;
    const hub = this.#parts.hub();
    const news = view.news();
    const watchers = hub.room(name.namespace, name.room, "watchers");
    if (news && watchers) hub.tell(watchers, publicationOf(name, news));
    if (waiting.size === 0) return;
    const state = view.state();
    for (const [connection] of waiting) this.#answer(watched, connection, state);
  }

  #answer(watched: Watched, connection: Connection, state?: PresenceState): void {
    const asked = watched.waiting.get(connection) ?? [];
    watched.waiting.delete(connection);
    const told = state && this.#join(connection, watched.name) ? state : undefined;
    for (const onState of asked) onState(told);
  }

  /** A member of the room is told of it from now on. @returns whether it is. */
  #join(connection: Connection, { room }: RoomName): boolean {
    const hub = this.#parts.hub();
    if (!hub.has(connection, room)) return false;
    hub.join(connection, room, "watchers");
    return hub.has(connection, room, "watchers");
  }

  /** @returns whether it is closed: no connection watches it, or wants to. */
  #closeUnused(watched: Watched): boolean {
    const { namespace, room } = watched.name;
    if (watched.waiting.size > 0 || this.#parts.hub().room(namespace, room, "watchers")) return false;
    clearTimeout(watched.timer);
    const key = roomId(watched.name);
    if (this.#rooms.get(key) === watched) this.#rooms.delete(key);
    return true;
  }
}

function publicationOf({ namespace, room }: RoomName, presence: PresenceNews): Publication {
  return {
    kind: "publication",
    namespace,
    rooms: [room],
    except: [],
    skip: [],
    event: "presence",
    args: [JSON.stringify(presence)],
    attachments: [],
    volatile: false,
    presence,
  };
}
