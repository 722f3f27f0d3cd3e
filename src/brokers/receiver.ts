// The last step of a bus before the dialects: between a raw message and a subscription's `onMessage`. Applies the
// size bound (SEC-06), keeps canaries to itself (PSQ-17), and stops errors of the handler from ending the listener.

import type { BusMessage, ChannelFilter } from "../core/bus.ts";
import type { BackplaneOptions } from "./driver.ts";

interface ReceiverOptions extends Pick<BackplaneOptions, "observe" | "limits"> {
  readonly filter: ChannelFilter;
  readonly onMessage: (message: BusMessage) => void;
  /** A canary of any gateway came by. */
  readonly onCanary?: (token: string) => void;
}

/** Takes each message of one subscription, in order. Never throws. */
export type Receiver = (message: BusMessage) => void;

/** Makes the receiver of one subscription. */
export function createReceiver(options: ReceiverOptions): Receiver {
  const { observe, onMessage, onCanary } = options;
  const { canary } = options.filter;
  const maxBytes = options.limits.busMessageBytes;
  return (message) => {
    const { meaning } = message;
    if ((meaning?.bytes ?? message.payload.length) > maxBytes) {
      observe.skipped("bus", "too_large");
      return;
    }
    try {
      // What has a meaning was said by this gateway, and is none.
      const token = meaning ? undefined : canary?.decode(message);
      if (token === undefined) onMessage(message);
      else onCanary?.(token);
    } catch (error) {
      observe.report("bus_message", error);
    }
  };
}
