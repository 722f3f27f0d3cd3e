// The memory driver: bus, keys and broker inside this process, for one gateway without a Redis (the demo, tests).

import { GatewayError } from "../../vocabulary/errors.ts";
import { noRules } from "../../vocabulary/room-rules.ts";
import { noTracking } from "../presence.ts";
import { BusBroker } from "../bus-broker.ts";
import type { Driver } from "../driver.ts";
import { MemoryBus } from "./bus.ts";
import { MemoryKeys } from "./keys.ts";
import { MemoryLog } from "./log.ts";
import { MemoryPresence } from "./presence.ts";
import { MemoryQueue } from "./queue.ts";
import { MemoryRevocations } from "./revocations.ts";

export const memory = {
  schemes: ["memory"],
  urls: "`memory:`",
  isLocal: true,
  check: (url) => {
    if (/^memory:(\/\/)?$/i.test(url)) return [];
    throw new GatewayError("config_invalid", "Expected `memory:` and nothing behind it, got more");
  },
  open: async (options) => {
    const bus = new MemoryBus(options);
    const keys = new MemoryKeys();
    const log = new MemoryLog({ bus, now: () => performance.now() });
    const events = new MemoryQueue(Date.now);
    const { tracking = noTracking, presenceTimes: times } = options;
    const presence = new MemoryPresence({ bus, events, tracking, times, now: () => performance.now() });
    return {
      bus,
      keys,
      broker: new BusBroker({
        bus,
        log,
        rules: options.rules ?? noRules,
        limits: options.limits,
        observe: options.observe,
      }),
      log,
      revocations: new MemoryRevocations(),
      events,
      presence,
      close: async () => {
        keys.close();
        log.close();
        presence.close();
        await bus.close();
      },
    };
  },
} satisfies Driver;
