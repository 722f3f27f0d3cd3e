// The backend side of the ws-hub dialect: `groups-new:<key>` and `group-data:<group>` of Redis -> orders and raw
// publications. Every gateway hears every message; those for keys and groups that it has not lead to nothing.

import { readUtf8 } from "../../codec/utf8.ts";
import type { BackendContext, BackendSide } from "../dialect.ts";
import type { Feed } from "../../core/bus.ts";
import type { Limits } from "../../vocabulary/limits.ts";
import { prefixFeed } from "../raw/prefix-feed.ts";
import { textCanary } from "../../codec/canary.ts";
import { junk } from "../../core/publication.ts";
import type { BackendMessage } from "../../core/publication.ts";
import { toRooms } from "../raw/format.ts";
import { RawPublication } from "../../codec/raw-publication.ts";
import { channels, connectionId, groupRoom, groupSpace } from "./names.ts";
import type { WsHubOptions } from "./options.ts";

type BackendOptions = Pick<WsHubOptions, "channelPrefix" | "groupsMode">;

export function createBackendSide(
  { limits }: Pick<BackendContext, "limits">,
  options: BackendOptions,
): BackendSide {
  const { groupsNew, groupData } = channels(options.channelPrefix);
  return {
    feeds: [
      feed(groupsNew, (key, payload) => decodeGroups({ key, payload, limits, options })),
      feed(groupData, decodeData),
    ],
    routes: [],
  };
}

/** Its canary goes to a key or group that no client has: keys hold no such character. */
function feed(prefix: string, decode: (name: string, payload: Buffer) => BackendMessage): Feed {
  return prefixFeed({ prefix, canary: textCanary(`${prefix}\u0000belfry`, "belfry-canary"), decode });
}

interface Assignment {
  readonly key: string;
  readonly payload: Buffer;
  readonly limits: Limits;
  readonly options: BackendOptions;
}

/** Groups for the client of a key: added or replaced (HUB-05, HUB-06); nothing at all closes it (HUB-07). */
function decodeGroups({ key, payload, limits, options }: Assignment): BackendMessage {
  const target = { namespace: "/", id: connectionId(key) };
  if (payload.length === 0) return { kind: "disconnect", target, closeClient: true, reason: "no_groups" };
  // More than a connection can hold, commas included.
  if (payload.length > limits.roomsPerConnection * (limits.nameBytes + 1)) return junk("groups_too_long");
  const text = readUtf8(payload);
  if (text === undefined) return junk("groups_not_utf8");
  // No trimming: ` b` is another group than `b` (HUB-05).
  const groups = text.split(",").filter((group) => group !== "");
  const replaces = options.groupsMode === "replace" ? { replaces: groupSpace } : {};
  return { kind: "join", target, rooms: groups.map(groupRoom), ...replaces };
}

/** The payload as it is, for everyone in the group (HUB-08). */
function decodeData(group: string, payload: Buffer): BackendMessage {
  // The bus reads names as text: two names that are none would be one group.
  if (group.includes("\u{FFFD}")) return junk("group_not_utf8");
  return new RawPublication(toRooms([groupRoom(group)]), payload);
}
