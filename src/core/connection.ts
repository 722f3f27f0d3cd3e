// One client in one namespace: what the hub knows of it. Whatever carries it is behind `client`, whatever it
// speaks behind `format`, and what only its dialect can do behind `agent`.

import type { DisconnectReason } from "./disconnect.ts";
import { anonymous } from "./identity.ts";
import type { Identity } from "./identity.ts";
import type { AckReply, DisconnectCommand, Publication } from "./publication.ts";
import type { Room } from "./room.ts";
import type { Client, Frame } from "./transport.ts";

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
  /** @param room the one in which it is delivered; undefined: to everyone in the namespace, or to one client by its id. */
  encode(publication: Publication, room: string | undefined): readonly Frame[];
}

/** The dialect's side of a connection. */
export interface Agent {
  /** Carries out a backend's disconnect: leave the namespace, or close the whole client. */
  disconnect(closeClient: DisconnectCommand["closeClient"], reason?: DisconnectReason): void;
  /** Sends a publication that wants an acknowledgement; the reply comes through `onAck`. */
  request(publication: Publication, onAck: AckHandler): void;
}

export type AckHandler = (...reply: Parameters<AckReply>) => void;

export interface ConnectionParts {
  /** Unguessable, unique in the namespace; a room of its own (SIO-16). Who needs none costs less. */
  readonly id?: string | undefined;
  readonly namespace: string;
  readonly format: Format;
  readonly client: Client;
  readonly agent: Agent;
  /** Hears what is sent to everyone in the namespace, not only to its rooms. @default true */
  readonly hearsEveryone?: boolean;
  /** Who it is. @default a visitor without an identity */
  readonly identity?: Identity;
}

/** So many rooms are a list; more are a set, which costs more and finds each of them at once. */
const fewRooms = 16;

export class Connection {
  /** Absent until somebody needs one (`Hub.idOf`). */
  id: string | undefined;
  readonly namespace: string;
  readonly format: Format;
  /** Another one once what it hears first was sent. */
  client: Client;
  readonly agent: Agent;
  readonly hearsEveryone: boolean;
  readonly identity: Identity;
  /** It entered its namespace; kept by the hub. */
  isIn = false;
  /** What its rooms carried before it came, less what those carried that it left; kept by the hub, bytes. */
  unheardBytes = 0;
  #rooms: Room[] | Set<Room> = [];

  constructor(parts: ConnectionParts) {
    this.id = parts.id;
    this.namespace = parts.namespace;
    this.format = parts.format;
    this.client = parts.client;
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
  get heardBytes(): number {
    let sum = -this.unheardBytes;
    for (const room of this.#rooms) sum += room.carriedBytes(this.format);
    return sum;
  }
}
