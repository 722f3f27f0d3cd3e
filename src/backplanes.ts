// What a gateway is connected to: the bus of its messages, and the Redis of its visitors' sessions where that is another.
// Part of the composition root (gateway.ts).

import type { Backplane } from "./brokers/driver.ts";
import { openBackplane } from "./brokers/registry.ts";
import type { Config } from "./config/config.ts";
import { needsIdentity } from "./config/redis-names.ts";
import type { Dialect } from "./core/dialect.ts";
import type { Observe } from "./core/observe.ts";
import { dialects } from "./dialects/registry.ts";
import type { DialectName } from "./dialects/registry.ts";

/** What the gateway is connected to. */
export interface Backplanes {
  readonly main: Backplane;
  /** Where visitors' sessions are kept (RTE-11): often the same. */
  readonly sessions: Backplane;
}

/** Rejects with GatewayError `start_failed` when one cannot be had; nothing is left open then. */
export async function openBackplanes(config: Config, observe: Observe): Promise<Backplanes> {
  const { redis, redisTls, limits, identity, listeners } = config;
  const shared = { tls: redisTls, observe, limits };
  const isSpoken = (is: (name: DialectName) => boolean): boolean =>
    listeners.some((listener) => listener.dialects.some(is));
  const main = await openBackplane({ ...shared, url: redis, hasVoice: isSpoken(clientsSpeak) });
  const isAsked = isSpoken(needsIdentity);
  if (!isAsked || identity.redis === undefined || identity.redis === redis) return { main, sessions: main };
  try {
    return { main, sessions: await openBackplane({ ...shared, url: identity.redis }) };
  } catch (error) {
    await main.close();
    throw error;
  }
}

/** Does what the dialect's clients say go to the bus at once? */
function clientsSpeak(name: DialectName): boolean {
  const dialect: Dialect<unknown> = dialects[name];
  return dialect.clientsSpeak === true;
}
