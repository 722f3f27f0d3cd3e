// The redis driver: reads the URL and the TLS files, and connects bus, keys and broker over one pair of links (RTE-11),
// and a third for what clients say, where they speak.

import { createRoomRules } from "../../core/room-rules.ts";
import { BusBroker } from "../bus-broker.ts";
import type { Driver } from "../driver.ts";
import { RedisBus } from "./bus.ts";
import { readTrust } from "./dial.ts";
import { parseRedisUrl, redisSchemes } from "./url.ts";

export const redis = {
  schemes: redisSchemes,
  check: (url) => {
    const { password } = parseRedisUrl(url);
    return password === undefined ? [] : [password];
  },
  open: async ({
    url = "redis://",
    tls,
    observe,
    limits,
    line,
    rules = createRoomRules(),
    hasVoice = false,
  }) => {
    const address = parseRedisUrl(url);
    const bus = new RedisBus({ address, trust: readTrust(address, tls), observe, limits, line, hasVoice });
    await bus.open();
    const { keys, log } = bus;
    return {
      bus,
      keys,
      voice: bus,
      broker: new BusBroker({ bus, log, rules, observe }),
      log,
      close: async () => bus.close(),
    };
  },
} satisfies Driver;
