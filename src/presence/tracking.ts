// Which rooms are tracked: those with `presence: true` in their rule, and those of which webhooks tell.

import type { Tracking } from "../brokers/presence.ts";
import { compileGlobs } from "../base/glob.ts";
import { roomLabel } from "../vocabulary/room-rules.ts";
import type { RoomRules } from "../vocabulary/room-rules.ts";

/** The part of the config that decides, beside the rules. */
interface TrackingConfig {
  readonly webhooks: { readonly urls: readonly string[]; readonly rooms: readonly string[] };
}

/** @returns undefined where no room is tracked. */
export function createTracking({ webhooks }: TrackingConfig, rules: RoomRules): Tracking | undefined {
  const hasWebhooks = webhooks.urls.length > 0;
  if (!rules.hasPresence && !hasWebhooks) return undefined;
  const isListed = compileGlobs(webhooks.rooms);
  return {
    isTold: ({ namespace, room }) => rules.hasPresence && rules.ruleOf(room, namespace).presence,
    isReported: ({ namespace, room }) => hasWebhooks && isListed(roomLabel(room, namespace)),
  };
}
