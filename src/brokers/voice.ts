// The voice of a backplane: its driver's, or one over its bus and its keys, where nothing is further away than a call.

import type { Voice } from "../core/bus.ts";
import type { Backplane } from "./driver.ts";

export function voiceOf({ voice, bus, keys }: Pick<Backplane, "voice" | "bus" | "keys">): Voice {
  return (
    voice ?? {
      say: async (channel, payload, keepSeconds = 0) => {
        const sent: Promise<unknown>[] = [bus.publish(channel, payload)];
        if (keepSeconds > 0) sent.push(keys.set(channel, payload, keepSeconds));
        await Promise.all(sent);
      },
    }
  );
}
