// The hub of one gateway: what it publishes goes to the topics of all listeners. Part of the composition root (gateway.ts).

import type { Config } from "../config/schema.ts";
import type { Bus } from "../core/bus.ts";
import { Hub } from "../core/hub.ts";
import type { HubEvents } from "../core/hub.ts";
import type { RoomRules } from "../vocabulary/room-rules.ts";
import type { Telemetry } from "../observe/observe.ts";
import type { Listener } from "../server/listener.ts";

export interface GatewayHubParts {
  readonly config: Pick<Config, "limits">;
  readonly rules: RoomRules;
  readonly observe: Telemetry;
  readonly bus: Pick<Bus, "publish">;
  readonly events: HubEvents;
  /** Those of the gateway, once they are up. */
  readonly listeners: readonly Pick<Listener, "publish">[];
}

export function createHub({ config, rules, observe, bus, events, listeners }: GatewayHubParts): Hub {
  return new Hub({
    limits: config.limits,
    hasLog: (namespace, room) => rules.hasLog(room, namespace),
    observe,
    events,
    topics: {
      publish: (topic, frame) => {
        let isBehind = false;
        for (const listener of listeners) isBehind = listener.publish(topic, frame) || isBehind;
        return isBehind;
      },
    },
    send: ({ channel, payload }) => {
      bus.publish(channel, payload).catch((error: unknown) => {
        observe.report("bus_publish", error);
      });
    },
  });
}
