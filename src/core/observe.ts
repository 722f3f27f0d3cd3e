// The port to logs and metrics. Parts say what happened in these few words; observe/ turns them into Prometheus
// counters and log lines. No secret and no payload ever passes here, and names of rooms only where it is said.

import type { LogEventAt, LogLevel } from "../vocabulary/log-events.ts";
import type {
  DisconnectReason,
  RefusalReason,
  ReturnOutcome,
  SkipReason,
  WebhookOutcome,
} from "../vocabulary/reasons.ts";

export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** A warning that anyone can cause, with what to do about it. */
export interface Hint {
  /** It is said once a minute for each: a dialect, a room-space. @default "" */
  readonly about?: string;
  /** The `text` among them is a sentence. */
  readonly fields: LogFields;
  /** Names of rooms and the like: written with `log.names` alone. */
  readonly names?: LogFields;
}

export interface Observe {
  /** A client connected, spoken to by `dialect` over `transport`. */
  connected(dialect: string, transport: string): void;
  /** It changed its transport: polling became a websocket (EIO-13). */
  upgraded(dialect: string, from: string, to: string): void;
  /** It ended, on the transport that it had last. */
  disconnected(dialect: string, transport: string, reason: DisconnectReason): void;
  /** A message of a backend came in and was understood. */
  received(dialect: string, bytes: number): void;
  /** A publication left for `receivers` clients, `bytes` each. */
  delivered(dialect: string, receivers: number, bytes: number): void;
  /** A message of a backend was understood, and no client of this gateway heard it. */
  unheard(dialect: string): void;
  /** A message of a backend went to a room with a log and is not in it. */
  unlogged(dialect: string): void;
  /** A payload of the bus was skipped as junk. @param detail what of it, by a name that may be logged */
  skipped(dialect: string, reason: SkipReason, detail?: string): void;
  /** A handshake, join, publish or HTTP request was refused. */
  refused(dialect: string, reason: RefusalReason): void;
  /** A client came back and showed the session that it had. */
  returned(dialect: string, outcome: ReturnOutcome): void;
  /** A webhook was asked to take events. */
  webhookAsked(outcome: WebhookOutcome): void;
  /** So many events are done with: a webhook took them, or they are given up for this reason. */
  webhookTold(outcome: WebhookOutcome, events: number): void;
  /** One stable event name plus fields. */
  log<Level extends LogLevel>(level: Level, event: LogEventAt<Level>, fields?: LogFields): void;
  /** A warning with a remedy: said at most once a minute. @returns whether it is said now. */
  hint(event: LogEventAt<"warn">, hint: Hint): boolean;
  /** A line that names rooms, for development; undefined without `log.names`. */
  readonly named?: ((event: LogEventAt<"info">, fields: LogFields) => void) | undefined;
  /** The one place where an ignored promise's error goes: which stage failed, and how. */
  report(stage: string, error: unknown): void;
}

/** For tests and for parts that run without a gateway. */
export const silent: Observe = {
  connected() {},
  upgraded() {},
  disconnected() {},
  received() {},
  delivered() {},
  unheard() {},
  unlogged() {},
  skipped() {},
  refused() {},
  returned() {},
  webhookAsked() {},
  webhookTold() {},
  log() {},
  hint: () => false,
  report() {},
};
