// The names of ws4redis: its Redis channels, which are also the keys of persisted messages, in both generations
// (W4R-03), and the rooms that they mean (docs/architecture.md). Pure. What a visitor chose is checked before it becomes part
// of a name (SEC-03).

import { namePrefix } from "../../base/redis-name.ts";
import type { RedisName } from "../../base/redis-name.ts";
import type { Audience } from "./query.ts";
import { audiences } from "./query.ts";

/** The dialect's name: in the config, in metrics, and in `Publication.only`. */
export const dialectName = "ws4redis";

/** A room-space that no visitor has: only clients of this dialect are in its rooms. */
const ownSpace = "ws4redis::";

/** `user:` of 0.3 and later, with the prefix (W4R-03). */
export function currentPrefix(prefix: string, audience: Audience): string {
  return `${prefix === "" ? "" : `${prefix}:`}${audience}:`;
}

/** The broadcasts of 0.1 and 0.2. */
export const legacyBroadcasts = "_broadcast_:";

/** @param name user, group or session; broadcasts have none. */
export function currentName(prefix: string, audience: Audience, { name, facility }: Addressee): string {
  return currentPrefix(prefix, audience) + (name === undefined ? "" : `${name}:`) + facility;
}

/** undefined: 0.2 had no groups. */
export function legacyName(audience: Audience, { name, facility }: Addressee): string | undefined {
  if (audience === "broadcast") return legacyBroadcasts + facility;
  return audience === "group" || name === undefined ? undefined : `${name}:${facility}`;
}

/** What a Redis name says beside the audience. */
export interface Addressee {
  readonly name: string | undefined;
  readonly facility: string;
}

/** A facility's public room, or a room in the space of a user, group or session. The empty room is not shared (SEC-16). */
export function roomOf(audience: Audience, { name, facility }: Addressee): string {
  if (audience !== "broadcast") return `${audience}:${name}::${facility}`;
  return facility === "" ? ownSpace : facility;
}

/** What all of its Redis names begin with (RTE-08). */
export function redisNames({ prefix }: { readonly prefix: string }): readonly RedisName[] {
  return [...audiences.map((audience) => currentPrefix(prefix, audience)), legacyBroadcasts].map(namePrefix);
}
