// Presence of one gateway (presence.ts): who is here goes into the store (registrar.ts), who is there comes back on the bus
// (watched-rooms.ts). The gateway ticks it, and hands its events to the hub.

import { presenceChannel, presenceTimes } from "../brokers/presence.ts";
import type { PresenceStore, PresenceTimes, Tracking } from "../brokers/presence.ts";
import { decodeChange } from "../brokers/presence-message.ts";
import type { Bus } from "../core/bus.ts";
import type { Hub, HubEvents } from "../core/hub.ts";
import type { Connection } from "../core/membership.ts";
import type { Observe } from "../core/observe.ts";
import type { OnState, Presence } from "./presence.ts";
import type { UsersPage } from "../brokers/presence.ts";
import type { PresenceState } from "../vocabulary/presence-news.ts";
import type { RoomName } from "../core/publication.ts";
import { LocalMembers } from "./local-members.ts";
import { Registrar } from "./registrar.ts";
import { WatchedRooms } from "./watched-rooms.ts";

export interface GatewayPresenceParts {
  readonly store: PresenceStore;
  readonly bus: Bus;
  /** Undefined: no room is tracked, and presence costs nothing. */
  readonly tracking: Tracking | undefined;
  /** Asked once clients are there: the hub is made with `events`. */
  readonly hub: () => Hub;
  readonly observe: Observe;
  /** Monotonic clock, ms. */
  readonly now: () => number;
  readonly times?: PresenceTimes | undefined;
}

export class GatewayPresence implements Presence {
  readonly #parts: GatewayPresenceParts;
  readonly #registrar: Registrar;
  readonly #watched: WatchedRooms;
  /** For the hub. */
  readonly events: HubEvents;

  constructor(parts: GatewayPresenceParts) {
    this.#parts = parts;
    const { tracking, times = presenceTimes } = parts;
    const members = new LocalMembers({
      isTracked: (name) => tracking?.isTold(name) === true || tracking?.isReported(name) === true,
      onChange: () => {
        this.#registrar.changed();
      },
    });
    this.#registrar = new Registrar({ ...parts, ...times, members });
    this.#watched = new WatchedRooms({
      ...parts,
      ...times,
      written: async () => this.#registrar.written(),
    });
    this.events = tracking ? this.#eventsOf(members) : {};
  }

  /** Hears what the store says. Rejects as `Bus.subscribe` does. */
  async start(): Promise<void> {
    const { bus, observe, tracking } = this.#parts;
    if (!tracking) return;
    await bus.subscribe({ kind: "exact", name: presenceChannel }, ({ payload }) => {
      const change = decodeChange(payload.toString());
      if (change) this.#watched.hear(change);
      else observe.skipped("presence", "presence_invalid");
    });
    this.tick();
  }

  /** Several times a second. */
  tick(): void {
    if (!this.#parts.tracking) return;
    this.#registrar.tick();
    this.#watched.tick();
  }

  /** Takes the members of this gateway out: they leave after the grace, where they are on no other. */
  async stop(): Promise<void> {
    this.#watched.close();
    if (this.#parts.tracking) await this.#registrar.stop();
  }

  isTold(name: RoomName): boolean {
    return this.#parts.tracking?.isTold(name) === true;
  }

  watch(connection: Connection, room: string, onState: OnState): boolean {
    if (this.isTold({ namespace: connection.namespace, room }))
      return this.#watched.watch(connection, room, onState);
    onState(undefined);
    return true;
  }

  async read(name: RoomName): Promise<PresenceState> {
    await this.#registrar.written();
    return this.#parts.store.read(name);
  }

  async users(name: RoomName, from: string | undefined, limit: number): Promise<UsersPage> {
    return this.#parts.store.users(name, from, limit);
  }

  async rooms(): Promise<readonly RoomName[]> {
    await this.#registrar.written();
    return this.#parts.store.rooms();
  }

  #eventsOf({ events: { joined, identified, left } }: LocalMembers): HubEvents {
    return {
      joined,
      identified,
      left: (connection, room) => {
        left(connection, room);
        if (room.name !== undefined) this.#watched.unwatch(connection, room.name);
      },
    };
  }
}
