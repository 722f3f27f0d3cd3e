// From a Redis name and its payload to a publication, in both generations of names (W4R-03, W4R-07). The names are read
// here and made in names.ts; nobody's last words come back to whom they are from (W4R-08).

import type { BackendContext } from "../../core/dialect.ts";
import { isSafeName } from "../../core/safe-name.ts";
import { compileGlobs } from "../../core/glob.ts";
import { junk, notForUs } from "../../core/publication.ts";
import type { BackendMessage } from "../../core/publication.ts";
import { toRooms } from "../raw/format.ts";
import { RawPublication } from "../../codec/raw-publication.ts";
import type { Audience } from "./channels.ts";
import { isFacility } from "./channels.ts";
import { dialectName, roomOf, saidRoom } from "./names.ts";
import type { Ws4redisOptions } from "./options.ts";

/** The clients of this gateway whose last words are remembered. While there are none, no message is hashed. */
export interface Speakers {
  count: number;
}

export interface Messages {
  /** @param rest what follows `{p}user:` or the like. */
  read(audience: Audience, rest: string, payload: Buffer): BackendMessage;
  /** @param name `<user or session>:<facility>`: nothing tells which of both. */
  readLegacy(name: string, payload: Buffer): BackendMessage;
}

export function createMessages(
  { limits, isOpenRoom }: Pick<BackendContext, "limits" | "isOpenRoom">,
  { publish }: Pick<Ws4redisOptions, "publish">,
  speakers: Readonly<Speakers>,
): Messages {
  const isSpokenByBrowsers = compileGlobs(publish);
  const toAudiences = (named: readonly Audience[], rest: string, payload: Buffer): BackendMessage => {
    // As the original: an empty message is sent to nobody.
    if (payload.length === 0) return notForUs("empty");
    const to = named.includes("broadcast") ? { name: undefined, facility: rest } : split(rest);
    if (!to) return junk("name_invalid");
    const { facility } = to;
    if (!isFacility(facility, limits.nameBytes)) return junk("facility_invalid");
    const rooms = named.map((audience) => roomOf(audience, to));
    // Where browsers may publish, nothing tells them from backends: it stays in the dialect (SEC-16).
    const isClosed = isSpokenByBrowsers(facility) && !rooms.every(isOpenRoom);
    const target = toRooms(rooms, { except: speakers.count === 0 ? [] : [saidRoom(payload)] });
    return new RawPublication(target, payload, isClosed ? { only: dialectName } : {});
  };
  return {
    read: (audience, rest, payload) => toAudiences([audience], rest, payload),
    readLegacy: (name, payload) => toAudiences(["user", "session"], name, payload),
  };
}

/** Names hold no colon, facilities may. */
function split(rest: string): { readonly name: string; readonly facility: string } | undefined {
  const end = rest.indexOf(":");
  const name = rest.slice(0, Math.max(end, 0));
  return isSafeName(name) ? { name, facility: rest.slice(end + 1) } : undefined;
}
