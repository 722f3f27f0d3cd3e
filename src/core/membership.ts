// Who is where: a connection is one client in one namespace, a room is who is in it, by format. What carries a client is
// behind `carrier`, what it speaks behind `format`, and what only its dialect can do behind `agent`. The room is the hub's
// unit of delivery: members who are reached through the engine's topic cost nothing per publication; `direct` ones (polls,
// streams, clients that fell behind) get their frames one by one.

import type { Carrier, Frame } from "./carrier.ts";
import type { DisconnectReason } from "../vocabulary/reasons.ts";
import { anonymous } from "./identity.ts";
import type { Identity } from "./identity.ts";
import type { Position } from "./position.ts";
import type { AckReply, DisconnectOrder, Publication } from "./publication.ts";

/**
 * One way of encoding publications: a dialect, and a packet generation of it. One object per gateway, shared by
 * all its connections: the hub encodes once per Format present in a room.
 */
export interface Format {
  /** The dialect's name, for metrics. */
  readonly dialect: string;
  /** Unique among the formats of a gateway; part of topic names. */
  readonly name: string;
  /** Its frames name the room: they are made for each room, and a client in two rooms gets both. @default false */
  readonly isPerRoom?: boolean;
  /** Its clients are about to be ended, a few at a time: nothing more is delivered to them. @default false */
  isOver?: boolean;
  /**
   * @param room the one in which it is delivered; undefined: to everyone in the namespace, or to one client by its id.
   * @param at where it stands, for clients that come back (position.ts); undefined: it is not kept.
   */
  encode(publication: Publication, room: string | undefined, at?: Position): readonly Frame[];
}

/** How a client is connected. */
export interface ClientOrigin {
  readonly transport: "websocket" | "polling" | "stream";
  /** What limits count it by (`Exchange.countedAs`). */
  readonly address: string;
}

/** The dialect's side of a connection. */
export interface Agent {
  /** As which its client asks for rooms (`EnterRequest.client`). @default it shows no secrets */
  readonly client?: object;
  /** Where its client comes from, for those who rule the gateway. @default that is not known */
  readonly origin?: ClientOrigin;
  /** It is no longer in a room, because its right to it was taken back. @default it is not told */
  putOut?(room: string): void;
  /** Carries out a backend's disconnect: leave the namespace, or close the whole client. */
  disconnect(closeClient: DisconnectOrder["closeClient"], reason?: DisconnectReason): void;
  /** A backend's order may have changed its rooms. */
  moved?(): void;
  /** Sends a publication that wants an acknowledgement; the reply comes through `onAck`. */
  request(publication: Publication, onAck: AckHandler): void;
}

export type AckHandler = (...reply: Parameters<AckReply>) => void;

export interface ConnectionParts {
  /** Unguessable, unique in the namespace; a room of its own (SIO-16). Who needs none costs less. */
  readonly id?: string | undefined;
  readonly namespace: string;
  readonly format: Format;
  readonly carrier: Carrier;
  readonly agent: Agent;
  /** Hears what is sent to everyone in the namespace, not only to its rooms. @default true */
  readonly hearsEveryone?: boolean;
  /** Who it is. @default a visitor without an identity */
  readonly identity?: Identity;
}

/** So many rooms are a list; more are a set, which costs more and finds each of them at once. */
const fewRooms = 16;

export class Connection {
  /** Absent until it is needed (`Hub.idOf`). */
  id: string | undefined;
  readonly namespace: string;
  readonly format: Format;
  /** Another one once what it hears first was sent. */
  carrier: Carrier;
  readonly agent: Agent;
  readonly hearsEveryone: boolean;
  /** Changed by `Hub.identify` alone. */
  identity: Identity;
  /** Greater than that of all who entered a namespace of the hub before; kept by the hub. */
  number = 0;
  /** When it entered, ms since 1970; kept by the hub. */
  sinceMs = 0;
  /** It entered its namespace; kept by the hub. */
  isIn = false;
  /** What its present rooms carried without it, before it joined or past it; kept by the hub, bytes. */
  absentBytes = 0;
  #rooms: Room[] | Set<Room> = [];

  constructor(parts: ConnectionParts) {
    this.id = parts.id;
    this.namespace = parts.namespace;
    this.format = parts.format;
    this.carrier = parts.carrier;
    this.agent = parts.agent;
    this.hearsEveryone = parts.hearsEveryone ?? true;
    this.identity = parts.identity ?? anonymous;
  }

  /** Rooms it is in, in the order in which it came; kept by the hub. */
  get rooms(): Iterable<Room> {
    return this.#rooms;
  }

