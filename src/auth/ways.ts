// Ways into a room for who a visitor is: by the room's name, or by the ways that its rule lists. room-access.ts asks them.

import { roomSpace } from "../core/room-name.ts";
import type { Identity } from "../core/identity.ts";
import type { JoinWay } from "../vocabulary/room-rules.ts";

/**
 * May this visitor be in the room for who it is: a public one, or one in a room-space of its own (`user:john::inbox`,
 * `group:staff::news`, `session:<key>::cart`)? A room's secret is another way in, where a dialect can show one.
 */
export function opensRoom({ user, groups, session }: Identity, room: string): boolean {
  const space = roomSpace(room);
  if (space === undefined) return true;
  const end = space.indexOf(":");
  const [kind, name] = [space.slice(0, end), space.slice(end + 1)];
  if (end === -1 || name === "") return false;
  if (kind === "group") return groups.includes(name);
  return (kind === "user" && user === name) || (kind === "session" && session === name);
}

/**
 * Does one of these ways admit the visitor for who it is? `user` in a room-space of one user (`user:john::inbox`)
 * admits the visitor that it names, and no other user.
 */
export function isAdmittedBy(ways: readonly JoinWay[], identity: Identity, room: string): boolean {
  return ways.some((way) => {
    if (way === "anyone") return true;
    if (way === "user")
      return identity.user !== undefined && (!isOwnSpace(room) || opensRoom(identity, room));
    return way.startsWith("group:") && identity.groups.includes(way.slice("group:".length));
  });
}

/** Is the room-space one of a user, a group or a session? */
function isOwnSpace(room: string): boolean {
  return /^(?:user|group|session):/.test(roomSpace(room) ?? "");
}
