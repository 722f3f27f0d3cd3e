// The backend side of the ws4redis dialect: one pattern for each audience (W4R-03). Messages of RedisPublisher, of browsers
// and of other gateways all come in here; the payload goes through as it is (W4R-07).

import { RawPublication } from "../../codec/raw-publication.ts";
import { textCanary } from "../../codec/canary.ts";
import type { BackendContext, BackendSide } from "../dialect.ts";
import type { Feed } from "../../core/bus.ts";
import { compileGlobs } from "../../base/glob.ts";
import { junk, notForUs } from "../../core/publication.ts";
import type { BackendMessage } from "../../core/publication.ts";
import { isSafeName } from "../../base/safe-name.ts";
import { toRooms } from "../raw/format.ts";
import { prefixFeed } from "../raw/prefix-feed.ts";
import type { LastMessages } from "./last-messages.ts";
import { currentPrefix, dialectName, legacyBroadcasts, roomOf } from "./names.ts";
import type { Addressee } from "./names.ts";
import type { Ws4redisOptions } from "./options.ts";
import { audiences, isFacility } from "./query.ts";
import type { Audience } from "./query.ts";

/** From a Redis name and its payload to a publication, in both generations of names. */
export interface Decoder {
  /**
   * @param named {@link legacyAudiences} for a name of a user or a session of 0.2.
   * @param rest what follows `{p}user:` or the like.
   */
  decode(named: readonly Audience[], rest: string, payload: Buffer): BackendMessage;
}

/** `<user or session>:<facility>`: nothing tells which of both. */
export const legacyAudiences: readonly Audience[] = ["user", "session"];

export function createDecoder(
  { limits, isOpenRoom }: Pick<BackendContext, "limits" | "isOpenRoom">,
  { publish }: Pick<Ws4redisOptions, "publish">,
  lastMessages: Pick<LastMessages, "clientsOf">,
): Decoder {
  const browsersMayPublish = compileGlobs(publish);
  const decode: Decoder["decode"] = (named, rest, payload) => {
    // As the original: an empty message is not sent.
    if (payload.length === 0) return notForUs("empty");
    const to = named.includes("broadcast") ? { name: undefined, facility: rest } : readAddressee(rest);
    if (!to) return junk("name_invalid");
    const { facility } = to;
    if (!isFacility(facility, limits.nameBytes)) return junk("facility_invalid");
    const rooms = named.map((audience) => roomOf(audience, to));
    // Where browsers may publish, nothing tells them from backends: it stays in the dialect (SEC-16).
    const isClosed = browsersMayPublish(facility) && !rooms.every(isOpenRoom);
    const target = toRooms(rooms, lastMessages.clientsOf(payload));
    return new RawPublication(target, payload, isClosed ? { only: dialectName } : {});
  };
  return { decode };
}

/** Names hold no colon, facilities may. */
function readAddressee(rest: string): Addressee | undefined {
  const end = rest.indexOf(":");
  const name = rest.slice(0, Math.max(end, 0));
  return isSafeName(name) ? { name, facility: rest.slice(end + 1) } : undefined;
}

export function createBackendSide(decoder: Decoder, { naming, prefix }: Ws4redisOptions): BackendSide {
  const feed = (audience: Audience, start: string): Feed => {
    const named = [audience];
    return prefixFeed({
      prefix: start,
      // To a name that no visitor of any server can have: a control character in front of a colon.
      canary: textCanary(`${start}\u0000belfry:`, "belfry-canary"),
      decode: (rest, payload) => decoder.decode(named, rest, payload),
    });
  };
  const current = naming === "legacy" ? [] : audiences;
  const legacy = naming === "current" ? [] : [feed("broadcast", legacyBroadcasts)];
  return {
    feeds: [...current.map((audience) => feed(audience, currentPrefix(prefix, audience))), ...legacy],
    routes: [],
  };
}
