// Whom a target addresses among the clients of one namespace, and the way of a publication to all of them, each once. The
// hub's (hub.ts).

import type { Delivery } from "./delivery.ts";
import type { Connection, Room, Table } from "./membership.ts";
import type { Publication, Target } from "./publication.ts";

/** Rooms and connections of one namespace. */
export interface Namespace extends Readonly<Record<Table, Map<string, Room>>> {
  readonly everyone: Room;
  /** Connections by id. */
  readonly ids: Map<string, Connection>;
  /** Everyone who is in, with an id or without. */
  population: number;
}

/**
 * The plain way, and the hot one: the one room that is addressed, when no client is left out or addressed by an id.
 * Undefined: look closer.
 */
export function onlyRoom(
  namespace: Namespace,
  { rooms, isTree, except, skip }: Publication,
): Room | undefined {
  if (except.length + skip.length > 0) return undefined;
  if (!rooms) return namespace.everyone;
  const [name] = rooms;
  if (name === undefined || rooms.length > 1) return undefined;
  if (isTree === true) return namespace.trees.get(name);
  return namespace.ids.has(name) ? undefined : namespace.rooms.get(name);
}

/** A publication, and connections that have it already. */
interface Addressed {
  readonly publication: Publication;
  readonly without: ReadonlySet<object> | undefined;
}

/** Each of them gets it once. */
export function deliverToMany(
  namespace: Namespace,
  { publication, without }: Addressed,
  delivery: Delivery,
): void {
  const { rooms, singles } = addressees(namespace, publication);
  const excluded = excludedBy(namespace, publication);
  if (without) {
    const all = [...singles, ...rooms.flatMap((room) => [...room.members()])];
    for (const connection of all) if (without.has(connection)) excluded.add(connection);
  }
  // Largest first, so that a client in several rooms is muted in the smaller ones.
  rooms.sort((a, b) => b.size - a.size);
  const reached = new Reached();
  for (const room of rooms) {
    const muted = reached.isEmpty ? excluded : mutedIn(room, excluded, reached);
    delivery.toRoom(room, { excluded, reached: muted });
    reached.add(room);
  }
  for (const single of singles) {
    if (!excluded.has(single) && !reached.has(single)) delivery.toOne(single);
  }
}

/** The rooms that exist among the named ones, and the connections named by id. No id names a tree. */
export function addressees(
  namespace: Namespace,
  { rooms: names, isTree = false }: Pick<Target, "rooms" | "isTree">,
): { rooms: Room[]; singles: Connection[] } {
  if (names === undefined) return { rooms: [namespace.everyone], singles: [] };
  const rooms = new Set<Room>();
  const singles = new Set<Connection>();
  for (const name of names) {
    const room = namespace[isTree ? "trees" : "rooms"].get(name);
    if (room) rooms.add(room);
    const single = isTree ? undefined : namespace.ids.get(name);
    if (single) singles.add(single);
  }
  return { rooms: [...rooms], singles: [...singles] };
}

export function excludedBy(namespace: Namespace, { except, skip }: Target): Set<Connection> {
  const { rooms, singles } = addressees(namespace, { rooms: except });
  const excluded = new Set(singles);
  for (const room of rooms) for (const member of room.members()) excluded.add(member);
  for (const id of skip) {
    const connection = namespace.ids.get(id);
    if (connection) excluded.add(connection);
  }
  return excluded;
}

/** Whom the rooms of one publication reached so far. */
class Reached {
  /** The largest room, which is looked up in itself: the others' members are noted. */
  #first: Room | undefined;
  readonly #others = new Set<Connection>();

  get isEmpty(): boolean {
    return this.#first === undefined;
  }

  add(room: Room): void {
    if (this.#first) for (const member of room.members()) this.#others.add(member);
    else this.#first = room;
  }

  has(connection: Connection): boolean {
    return this.#others.has(connection) || this.#first?.has(connection) === true;
  }
}

/** Who of the room must not hear it now: the excluded, and those whom an earlier room reached. */
function mutedIn(room: Room, excluded: ReadonlySet<Connection>, reached: Reached): Set<Connection> {
  const muted = new Set<Connection>();
  for (const member of room.members()) {
    if (excluded.has(member) || reached.has(member)) muted.add(member);
  }
  return muted;
}
