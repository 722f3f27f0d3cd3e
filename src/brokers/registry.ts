// The table of brokers: one line each. The gateway makes its bus here from a URL, and the conformance suite in
// test/conformance runs over every entry.

import type { Bus } from "../core/bus.ts";
import { GatewayError } from "../core/errors.ts";
import type { Broker, BusOptions } from "./broker.ts";
import { memory } from "./memory/broker.ts";
import { redis } from "./redis/broker.ts";

export const brokers = { memory, redis } satisfies Record<string, Broker>;

/** Makes the bus that a URL names; without one, the memory bus. Rejects as `Broker.createBus` does. */
export async function createBus(options: BusOptions): Promise<Bus> {
  return brokerOf(options.url).createBus(options);
}

function brokerOf(url: string | undefined): Broker {
  if (url === undefined) return memory;
  const end = url.indexOf(":");
  const scheme = end === -1 ? undefined : url.slice(0, end).toLowerCase();
  const all: readonly Broker[] = Object.values(brokers);
  const broker = all.find(({ schemes }) => scheme !== undefined && schemes.includes(scheme));
  if (broker) return broker;
  const known = all.flatMap(({ schemes }) => schemes.map((name) => `${name}:`)).join(", ");
  // The text itself may hold a password, so only its scheme is shown.
  const got =
    scheme !== undefined && /^[a-z][a-z0-9+.-]{0,31}$/.test(scheme) ? `${scheme}:` : "no known scheme";
  throw new GatewayError("config_invalid", `Expected a bus URL that starts with ${known}, got ${got}`);
}
