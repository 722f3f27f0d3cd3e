// The Observe port made real: what the parts say becomes numbers for Prometheus and log lines. One per gateway,
// with a registry of its own. Labels are dialect, transport and reason; never a room, an address or an id.

import type { LogEventAt, LogLevel } from "../vocabulary/log-events.ts";
import type { Hint, LogFields, Observe } from "../core/observe.ts";
import { Counters } from "./counters.ts";
import { Exposition, plainMetric } from "./exposition.ts";
import type { Metric } from "./exposition.ts";
import { HintClock } from "./hints.ts";
import { Logger } from "./logger.ts";
import type { LogFormat } from "./logger.ts";
import { LoopLag } from "./loop-lag.ts";
import { processMetrics } from "./process-metrics.ts";
import { Redactor } from "./redact.ts";
import { openStandardOutput, toOutput } from "./output.ts";
import type { Destination, Output } from "./output.ts";

export interface ObserveOptions {
  /** Lines below this level are not written. */
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Write lines and fields that name rooms, for development. @default false */
  readonly names?: boolean;
  /** Takes the lines that name rooms, in the place of the log. */
  readonly onNamed?: Observe["named"] | undefined;
  /** Belfry's version, for `belfry_build_info`. */
  readonly version: string;
  /** Configured secrets (publish secret, Redis password, room-spaces'): no line shows them, wherever they turn up. */
  readonly secrets?: readonly string[];
  /** Monotonic clock, ms. @default performance.now */
  readonly now?: () => number;
  /** Where lines go. @default standard output, through a bounded queue */
  readonly destination?: Destination;
}

/** The port, and what the gateway itself needs of it. */
export interface Telemetry extends Observe {
  /** The metrics as Prometheus reads them (text format 0.0.4). */
  metrics(): string;
  /** Adds a number that is asked for at scrape time. Throws when the name is taken. */
  gauge(name: Metric["name"], help: string, read: () => number): void;
  /** Stops the timer; resolves when the log is written, or after a second. The last act of a gateway. */
  close(): Promise<void>;
}

/** Starts logs and metrics of one gateway. */
export function createObserve(options: ObserveOptions): Telemetry {
  return new GatewayTelemetry(options);
}

class GatewayTelemetry implements Telemetry {
  readonly #logger: Logger;
  readonly #counters = new Counters();
  readonly #hints = new HintClock();
  readonly named: Observe["named"];
  readonly #writesNames: boolean;
  readonly #lag = new LoopLag(() => performance.now());
  readonly #output: Output;
  readonly #now: () => number;
  readonly #exposition = new Exposition((error) => {
    this.report("metrics", error);
  });

  constructor(options: ObserveOptions) {
    this.#now = options.now ?? (() => performance.now());
    this.#output = options.destination ? toOutput(options.destination) : openStandardOutput();
    this.#logger = new Logger({
      level: options.level,
      format: options.format,
      redactor: new Redactor(options.secrets),
      output: this.#output,
    });
    const { version, names = false } = options;
    this.#writesNames = names;
    const write =
      options.onNamed ??
      (names
        ? (event: LogEventAt<"info">, fields: LogFields) => {
            this.#logger.log("info", event, fields);
          }
        : undefined);
    this.named =
      write &&
      ((event, fields) => {
        write(event, withoutSessions(fields));
      });
    const droppedLines = (): number => this.#output.dropped;
    for (const metric of this.#counters.metrics()) this.#exposition.add(metric);
    for (const metric of processMetrics({ version, lag: this.#lag, droppedLines }))
      this.#exposition.add(metric);
    this.#lag.start();
  }

  connected(dialect: string, transport: string): void {
    this.#counters.open.at(dialect, transport).count++;
    this.#counters.connected.at(dialect, transport).count++;
    this.#debug("connected", { dialect, transport });
  }

  upgraded(dialect: string, from: string, to: string): void {
    this.#counters.open.at(dialect, from).count--;
    this.#counters.open.at(dialect, to).count++;
    this.#counters.upgraded.at(dialect).count++;
    this.#debug("upgraded", { dialect, from, to });
  }

  disconnected(dialect: string, transport: string, reason: string): void {
    this.#counters.open.at(dialect, transport).count--;
    this.#counters.disconnected.at(dialect, reason).count++;
    if (reason === "slow") this.#counters.slow.at(dialect).count++;
    this.#debug("disconnected", { dialect, transport, reason });
  }

  received(dialect: string, bytes: number): void {
    const cell = this.#counters.received.at(dialect);
    cell.count++;
    cell.bytes += bytes;
  }

  delivered(dialect: string, receivers: number, bytes: number): void {
    const cell = this.#counters.delivered.at(dialect);
    cell.count += receivers;
    cell.bytes += receivers * bytes;
  }

  unheard(dialect: string): void {
    this.#counters.unheard.at(dialect).count++;
  }

  unlogged(dialect: string): void {
    this.#counters.unlogged.at(dialect).count++;
  }

  skipped(dialect: string, reason: string, detail?: string): void {
    this.#counters.skipped.at(dialect, reason).count++;
    // A backend's message is lost, so the log says why; once a minute, so that a flood of junk does not flood the log.
    const isDue = this.#hints.isDue("skipped", `${dialect} ${reason}`, this.#now());
    this.#logger.log(isDue ? "warn" : "debug", "skipped", { dialect, reason, detail });
  }

  refused(dialect: string, reason: string): void {
    this.#counters.refused.at(dialect, reason).count++;
    this.#debug("refused", { dialect, reason });
  }

  returned(dialect: string, outcome: string): void {
    this.#counters.returned.at(dialect, outcome).count++;
    this.#debug("returned", { dialect, outcome });
  }

  webhookAsked(outcome: string): void {
    this.#counters.webhookRequests.at(outcome).count++;
  }

  webhookTold(outcome: string, events: number): void {
    this.#counters.webhookEvents.at(outcome).count += events;
  }

  log(level: LogLevel, event: string, fields?: LogFields): void {
    this.#logger.log(level, event, fields);
  }

  hint(event: string, { about = "", fields, names }: Hint): boolean {
    if (!this.#hints.isDue(event, about, this.#now())) return false;
    const text = `${String(fields["text"])}${names && !this.#writesNames ? " (--log-names says which)" : ""}`;
    this.#logger.log("warn", event, {
      ...fields,
      text,
      ...(this.#writesNames && names && withoutSessions(names)),
    });
    return true;
  }

  report(stage: string, error: unknown): void {
    this.#counters.errors.at(stage).count++;
    this.#logger.logError(stage, error);
  }

  metrics(): string {
    return this.#exposition.text();
  }

  gauge(name: Metric["name"], help: string, read: () => number): void {
    this.#exposition.add(plainMetric(name, help, read));
  }

  async close(): Promise<void> {
    this.#lag.stop();
    await this.#output.close();
  }

  #debug(event: string, fields: LogFields): void {
    this.#logger.log("debug", event, fields);
  }
}

/** The key of a session opens what its visitor may: a room that is named by it is shown without. */
function withoutSessions(fields: LogFields): LogFields {
  const shown = Object.entries(fields).map(([name, value]) => [
    name,
    typeof value === "string" ? value.replace(/\bsession:[^:]+(?=::)/g, "session:…") : value,
  ]);
  return Object.fromEntries(shown);
}
