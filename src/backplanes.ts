// What a gateway is connected to: the bus of its messages, and the Redis of its visitors' sessions where that is another.
// Part of the composition root (gateway.ts).

import type { Backplane } from "./brokers/driver.ts";
import { openBackplane } from "./brokers/registry.ts";
import type { Config } from "./config/config.ts";
import { needsIdentity } from "./config/redis-names.ts";
import type { Observe } from "./core/observe.ts";

/** What the gateway is connected to. */
export interface Backplanes {
  readonly main: Backplane;
  /** Where visitors' sessions are kept (RTE-11): often the same. */
  readonly sessions: Backplane;
}

/** Rejects with GatewayError `start_failed` when one cannot be had; nothing is left open then. */
export async function openBackplanes(config: Config, observe: Observe): Promise<Backplanes> {
  const { redis, redisTls, limits, identity, listeners } = config;
  const open = async (url: string | undefined) => openBackplane({ url, tls: redisTls, observe, limits });
  const main = await open(redis);
  const isAsked = listeners.some((listener) => listener.dialects.some(needsIdentity));
  if (!isAsked || identity.redis === undefined || identity.redis === redis) return { main, sessions: main };
  try {
    return { main, sessions: await open(identity.redis) };
  } catch (error) {
    await main.close();
    throw error;
  }
}
