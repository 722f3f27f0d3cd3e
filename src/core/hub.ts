// The Hub: this gateway's table of rooms and connections. A publication comes in, is encoded once per format
// present in its rooms, and leaves through one topic of the engine per room; only members that topics cannot reach are
// looped over. Lists of rooms and exclusions stay with topics: the few affected are muted for that one publish.

import { isRoomTooLong } from "./room-name.ts";
import { addressees, deliverToMany, excludedBy, onlyRoom } from "./addressees.ts";
import type { Namespace } from "./addressees.ts";
import { clientIdIn, createClientId } from "../base/client-id.ts";
import type { Identity } from "./identity.ts";
import type { Connection, Table } from "./membership.ts";
import { Delivery, type DeliveryParts } from "./delivery.ts";
import type { Limits } from "../vocabulary/limits.ts";
import { carryOut } from "./orders.ts";
import { mayHear } from "./publication.ts";
import type { AckReply, Order, Outgoing, Publication, Target } from "./publication.ts";
import type { Positions } from "./position.ts";
import { Room } from "./membership.ts";
import { Visitors } from "./visitors.ts";

/** Of what is not kept. */
const nowhere: Positions = {};

/** Why a connection cannot join a room, by its own wish or a backend's. */
export type JoinRefusal = "room_name_too_long" | "too_many_rooms";

export interface HubParts extends DeliveryParts {
  readonly limits: Pick<Limits, "nameBytes" | "roomsPerConnection">;
  /** Sends to the bus without waiting: acknowledgements and answers of orders. */
  send(outgoing: Outgoing): void;
  readonly events?: HubEvents;
}

/** What happens in rooms with a name, trees and the rooms of single clients not counted; each call is plain and at once. */
export interface HubEvents {
  /** The first member is about to join. */
  readonly opened?: (room: Room) => void;
  /** The last member left. */
  readonly closed?: (room: Room) => void;
  readonly joined?: (connection: Connection, room: Room) => void;
  readonly left?: (connection: Connection, room: Room) => void;
  /** It has another identity; told for each of its rooms. */
  readonly identified?: (connection: Connection, room: Room, before: Identity) => void;
}

export class Hub {
  /** Connections with an identity. */
  readonly visitors = new Visitors();
  readonly #parts: HubParts;
  readonly #events: HubEvents;
  readonly #namespaces = new Map<string, Namespace>();
  /** All that are in, in the order of their numbers. */
  readonly #connections = new Set<Connection>();
  #nextRoom = 1;
  #entered = 0;

  constructor(parts: HubParts) {
    this.#parts = parts;
    this.#events = parts.events ?? {};
  }

