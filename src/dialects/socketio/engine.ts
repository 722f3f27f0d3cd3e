// What all sessions of one gateway's socketio dialect share: its options in milliseconds, the formats, the table
// of sessions, and the ports they use. Made once by browser.ts, passed down, never global.

import type { Rate } from "../../core/rate-limit.ts";
import { packetRate } from "../../core/rate-limit.ts";
import type { Format } from "../../core/membership.ts";
import type { BrowserContext } from "../../core/dialect.ts";
import { Pauses } from "../../core/pauses.ts";
import type { Generation } from "./format.ts";
import { createFormats } from "./format.ts";
import type { SocketIoOptions } from "./options.ts";
import type { Session } from "./session.ts";

export interface Engine {
  readonly context: BrowserContext;
  readonly options: SocketIoOptions;
  readonly pingIntervalMs: number;
  readonly pingTimeoutMs: number;
  /** What one client may send (SEC-06). */
  readonly packetRate: Rate;
  readonly formats: Readonly<Record<Generation, Format>>;
  /** Live sessions by Engine.IO sid. */
  readonly sessions: Map<string, Session>;
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
    sessions: new Map(),
    pauses: new Pauses(context.now()),
    lastWords: { bytes: 0 },
  };
}
