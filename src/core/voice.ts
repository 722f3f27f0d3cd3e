// The Voice port: what clients of a dialect say, on its way to the bus. It stands beside the bus because it promises when:
// the engine answers a client's close in the turn in which it reads it, and what the client said before must come first.

import type { Bus } from "./bus.ts";
import type { KeyStore } from "./keys.ts";

export interface Voice {
  /**
   * Publishes, and with `keepSeconds` also sets the channel's name as a key; handed over within this call where the driver
   * was told that clients speak (W4R-05). Rejects with GatewayError `bus_unavailable` as `Bus.publish` does.
   */
  say(channel: string, payload: string | Uint8Array, keepSeconds?: number): Promise<void>;
}

/** A voice over a bus and its keys, where nothing is further away than a call. */
export function voiceOver(bus: Pick<Bus, "publish">, keys: Pick<KeyStore, "set">): Voice {
  return {
    say: async (channel, payload, keepSeconds = 0) => {
      const sent = [bus.publish(channel, payload)];
      if (keepSeconds > 0) sent.push(keys.set(channel, payload, keepSeconds));
      await Promise.all(sent);
    },
  };
}
