// Which rooms are tracked: those with `presence: true` in their rule, and those of which webhooks tell.

import type { Tracking } from "../brokers/presence.ts";
import { compileGlobs } from "../base/glob.ts";
import { roomLabel } from "../vocabulary/room-rules.ts";
import type { RoomRules } from "../vocabulary/room-rules.ts";

/** The part of the config that decides, beside the rules. */
interface TrackingConfig {
  readonly webhooks: { readonly urls: readonly string[]; readonly rooms: readonly string[] };
}

/**
 * @param inner what the names of rooms begin with that are for the use of the gateway alone.
 * @returns undefined where no room is tracked.
 */
export function createTracking(
  { webhooks }: TrackingConfig,
  rules: RoomRules,
  inner: readonly string[] = [],
): Tracking | undefined {
  const hasWebhooks = webhooks.urls.length > 0;
  if (!rules.hasPresence && !hasWebhooks) return undefined;
  const isListed = compileGlobs(webhooks.rooms);
  const isInner = (room: string): boolean => inner.some((start) => room.startsWith(start));
  return {
    isTold: ({ namespace, room }) =>
      rules.hasPresence && rules.ruleOf(room, namespace).presence && !isInner(room),
    isReported: ({ namespace, room }) =>
      hasWebhooks && isListed(roomLabel(room, namespace)) && !isInner(room),
  };
}
