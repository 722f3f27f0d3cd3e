// What a client of a raw dialect says, on its way to Redis.

import type { Frame } from "../../core/carrier.ts";
import type { BrowserContext } from "../dialect.ts";
import { GatewayError } from "../../vocabulary/errors.ts";

export interface ClientMessage {
  /** The dialect's name, for the metrics. */
  readonly dialect: string;
  readonly channel: string;
  readonly payload: Frame;
  /** The message is also set as a key for so long; 0: it is not (W4R-05). @default 0 */
  readonly keepSeconds?: number;
}

/** Publishes it. A message that Redis does not take at once is lost and counted; it is never sent late. */
export async function publishClientMessage(
  { voice, observe }: Pick<BrowserContext, "voice" | "observe">,
  { dialect, channel, payload, keepSeconds = 0 }: ClientMessage,
): Promise<void> {
  try {
    await voice.say(channel, payload, keepSeconds);
  } catch (error) {
    if (error instanceof GatewayError) observe.refused(dialect, error.code);
    else observe.report("client_message", error);
  }
}