  get roomCount(): number {
    return Array.isArray(this.#rooms) ? this.#rooms.length : this.#rooms.size;
  }

  /** It must not be in already. */
  addRoom(room: Room): void {
    if (Array.isArray(this.#rooms) && this.#rooms.length >= fewRooms) this.#rooms = new Set(this.#rooms);
    if (Array.isArray(this.#rooms)) this.#rooms.push(room);
    else this.#rooms.add(room);
  }

  /** It must be in. */
  removeRoom(room: Room): void {
    if (Array.isArray(this.#rooms)) this.#rooms.splice(this.#rooms.indexOf(room), 1);
    else this.#rooms.delete(room);
  }

  /** What was published to its rooms while it was in them, bytes. */
  get carriedBytes(): number {
    let sum = -this.absentBytes;
    for (const room of this.#rooms) sum += room.carriedBytes(this.format);
    return sum;
  }
}

/** Members of a room that share an encoding, and the topic that reaches most of them. */
export interface Share {
  readonly format: Format;
  readonly topic: string;
  readonly members: Set<Connection>;
  /** The members that are not on the topic and are sent to directly; mostly empty, and then no set of its own. */
  direct: Set<Connection>;
  /** What the topic carried so far, bytes. */
  carriedBytes: number;
}

/** Stands for every empty set of direct members; nothing is ever added to it. */
const noMembers = new Set<Connection>();

/**
 * The tables of a namespace, each with names of its own. `rooms`: those that clients and backends name. `trees`: all who are below
 * a name in a dialect's tree of names; only a target with `isTree` reaches them (WSC-03). `watchers`: the members of a room who are
 * told of its presence.
 */
export type Table = "rooms" | "trees" | "watchers";

export interface RoomParts {
  /** Unique per hub: topics are numbered, so no name can collide with another (SIO-16, WSE-03). */
  readonly id: number;
  readonly namespace: string;
  readonly name?: string;
  readonly table?: Table;
}

export class Room {
  readonly namespace: string;
  /** undefined: the room that everyone in the namespace is in. */
  readonly name: string | undefined;
  /** Where the hub has it; undefined where the name is. */
  readonly table: Table | undefined;
  #shares: readonly Share[] = [];
  readonly #id: number;

  constructor({ id, namespace, name, table }: RoomParts) {
    this.#id = id;
    this.namespace = namespace;
    this.name = name;
    this.table = table;
  }

  /** A new array on every change: a client that is closed during a delivery disturbs no other's turn. */
  get shares(): readonly Share[] {
    return this.#shares;
  }

  get isEmpty(): boolean {
    return this.#shares.length === 0;
  }

  get size(): number {
    return this.#shares.reduce((sum, share) => sum + share.members.size, 0);
  }

  *members(): Iterable<Connection> {
    for (const share of this.#shares) yield* share.members;
  }

  has(connection: Connection): boolean {
    return this.#share(connection.format)?.members.has(connection) ?? false;
  }

  /** What was published here in this format so far, bytes. */
  carriedBytes(format: Format): number {
    return this.#share(format)?.carriedBytes ?? 0;
  }

  /** @returns false when it was in already. */
  add(connection: Connection): boolean {
    let share = this.#share(connection.format);
    if (!share) {
      const { format } = connection;
      const topic = `${format.name}:${this.#id}`;
      share = { format, topic, members: new Set(), direct: noMembers, carriedBytes: 0 };
      this.#shares = [...this.#shares, share];
    }
    if (share.members.has(connection)) return false;
    share.members.add(connection);
    connection.absentBytes += share.carriedBytes;
    if (connection.carrier.isOnTopics) connection.carrier.subscribe(share.topic);
    else addDirect(share, connection);
    return true;
  }

  /** @returns false when it was not in. */
  remove(connection: Connection): boolean {
    const share = this.#share(connection.format);
    if (!share?.members.delete(connection)) return false;
    if (!removeDirect(share, connection)) connection.carrier.unsubscribe(share.topic);
    connection.absentBytes -= share.carriedBytes;
    if (share.members.size === 0) this.#shares = this.#shares.filter((other) => other !== share);
    return true;
  }

  /** The client's `isOnTopics` changed: moves the member to or from the topic. */
  refresh(connection: Connection): void {
    const share = this.#share(connection.format);
    if (!share?.members.has(connection)) return;
    if (connection.carrier.isOnTopics) {
      if (removeDirect(share, connection)) connection.carrier.subscribe(share.topic);
    } else if (!share.direct.has(connection)) {
      addDirect(share, connection);
      connection.carrier.unsubscribe(share.topic);
    }
  }

  #share(format: Format): Share | undefined {
    for (const share of this.#shares) if (share.format === format) return share;
    return undefined;
  }
}

function addDirect(share: Share, connection: Connection): void {
  if (share.direct === noMembers) share.direct = new Set();
  share.direct.add(connection);
}

/** @returns false when it was on the topic. */
function removeDirect(share: Share, connection: Connection): boolean {
  const wasDirect = share.direct.delete(connection);
  if (share.direct.size === 0) share.direct = noMembers;
  return wasDirect;
}
