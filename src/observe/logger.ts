// Log lines: one JSON object per event with `level`, `time` (ISO) and a stable `event`, or the same as a sentence on a
// terminal (sentences.ts). Pino writes them; it runs in this thread (its worker transports do not survive a single-file
// executable) and sees only what the Redactor let through.

import pino from "pino";
import { GatewayError } from "../vocabulary/errors.ts";
import type { LogLevel } from "../vocabulary/log-events.ts";
import type { LogFields } from "../core/observe.ts";
import type { Destination, Output } from "./output.ts";
import type { Redactor } from "./redact.ts";
import { sentenceLine } from "./sentences.ts";
import type { LogRecord } from "./sentences.ts";

/** `auto`: sentences (`pretty`) when standard output is a terminal, JSON otherwise. */
export type LogFormat = "auto" | "json" | "pretty";

export interface LoggerParts {
  readonly level: LogLevel;
  readonly format: LogFormat;
  readonly redactor: Redactor;
  readonly output: Output;
}

/** What pino writes. */
type PlainRecord = Omit<LogRecord, "fields"> & LogFields;

const eventName = /^[\w.:-]{1,64}$/;
const maxFrames = 6;

export class Logger {
  readonly #pino: pino.Logger;
  readonly #redactor: Redactor;

  constructor(parts: LoggerParts) {
    this.#redactor = parts.redactor;
    this.#pino = pino(
      {
        base: null,
        level: parts.level,
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (level) => ({ level }) },
      },
      isPretty(parts) ? prettyDestination(parts.output) : parts.output,
    );
  }

  log(level: LogLevel, event: string, fields: LogFields = {}): void {
    if (!this.#pino.isLevelEnabled(level)) return;
    this.#pino[level]({ event: eventName.test(event) ? event : "unnamed", ...this.#redactor.fields(fields) });
  }

  /** An error in background work. A GatewayError was foreseen, so it is a warning without a stack. */
  logError(stage: string, error: unknown): void {
    if (error instanceof GatewayError) {
      this.log("warn", "stage_failed", { stage, code: error.code, error: error.message });
    } else {
      this.log("error", "stage_failed", { stage, ...describe(error) });
    }
  }
}

function describe(error: unknown): LogFields {
  if (!(error instanceof Error))
    return { error: typeof error === "string" ? error : `a thrown ${typeof error}` };
  const cause = error.cause instanceof Error ? error.cause.message : undefined;
  return { error: `${error.name}: ${error.message}`, cause, at: frames(error.stack ?? "") };
}

/** The innermost frames in one line, without the message that stands before them. */
function frames(stack: string): string {
  const lines = stack.split("\n").map((line) => line.trim());
  return lines
    .filter((line) => line.startsWith("at "))
    .slice(0, maxFrames)
    .join(" ");
}

function isPretty({ format, output }: LoggerParts): boolean {
  return format === "pretty" || (format === "auto" && output.isTerminal);
}

function prettyDestination(output: Output): Destination {
  const isColoured = output.isTerminal && process.env["NO_COLOR"] === undefined;
  return {
    write(line) {
      const { level, time, event, ...fields } = JSON.parse(line) as PlainRecord;
      output.write(sentenceLine({ level, time, event, fields }, isColoured));
    },
  };
}
