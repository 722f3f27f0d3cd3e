// The redis broker: reads the URL and the TLS files, and makes a connected bus.

import type { Broker } from "../broker.ts";
import { RedisBus } from "./bus.ts";
import { readTrust } from "./dial.ts";
import { parseRedisUrl, redisSchemes } from "./url.ts";

export const redis = {
  schemes: redisSchemes,
  createBus: async ({ url = "redis://", tls, observe, limits }) => {
    const address = parseRedisUrl(url);
    const bus = new RedisBus({ address, trust: readTrust(address, tls), observe, limits });
    await bus.open();
    return bus;
  },
} satisfies Broker;
