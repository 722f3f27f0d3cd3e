// The names of the ws-hub dialect: its Redis channels, and what groups and keys are called in the hub.

import { createHash } from "node:crypto";
import type { Connection } from "../../core/membership.ts";

/** The dialect's name: in the config and in metrics. */
export const dialectName = "ws-hub";

/** Channels of a prefix; key or group follow behind the colon (HUB-04, HUB-05, HUB-08, HUB-09). */
export function channels(prefix: string) {
  return {
    clientNew: `${prefix}client-new`,
    clientGone: `${prefix}client-gone`,
    clientData: `${prefix}client-data:`,
    groupsNew: `${prefix}groups-new:`,
    groupData: `${prefix}group-data:`,
  } as const;
}

/** The room-space of groups, which clients of other dialects join with its secret only. */
export const groupSpace = "ws-hub";
const groupPrefix = `${groupSpace}::`;

export function groupRoom(group: string): string {
  return groupPrefix + group;
}

/** The groups of a connection. */
export function groupsOf(connection: Connection | undefined): readonly string[] {
  const names = [...(connection?.rooms ?? [])].map((room) => room.name ?? "");
  return names.filter((name) => name.startsWith(groupPrefix)).map((name) => name.slice(groupPrefix.length));
}

/**
 * The id of a key's connection, the same on every gateway: what finds the client of `groups-new:<key>`. A digest,
 * because ids are seen in more places than keys may be (SEC-04). No group's room begins like it.
 */
export function connectionId(key: string): string {
  return `ws-hub:key::${createHash("sha256").update(key).digest("base64url").slice(0, 22)}`;
}
