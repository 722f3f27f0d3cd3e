// Orders of backends about a client that was away: one that a backend took out of a room, or put into one, meanwhile must not
// come back to the rooms that it had before. Pure.

import type { Publication } from "../../../core/publication.ts";

/** A client that is away: its id, the rooms that it had. */
export interface Absent {
  readonly sid: string;
  readonly rooms: ReadonlySet<string>;
}

/**
 * Would the order have changed something for the client? It is kept for a room or an id of the client, or for everyone.
 * @param order as recovery keeps it (`ordersOf`)
 */
export function isChangedBy({ event, args, except, skip }: Publication, { sid, rooms }: Absent): boolean {
  const isNamed = (name: string): boolean => name === sid || rooms.has(name);
  if (except.some(isNamed) || skip.includes(sid)) return false;
  const named = args.map((arg) => String(JSON.parse(arg)));
  if (event === "join") return !named.every((room) => rooms.has(room));
  if (event === "leave") return named.some((room) => rooms.has(room));
  return true; // disconnect, close-room
}
