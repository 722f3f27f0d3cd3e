// What a visitor may hear and say at a facility, once it is known who it is: rooms, keys and channels (W4R-03). Whatever
// has no name, or an unsafe one, yields no channel under any naming (W4R-14, SEC-03).

import type { BrowserContext } from "../../core/dialect.ts";
import { isRoomTooLong } from "../../core/access.ts";
import type { Identity } from "../../core/identity.ts";
import { covers, namePrefix } from "../../core/redis-name.ts";
import { isSafeName } from "../../core/safe-name.ts";
import type { Audience, ChannelName, Right } from "./channels.ts";
import { asksFor, audiences } from "./channels.ts";
import { currentName, currentPrefix, legacyBroadcasts, legacyName, roomOf } from "./names.ts";
import type { Addressee } from "./names.ts";
import type { Ws4redisOptions } from "./options.ts";

export interface Rights {
  /** It hears what is said there. */
  readonly rooms: readonly string[];
  /** Keys of the persisted messages, in the order in which they are sent (W4R-04). */
  readonly kept: readonly string[];
  /** What it says goes to these names (W4R-05). */
  readonly said: readonly string[];
  /** Names of 0.1 and 0.2 that no pattern covers: they are subscribed for as long as it is there. */
  readonly legacy: readonly string[];
  /** Names that would have belonged to somebody else (SEC-03), or are too long for a room (SEC-06). */
  readonly refused: number;
}

export interface Visit {
  readonly facility: string;
  /** What it asked for and may have. */
  readonly channels: readonly ChannelName[];
  readonly identity: Identity;
}

type NameOptions = Pick<Ws4redisOptions, "prefix" | "naming">;

/** 0.2 had no groups. */
const legacyAudiences = audiences.filter((audience) => audience !== "group");

export function rightsOf(
  { facility, channels, identity }: Visit,
  options: NameOptions,
  { isForeignName, limits }: Pick<BrowserContext, "isForeignName" | "limits">,
): Rights {
  const rights = {
    rooms: [] as string[],
    kept: [] as string[],
    said: [] as string[],
    legacy: [] as string[],
  };
  let refused = 0;
  for (const audience of options.naming === "legacy" ? legacyAudiences : audiences) {
    const [hears, says] = [asksFor(channels, "subscribe", audience), asksFor(channels, "publish", audience)];
    for (const name of hears || says ? namesOf(identity, audience) : []) {
      const room = roomOf(audience, { name, facility });
      const names = redisNamesFor({ audience, to: { name, facility } }, options, isForeignName);
      if (!names || isRoomTooLong(room, limits.nameBytes)) refused++;
      else {
        if (says) rights.said.push(names.ours);
        if (!hears) continue;
        rights.rooms.push(room);
        rights.kept.push(names.ours);
        if (names.legacy !== undefined && audience !== "broadcast") rights.legacy.push(names.legacy);
      }
    }
  }
  return { ...rights, refused };
}

/** The rooms that it asks for, to hear them or to speak there; those whose names may be part of a room's. */
export function askedRooms(
  { facility, channels, identity }: Visit,
  rights: readonly Right[],
): readonly string[] {
  const asked = audiences.filter((audience) => rights.some((right) => asksFor(channels, right, audience)));
  return asked.flatMap((audience) =>
    namesOf(identity, audience)
      .filter((name) => name === undefined || isSafeName(name))
      .map((name) => roomOf(audience, { name, facility })),
  );
}

/** Broadcasts are for nobody by name. */
function namesOf({ groups, user, session }: Identity, audience: Audience): readonly (string | undefined)[] {
  if (audience === "broadcast") return [undefined];
  if (audience === "group") return groups;
  const name = audience === "user" ? user : session;
  return name === undefined ? [] : [name];
}

interface Place {
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
  { audience, to }: Place,
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

/** A legacy name begins with what somebody chose: it must not become one of another owner, or of our own others. */
function isOwned(name: string, prefix: string, isForeignName: (name: string) => boolean): boolean {
  const own = [...audiences.map((audience) => currentPrefix(prefix, audience)), legacyBroadcasts];
  return isForeignName(name) || own.some((start) => covers(namePrefix(start), name));
}
