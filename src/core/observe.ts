// The port to logs and metrics. Parts say what happened in these few words; observe/ turns them into Prometheus
// counters and JSON log lines. No room name, secret or payload ever passes here.

export type LogLevel = "debug" | "info" | "warn" | "error";
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Observe {
  /** A client connected, spoken to by `dialect` over `transport`. */
  connected(dialect: string, transport: string): void;
  /** It changed its transport: polling became a websocket (EIO-13). */
  upgraded(dialect: string, from: string, to: string): void;
  /** It ended, by a reason of core/disconnect.ts, on the transport that it had last. */
  disconnected(dialect: string, transport: string, reason: string): void;
  /** A message of a backend came in and was understood. */
  received(dialect: string, bytes: number): void;
  /** A publication left for `receivers` clients, `bytes` each. */
  delivered(dialect: string, receivers: number, bytes: number): void;
  /** A payload of the bus was skipped as junk. @param detail what of it, by a name that may be logged */
  skipped(dialect: string, reason: string, detail?: string): void;
  /** A handshake, join, publish or HTTP request was refused. */
  refused(dialect: string, reason: string): void;
  /** One stable event name plus fields. */
  log(level: LogLevel, event: string, fields?: LogFields): void;
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
  skipped() {},
  refused() {},
  log() {},
  report() {},
};
