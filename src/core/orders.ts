// What backends order about connections: join, leave, disconnect, close a room. Carried out on the hub's connections (hub.ts).

import type { Connection } from "./membership.ts";
import type { Order, MoveOrder, Single, Target } from "./publication.ts";
import { roomSpace } from "./room-name.ts";

/** What an order needs of the hub. */
export interface OrderedHub {
  connection(namespace: string, id: string): Connection | undefined;
  select(target: Target): ReadonlySet<Connection>;
  has(connection: Connection, room: string): boolean;
  join(connection: Connection, room: string): boolean;
  leave(connection: Connection, room: string): boolean;
}

/** @returns whether connections were meant, and each is where it was to be. */
export function carryOut(hub: OrderedHub, order: Order): boolean {
  if (order.kind === "close-room") {
    const { namespace, room } = order;
    const target = { namespace, rooms: [room], except: [], skip: [] };
    return carryOut(hub, { kind: "leave", target, rooms: [room] });
  }
  const connections = targets(hub, order.target);
  let isDone = connections.size > 0;
  for (const connection of connections) {
    if (order.kind === "disconnect") {
      connection.agent.disconnect(order.closeClient, order.reason);
      continue;
    }
    isDone = move(hub, connection, order) && isDone;
    connection.agent.moved?.();
  }
  return isDone;
}

/** Bounds hold for what backends order, too. */
function move(hub: OrderedHub, connection: Connection, { kind, rooms, replaces }: MoveOrder): boolean {
  if (kind === "leave") {
    for (const room of rooms) hub.leave(connection, room);
    return true;
  }
  const kept = new Set(rooms);
  for (const { name = "" } of replaces === undefined ? [] : Array.from(connection.rooms)) {
    if (roomSpace(name) === replaces && !kept.has(name)) hub.leave(connection, name);
  }
  for (const room of kept) hub.join(connection, room);
  return rooms.every((room) => hub.has(connection, room));
}

function targets(hub: OrderedHub, target: Target | Single): ReadonlySet<Connection> {
  if (!("id" in target)) return hub.select(target);
  const connection = hub.connection(target.namespace, target.id);
  return new Set(connection ? [connection] : []);
}
