// What a gateway is connected to: the bus of its messages, and the Redis of its visitors' sessions where that is another.
// Part of the composition root (gateway.ts).

import type { Backplane, OpenBackplane } from "../brokers/driver.ts";
import { spokenDialects } from "../config/house-rules.ts";
import type { Config } from "../config/schema.ts";
import type { LineObserver } from "../brokers/marker.ts";
import type { Observe } from "../core/observe.ts";
import type { RoomRules } from "../vocabulary/room-rules.ts";
import type { Tracking } from "../brokers/presence.ts";
import type { Dialects } from "../dialects/registry.ts";

/** What the gateway is connected to. */
export interface Backplanes {
  readonly main: Backplane;
  /** Where visitors' sessions are kept (RTE-11): often the same. */
  readonly sessions: Backplane;
}

export interface BackplanesParts {
  readonly observe: Observe;
  /** All that there are. */
  readonly dialects: Dialects;
  readonly open: OpenBackplane;
  readonly rules: RoomRules;
  readonly tracking: Tracking | undefined;
  /** Told of everything on the line of the main one. */
  readonly line: LineObserver;
}

/** Rejects with GatewayError `start_failed` when one cannot be had; nothing is left open then. */
export async function openBackplanes(
  config: Config,
  { observe, dialects, open, rules, tracking, line }: BackplanesParts,
): Promise<Backplanes> {
  const { redis, redisTls, limits, identity } = config;
  const shared = { tls: redisTls, observe, limits };
  const spoken = Object.values(spokenDialects(config, dialects));
  const needsVoice = spoken.some(({ clientsSpeak }) => clientsSpeak === true);
  const main = await open({ ...shared, url: redis, rules, tracking, line, needsVoice });
  const isAsked = spoken.some(({ needsIdentity }) => needsIdentity === true);
  if (!isAsked || identity.redis === undefined || identity.redis === redis) return { main, sessions: main };
  try {
    return { main, sessions: await open({ ...shared, url: identity.redis }) };
  } catch (error) {
    await main.close();
    throw error;
  }
}

/** Subscriptions are proved within milliseconds; clients are let in after this long in any case. */
const proofMs = 1_000;
const proofStepMs = 5;

/** Waits until the buses are ready, a second at most, so that the first request of a client is not refused. */
export async function busesProved({ main, sessions }: Backplanes): Promise<void> {
  const isReady = (): boolean => [main, sessions].every(({ bus }) => bus.state().isReady);
  for (let waited = 0; waited < proofMs && !isReady(); waited += proofStepMs) await Bun.sleep(proofStepMs);
}
