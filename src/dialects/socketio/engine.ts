// What all sessions of one gateway's socketio dialect share: its options in milliseconds, the formats, and the ports
// they use; and what the Socket.IO layer knows of the session below it. Made once by browser.ts, passed down, never global.

import type { Carrier, Frame } from "../../core/carrier.ts";
import type { DisconnectReason } from "../../core/disconnect.ts";
import type { Rate } from "../../core/rate-limit.ts";
import { packetRate } from "../../core/rate-limit.ts";
import type { Format } from "../../core/membership.ts";
import type { BrowserContext } from "../../core/dialect.ts";
import { Pauses } from "../../core/pauses.ts";
import type { Generation } from "./format.ts";
import { createFormats } from "./format.ts";
import type { SocketIoOptions } from "./options.ts";

/** An Engine.IO session, as the Socket.IO layer above it sees it. */
export interface LowerSession extends Carrier {
  readonly sid: string;
  readonly version: 3 | 4;
  readonly generation: Generation;
  /** The client's address, for limits. */
  readonly address: string;
  /** Sends what answers the client itself. */
  answer(frame: Frame): void;
  close(reason: DisconnectReason): void;
}

/** The websocket that is about to take over a session (upgrade.ts). */
export interface PendingUpgrade {
  /** `3probe` went out and `5` is due. */
  readonly isAnswered: boolean;
  tick(now: number): void;
  cancel(): void;
}

export interface Engine {
  readonly context: BrowserContext;
  readonly options: SocketIoOptions;
  readonly pingIntervalMs: number;
  readonly pingTimeoutMs: number;
  /** What one client may send (SEC-06). */
  readonly packetRate: Rate;
  readonly formats: Readonly<Record<Generation, Format>>;
  readonly pauses: Pauses;
  /** What waits for the next polls of sessions that are over. */
  readonly lastWords: { bytes: number };
}

export function createEngine(context: BrowserContext, options: SocketIoOptions): Engine {
  return {
    context,
    options,
    pingIntervalMs: Math.round(options.pingInterval * 1000),
    pingTimeoutMs: Math.round(options.pingTimeout * 1000),
    packetRate: packetRate(context.limits),
    formats: createFormats(),
    pauses: new Pauses(context.now()),
    lastWords: { bytes: 0 },
  };
}
