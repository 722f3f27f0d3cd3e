// The one text of a room's name that no other name has: rooms of a store, and those that are watched, are found by it.

import type { RoomName } from "../core/publication.ts";

export function roomId({ namespace, room }: RoomName): string {
  return JSON.stringify([namespace, room]);
}
