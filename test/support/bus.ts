// A bus with its keys in one object: what the conformance suites of the buses speak with.

import type { BackplaneOptions } from "../../src/brokers/driver.ts";
import { openBackplane } from "../../src/brokers/registry.ts";
import type { Bus } from "../../src/core/bus.ts";
import type { KeyStore } from "../../src/core/keys.ts";

export type BusWithKeys = Bus & KeyStore;

/** What `openBackplane` opens, as one object. */
export async function createBus(options: BackplaneOptions): Promise<BusWithKeys> {
  const { bus, keys, close } = await openBackplane(options);
  return withKeys(bus, keys, close);
}

/** One object of two ports. */
export function withKeys(bus: Bus, keys: KeyStore, close: Bus["close"]): BusWithKeys {
  return {
    label: bus.label,
    get outages() {
      return bus.outages;
    },
    get losses() {
      return bus.losses;
    },
    publish: async (channel, payload) => bus.publish(channel, payload),
    subscribe: async (filter, onMessage) => bus.subscribe(filter, onMessage),
    state: () => bus.state(),
    get: async (names) => keys.get(names),
    getBytes: async (names) => keys.getBytes(names),
    getField: async (key, field) => keys.getField(key, field),
    set: async (key, value, ttl) => keys.set(key, value, ttl),
    take: async (key) => keys.take(key),
    touch: async (key, ttl) => keys.touch(key, ttl),
    remove: async (key) => keys.remove(key),
    close,
  };
}
