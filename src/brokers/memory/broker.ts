// The memory broker: a bus inside this process, for one gateway without a Redis (the demo, tests).

import type { Broker } from "../broker.ts";
import { MemoryBus } from "./bus.ts";

export const memory = {
  schemes: ["memory"],
  createBus: async (options) => new MemoryBus(options),
} satisfies Broker;