  /** Rooms with at least one member, the rooms of single connections not counted. */
  get roomCount(): number {
    let count = 0;
    for (const { rooms } of this.#namespaces.values()) count += rooms.size;
    return count;
  }

  /** The rooms with a name and at least one member. */
  *rooms(): Iterable<Room> {
    for (const { rooms } of this.#namespaces.values()) yield* rooms.values();
  }

  /** The room of this name; undefined while it has no members. */
  room(namespace: string, name: string, table: Table = "rooms"): Room | undefined {
    return this.#namespaces.get(namespace)?.[table].get(name);
  }

  /** Everyone who is in a namespace, in the order in which they entered. */
  connections(): Iterable<Connection> {
    return this.#connections;
  }

  /** The connection with this id. */
  connection(namespace: string, id: string): Connection | undefined {
    return this.#namespaces.get(namespace)?.ids.get(id);
  }

  /** The id of a connection that is in; one that had none gets one now, and backends can address it from then on. */
  idOf(connection: Connection): string {
    connection.id ??= createClientId();
    this.#namespaces.get(connection.namespace)?.ids.set(connection.id, connection);
    return connection.id;
  }

  /** A connection enters its namespace; from now on it hears what is sent to everyone there and to its id. */
  enter(connection: Connection): void {
    const namespace = this.#openNamespace(connection.namespace);
    if (!connection.isIn) {
      namespace.population++;
      connection.number = ++this.#entered;
      connection.sinceMs = Date.now();
      this.#connections.add(connection);
    }
    connection.isIn = true;
    if (connection.id !== undefined) namespace.ids.set(connection.id, connection);
    if (connection.hearsEveryone) this.#add(connection, namespace.everyone);
    this.visitors.add(connection);
  }

  /** It leaves: all its rooms, its id, the namespace. Does nothing when it is not in. */
  exit(connection: Connection): void {
    const namespace = this.#namespaces.get(connection.namespace);
    if (!namespace || !connection.isIn) return;
    connection.isIn = false;
    this.visitors.delete(connection);
    this.#connections.delete(connection);
    namespace.population--;
    // A newer connection may have taken the id (HUB-12): that one stays.
    const { id } = connection;
    if (id !== undefined && namespace.ids.get(id) === connection) namespace.ids.delete(id);
    for (const room of Array.from(connection.rooms)) this.#remove(connection, room);
    if (namespace.population === 0) this.#namespaces.delete(connection.namespace);
  }

  /** A connection that is in has this identity from now on. */
  identify(connection: Connection, identity: Identity): void {
    const before = connection.identity;
    connection.identity = identity;
    if (!connection.isIn) return;
    this.visitors.add(connection);
    const { identified } = this.#events;
    if (!identified) return;
    for (const room of connection.rooms) if (room.table === "rooms") identified(connection, room, before);
  }

  /** Is it in the room? */
  has(connection: Connection, name: string, table: Table = "rooms"): boolean {
    return this.room(connection.namespace, name, table)?.has(connection) === true;
  }

  /** Names and numbers of rooms are bounded, for trusted backends too (SEC-06). */
  joinRefusal(connection: Connection, name: string, table: Table = "rooms"): JoinRefusal | undefined {
    const { nameBytes, roomsPerConnection } = this.#parts.limits;
    if (isRoomTooLong(name, nameBytes)) return "room_name_too_long";
    // A room that is watched is one that the connection is in already.
    if (connection.roomCount < roomsPerConnection || table === "watchers") return undefined;
    if (this.has(connection, name, table)) return undefined;
    // The list has the room of everyone in the namespace, too, and each watched room twice.
    let joined = 0;
    for (const room of connection.rooms) if (room.name !== undefined && room.table !== "watchers") joined++;
    return joined < roomsPerConnection ? undefined : "too_many_rooms";
  }

  /** @returns false when it was in already, cannot join, or is not in its namespace. */
  join(connection: Connection, name: string, table: Table = "rooms"): boolean {
    const namespace = this.#namespaces.get(connection.namespace);
    const refusal = this.joinRefusal(connection, name, table);
    if (refusal !== undefined) this.#parts.observe.refused(connection.format.dialect, refusal);
    if (refusal !== undefined || !namespace || !connection.isIn) return false;
    // A connection that lost its id to a newer one gets nothing any more (HUB-12).
    if (connection.id !== undefined && namespace.ids.get(connection.id) !== connection) return false;
    let room = namespace[table].get(name);
    if (!room) {
      room = new Room({ id: this.#nextRoom++, namespace: connection.namespace, name, table });
      namespace[table].set(name, room);
      if (table === "rooms") this.#events.opened?.(room);
    }
    const isNew = this.#add(connection, room);
    if (isNew && table === "rooms") {
      this.#parts.observe.named?.("joined", { dialect: connection.format.dialect, room: name });
      this.#events.joined?.(connection, room);
    }
    return isNew;
  }

  /** @returns false when it was not in. */
  leave(connection: Connection, name: string, table: Table = "rooms"): boolean {
    const room = this.room(connection.namespace, name, table);
    return room !== undefined && this.#remove(connection, room);
  }

  /** Is it the room of one client, of this gateway or another? No other client may join it (WSE-07). */
  isOwnRoom(namespace: string, room: string): boolean {
    return this.connection(namespace, room) !== undefined || clientIdIn(namespace, room) !== undefined;
  }

  /** The connection's client changed between topics and loop. */
  refresh(connection: Connection): void {
    for (const room of connection.rooms) room.refresh(connection);
  }

  /**
   * Delivers to every connection of this gateway that the publication addresses, each once. @returns to how many.
   * @param at where it stands, for clients that come back.
   * @param without connections that have it already.
   */
  deliver(publication: Publication, at: Positions = nowhere, without?: ReadonlySet<object>): number {
    const namespace = this.#namespaces.get(publication.namespace);
    if (!namespace) return 0;
    if (publication.onAck) return this.#requestAll(publication, publication.onAck);
    const delivery = new Delivery(this.#parts, publication, at);
    const only = without ? undefined : onlyRoom(namespace, publication);
    if (only) delivery.toRoom(only);
    else deliverToMany(namespace, { publication, without }, delivery);
    return delivery.receivers;
  }

  /** Delivers to the members of one room. */
  tell(room: Room, publication: Publication): void {
    new Delivery(this.#parts, publication, nowhere).toRoom(room);
  }

  /** How many clients a publication reaches now. */
  audience(publication: Target & Pick<Publication, "only" | "not">): number {
    let count = 0;
    for (const { format } of this.select(publication)) if (mayHear(format.dialect, publication)) count++;
    return count;
  }

  /** The connections that a target addresses, each once. */
  select(target: Target): Set<Connection> {
    const selected = new Set<Connection>();
    const namespace = this.#namespaces.get(target.namespace);
    if (!namespace) return selected;
    const { rooms, singles } = addressees(namespace, target);
    for (const room of rooms) for (const member of room.members()) selected.add(member);
    for (const single of singles) selected.add(single);
    for (const connection of excludedBy(namespace, target)) selected.delete(connection);
    return selected;
  }

  #requestAll(publication: Publication, onAck: AckReply): number {
    const { observe } = this.#parts;
    const delivery = new Delivery(this.#parts, publication, nowhere);
    for (const connection of this.select(publication)) {
      connection.agent.request(publication, (args, hasBinary) => {
        const outgoing = onAck(args, hasBinary);
        if (outgoing) this.#parts.send(outgoing);
        else observe.log("warn", "ack_dropped", { dialect: connection.format.dialect, binary: hasBinary });
      });
      delivery.countOne(connection);
    }
    return delivery.receivers;
  }

  /** Carries out an order of a backend, on the connections of this gateway. */
  carryOut(order: Order): void {
    const isDone = carryOut(this, order);
    if (order.kind !== "close-room" && order.done && isDone) this.#parts.send(order.done);
  }

  #openNamespace(name: string): Namespace {
    let namespace = this.#namespaces.get(name);
    if (!namespace) {
      const everyone = new Room({ id: this.#nextRoom++, namespace: name });
      namespace = {
        everyone,
        rooms: new Map(),
        trees: new Map(),
        watchers: new Map(),
        ids: new Map(),
        population: 0,
      };
      this.#namespaces.set(name, namespace);
    }
    return namespace;
  }

  #add(connection: Connection, room: Room): boolean {
    if (!room.add(connection)) return false;
    connection.addRoom(room);
    return true;
  }

  #remove(connection: Connection, room: Room): boolean {
    if (!room.remove(connection)) return false;
    connection.removeRoom(room);
    const { name, table } = room;
    if (name === undefined || table === undefined) return true;
    if (table === "rooms") {
      this.leave(connection, name, "watchers");
      this.#events.left?.(connection, room);
    }
    const isGone = room.isEmpty && this.#namespaces.get(room.namespace)?.[table].delete(name);
    if (isGone && table === "rooms") this.#events.closed?.(room);
    return true;
  }
}
