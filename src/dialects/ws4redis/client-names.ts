// What a client may get and publish at a facility, once its identity is known: rooms, keys and Redis channels (W4R-03). A
// user, group or session without a name, or with an unsafe one, has no channel under any naming (W4R-14, SEC-03).

import type { BrowserContext } from "../dialect.ts";
import { isRoomTooLong } from "../../core/room-name.ts";
import type { Identity } from "../../core/identity.ts";
import type { FoundIdentity } from "../../proofs/identity-source.ts";
import { covers, namePrefix } from "../../base/redis-name.ts";
import { isSafeName } from "../../base/safe-name.ts";
import type { Audience, ChannelName, Right } from "./query.ts";
import { asksFor, audiences } from "./query.ts";
import { currentName, currentPrefix, legacyBroadcasts, legacyName, roomOf } from "./names.ts";
import type { Addressee } from "./names.ts";
import type { Ws4redisOptions } from "./options.ts";

export interface ClientNames {
  /** It gets the messages for these. */
  readonly rooms: readonly string[];
  /** Keys of the persisted messages, in the order in which they are sent (W4R-04). */
  readonly persistedKeys: readonly string[];
  /** Redis names that its own messages go to (W4R-05). */
  readonly publishesTo: readonly string[];
  /** Names of 0.1 and 0.2 that no pattern covers: they are subscribed for as long as it is connected. */
  readonly legacy: readonly string[];
  /** How many names were left out: they belong to another owner (SEC-03), or are too long for a room (SEC-06). */
  readonly refused: number;
}

/** What a client may have. */
export interface Grant {
  readonly facility: string;
  /** Those that it asked for and may use. */
  readonly channels: readonly ChannelName[];
  readonly identity: FoundIdentity;
}

type NameOptions = Pick<Ws4redisOptions, "prefix" | "naming">;

/** 0.2 had no groups. */
const legacyAudiences = audiences.filter((audience) => audience !== "group");

export function clientNames(
  { facility, channels, identity }: Grant,
  options: NameOptions,
  { isForeignName, limits }: Pick<BrowserContext, "isForeignName" | "limits">,
): ClientNames {
  const found = {
    rooms: [] as string[],
    persistedKeys: [] as string[],
    publishesTo: [] as string[],
    legacy: [] as string[],
  };
  let refused = 0;
  for (const audience of options.naming === "legacy" ? legacyAudiences : audiences) {
    const subscribes = asksFor(channels, "subscribe", audience);
    const publishes = asksFor(channels, "publish", audience);
    for (const name of subscribes || publishes ? namesOf(identity, audience) : []) {
      const room = roomOf(audience, { name, facility });
      const names = redisNamesFor({ audience, to: { name, facility } }, options, isForeignName);
      if (!names || isRoomTooLong(room, limits.nameBytes)) refused++;
      else {
        if (publishes) found.publishesTo.push(names.ours);
        if (!subscribes) continue;
        found.rooms.push(room);
        found.persistedKeys.push(names.ours);
        if (names.legacy !== undefined && audience !== "broadcast") found.legacy.push(names.legacy);
      }
    }
  }
  return { ...found, refused };
}

/** The rooms of these channels, as far as their names are safe. */
export function roomsOf(
  { facility, channels, identity }: Grant,
  rights: readonly Right[],
): readonly string[] {
  const asked = audiences.filter((audience) => rights.some((right) => asksFor(channels, right, audience)));
  return asked.flatMap((audience) =>
    namesOf(identity, audience)
      .filter((name) => name === undefined || isSafeName(name))
      .map((name) => roomOf(audience, { name, facility })),
  );
}

/** Broadcasts have no name. */
function namesOf({ groups, user, session }: Identity, audience: Audience): readonly (string | undefined)[] {
  if (audience === "broadcast") return [undefined];
  if (audience === "group") return groups;
  const name = audience === "user" ? user : session;
  return name === undefined ? [] : [name];
}

interface Addressed {
  readonly audience: Audience;
  readonly to: Addressee;
}

interface Names {
  /** What is published to, and so the only key that is read (SEC-03). */
  readonly ours: string;
  readonly legacy: string | undefined;
}

/** undefined: the name is unsafe. */
function redisNamesFor(
  { audience, to }: Addressed,
  { prefix, naming }: NameOptions,
  isForeignName: (name: string) => boolean,
): Names | undefined {
  if (to.name !== undefined && !isSafeName(to.name)) return undefined;
  const current = currentName(prefix, audience, to);
  if (naming === "current") return { ours: current, legacy: undefined };
  const composed = legacyName(audience, to);
  const isTaken =
    composed !== undefined && audience !== "broadcast" && isOwned(composed, prefix, isForeignName);
  const legacy = isTaken ? undefined : composed;
  if (naming === "both") return { ours: current, legacy };
  return legacy === undefined ? undefined : { ours: legacy, legacy };
}

/** A legacy name begins with a name that a user chose: it must not be one of another owner, or another one of our own. */
function isOwned(name: string, prefix: string, isForeignName: (name: string) => boolean): boolean {
  const own = [...audiences.map((audience) => currentPrefix(prefix, audience)), legacyBroadcasts];
  return isForeignName(name) || own.some((start) => covers(namePrefix(start), name));
}
