// What a rule means for a room, in words: for `belfry config rule`, which reads the config, and `belfry room`, which asks a gateway.

import { roomSpace } from "../core/room-name.ts";
import type { HistoryRule, JoinWay, RoomRule } from "../vocabulary/room-rules.ts";

/** What a rule says about publishing. */
export const whoPublishes: Readonly<Record<RoomRule["publish"], string>> = {
  backends: "backends; what browsers say stays in their dialect",
  members: "backends and members; messages of browsers reach every dialect",
  none: "backends; browsers say nothing there",
};

/** @param join undefined: the room's name decides. */
export function whoJoins(join: readonly JoinWay[] | undefined, room: string): string {
  const space = roomSpace(room);
  const ways = join ?? defaultWays(space);
  return ways.map((way) => wayWords(way, space)).join("; ");
}

function defaultWays(space: string | undefined): readonly (JoinWay | "owner")[] {
  if (space === undefined) return ["anyone"];
  return isOwned(space) ? ["owner", "secret"] : ["secret"];
}

function isOwned(space: string | undefined): space is string {
  return space !== undefined && /^(?:user|group|session):./.test(space);
}

function wayWords(way: JoinWay | "owner", space: string | undefined): string {
  switch (way) {
    case "anyone":
      return "anyone";
    case "grant":
      return "clients that a backend puts there";
    case "token":
      return "clients with a token or a ticket that names the room";
    case "owner":
      return `visitors that \`${space}\` names`;
    case "user":
      return isOwned(space) ? `the user that \`${space}\` names` : "visitors with a user name";
    case "secret":
      return space === undefined
        ? "no client by secret: the name has no room-space (no `::`)"
        : `clients that show the secret of the room-space \`${space}\``;
    default:
      return `members of the group \`${way.slice("group:".length)}\``;
  }
}

/** How much a log holds. */
export function logWords({ size, seconds }: HistoryRule): string {
  return `the last ${size} publications, until ${seconds} s after the last one`;
}
