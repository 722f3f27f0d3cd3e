// What the store of presence says on the bus when a room changed: JSON, made by each store and read by every gateway. What
// cannot be read is junk, never an error: any client of the server may publish on the channel.

import { z } from "zod";
import { parseJson } from "../base/json.ts";
import type { PresentUser } from "../vocabulary/presence-news.ts";
import type { RoomName } from "../core/publication.ts";

/** One or more changes of a room, as they were made at once. */
export interface RoomChange {
  readonly name: RoomName;
  readonly epoch: string;
  readonly from: number;
  readonly version: number;
  readonly total: number;
  readonly anonymous: number;
  /** Undefined: the room has more users than are listed. */
  readonly users: ChangedUsers | undefined;
}

interface ChangedUsers {
  readonly joined: readonly PresentUser[];
  readonly left: readonly string[];
}

export function encodeChange({ name, users, ...numbers }: RoomChange): string {
  const joined = users?.joined.map(({ user, info = null }) => [user, info]);
  return JSON.stringify({ ...name, ...numbers, joined, left: users?.left });
}

const count = z.number().int().min(0);
const message = z.object({
  namespace: z.string(),
  room: z.string(),
  epoch: z.string(),
  from: count,
  version: count,
  total: count,
  anonymous: count,
  joined: z.array(z.tuple([z.string(), z.string().nullable()])).optional(),
  left: z.array(z.string()).optional(),
});

/** @returns undefined when it is none. */
export function decodeChange(text: string): RoomChange | undefined {
  const fields = message.safeParse(parseJson(text)).data;
  if (!fields) return undefined;
  const { namespace, room, joined, left, ...numbers } = fields;
  const users = joined && left && { joined: joined.map(userOf), left };
  return { name: { namespace, room }, ...numbers, users };
}

function userOf([user, info]: readonly [string, string | null]): PresentUser {
  return info === null ? { user } : { user, info };
}
