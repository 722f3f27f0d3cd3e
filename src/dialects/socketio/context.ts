// What the clients of one gateway's socketio dialect share: the ports of the gateway, the options, the formats. And what
// the Socket.IO layer (client.ts) knows of the Engine.IO session below it. Made once by browser.ts, passed down.

import type { Carrier, Frame } from "../../core/carrier.ts";
import type { BrowserContext } from "../dialect.ts";
import type { DisconnectReason } from "../../vocabulary/reasons.ts";
import type { Rate } from "../../base/rate-limit.ts";
import { packetRate } from "../../base/rate-limit.ts";
import type { Generation } from "./format.ts";
import { Formats } from "./format.ts";
import type { SocketIoOptions } from "./options.ts";
import { RoomPresence } from "./presence.ts";
import { Keeping } from "./recovery/keeping.ts";

/** An Engine.IO session, as the Socket.IO layer above it sees it. */
export interface SessionPort extends Carrier {
  readonly sid: string;
  readonly version: 3 | 4;
  readonly generation: Generation;
  readonly transport: "polling" | "websocket";
  /** What limits count the client by. */
  readonly address: string;
  /** Sends what answers the client itself. */
  answer(frame: Frame): void;
  close(reason: DisconnectReason): void;
}

/** The websocket that is about to take over a session (engine-io/upgrade.ts). */
export interface PendingUpgrade {
  /** `3probe` went out and `5` is due. */
  readonly isAnswered: boolean;
  tick(now: number): void;
  cancel(): void;
}

export interface SocketIoContext extends BrowserContext {
  readonly options: SocketIoOptions;
  readonly pingIntervalMs: number;
  readonly pingTimeoutMs: number;
  /** What one client may send (SEC-06). */
  readonly packetRate: Rate;
  readonly formats: Formats;
  /** Who is in a room, for pages that ask. */
  readonly roomPresence: RoomPresence;
  /** Clients come back to their sessions; undefined: they do not (`recovery`). */
  readonly keeping: Keeping | undefined;
  /** Sum over sessions that have ended of what waits for their next poll. */
  readonly lastWords: { bytes: number };
}

export function createSocketIoContext(context: BrowserContext, options: SocketIoOptions): SocketIoContext {
  return {
    ...context,
    options,
    pingIntervalMs: Math.round(options.pingInterval * 1000),
    pingTimeoutMs: Math.round(options.pingTimeout * 1000),
    packetRate: packetRate(context.limits),
    formats: new Formats(options),
    roomPresence: new RoomPresence(context),
    keeping: options.recovery ? new Keeping(context) : undefined,
    lastWords: { bytes: 0 },
  };
}
