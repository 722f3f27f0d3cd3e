// Connects bus, keys and broker over one pair of links (RTE-11), and a third for what clients say, where they speak, and for
// logs. The driver loads it, and the client of Redis with it, when the first gateway asks for a Redis.

import { noRules } from "../../vocabulary/room-rules.ts";
import { GatewayError } from "../../vocabulary/errors.ts";
import { logKeyPrefix } from "../log-store.ts";
import { BusBroker } from "../bus-broker.ts";
import type { Backplane, BackplaneOptions } from "../driver.ts";
import { RedisBus } from "./bus.ts";
import { readTrust } from "./dial.ts";
import { failureOf } from "./failure.ts";
import { presenceKeyPrefix } from "../presence.ts";
import { parseRedisUrl } from "./url.ts";

/** Connects to a Redis. Rejects as `Driver.open` does. */
export async function openRedis({
  url = "redis://",
  tls,
  observe,
  limits,
  line,
  rules = noRules,
  tracking,
  presenceTimes,
  needsVoice = false,
}: BackplaneOptions): Promise<Backplane> {
  const address = parseRedisUrl(url);
  const shared = { observe, limits, line, tracking, presenceTimes };
  const needsDirect = needsVoice || rules.hasHistory;
  const bus = new RedisBus({ ...shared, needsDirect, address, trust: readTrust(address, tls) });
  await bus.open();
  const { keys, log, queue, revocations, presence } = bus;
  if (rules.hasHistory) await log.check().catch(refuseStart(bus, logNeeds));
  if (tracking) await presence.check().catch(refuseStart(bus, presenceNeeds));
  return {
    bus,
    keys,
    voice: needsVoice ? bus : undefined,
    broker: new BusBroker({ bus, log, queue, rules, limits, observe }),
    log,
    queue,
    events: queue,
    revocations,
    presence,
    close: async () => bus.close(),
  };
}

/** Without its logs the gateway would refuse each publish to such a room. */
const logNeeds = `Rooms with a history need Redis 7.0 or later and the permission to run scripts on keys that begin with ${logKeyPrefix}`;
const presenceNeeds = `Rooms with presence, and webhooks, need Redis 6.2 or later and the permission to run scripts on keys that begin with ${presenceKeyPrefix}`;

function refuseStart(bus: RedisBus, needs: string) {
  return async (error: unknown): Promise<never> => {
    await bus.close();
    const got = error instanceof GatewayError ? error.message : failureOf(error).text;
    const text = `${needs}. ${got}`;
    throw new GatewayError("start_failed", text, { cause: error });
  };
}
