// What a gateway is connected to: the bus of its messages, and the Redis of its visitors' sessions where that is another.
// Part of the composition root (gateway.ts).

import { createBus } from "./brokers/registry.ts";
import type { Config } from "./config/config.ts";
import { needsIdentity } from "./config/redis-names.ts";
import type { Bus } from "./core/bus.ts";
import type { Observe } from "./core/observe.ts";

/** What the gateway is connected to. */
export interface Buses {
  readonly bus: Bus;
  /** Where visitors' sessions are kept (RTE-11): often the same. */
  readonly sessions: Bus;
}

/** Rejects with GatewayError `start_failed` when one cannot be had; nothing is left open then. */
export async function openBuses(config: Config, observe: Observe): Promise<Buses> {
  const { redis, redisTls, limits, identity, listeners } = config;
  const open = async (url: string | undefined) => createBus({ url, tls: redisTls, observe, limits });
  const bus = await open(redis);
  const isAsked = listeners.some((listener) => listener.dialects.some(needsIdentity));
  if (!isAsked || identity.redis === undefined || identity.redis === redis) return { bus, sessions: bus };
  try {
    return { bus, sessions: await open(identity.redis) };
  } catch (error) {
    await bus.close();
    throw error;
  }
}
