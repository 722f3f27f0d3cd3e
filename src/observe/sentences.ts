// What a log line says to a person: on a terminal each event is a sentence, with its name behind it to search the docs
// for. Machines read the same event as JSON (logger.ts).

import { logEvents } from "../vocabulary/log-events.ts";
import type { LogEvent, LogEventEntry, LogLevel } from "../vocabulary/log-events.ts";
import type { LogFields } from "../core/observe.ts";

/** One line of a log, as JSON had it. */
export interface LogRecord {
  readonly level: LogLevel;
  /** ISO 8601. */
  readonly time: string;
  readonly event: string;
  readonly fields: LogFields;
}

const colours: Readonly<Record<LogLevel, string>> = { debug: "2", info: "32", warn: "33", error: "31" };

/** @param isColoured for a terminal that takes colours. */
export function sentenceLine({ level, time, event, fields }: LogRecord, isColoured: boolean): string {
  const paint = (text: string, colour: string): string =>
    isColoured ? `\u001B[${colour}m${text}\u001B[0m` : text;
  const clock = paint(localTime(time), "2");
  return `${clock} ${paint(level.toUpperCase().padEnd(5), colours[level])} ${sentence(event, fields)} ${paint(`[${event}]`, "2")}\n`;
}

/** What an event says. */
export function sentence(event: string, fields: LogFields): string {
  const template = "text" in fields ? "{text}" : (entryOf(event)?.sentence ?? event.replaceAll("_", " "));
  const used = new Set<string>();
  const text = template.replace(/\{(\w+)\}/g, (_, name: string) => {
    used.add(name);
    return String(fields[name] ?? "?");
  });
  // What a text of its own says already is not said again.
  const isSaid = (value: unknown): boolean => "text" in fields && text.includes(String(value));
  const rest = Object.entries(fields).filter(([name, value]) => !used.has(name) && !isSaid(value));
  return rest.length === 0 ? text : `${text} (${rest.map(([name, value]) => `${name} ${value}`).join(", ")})`;
}

function entryOf(event: string): LogEventEntry | undefined {
  return Object.hasOwn(logEvents, event) ? logEvents[event as LogEvent] : undefined;
}

/** Local time: people compare it with their own clock. */
function localTime(iso: string): string {
  const time = new Date(iso);
  return Number.isNaN(time.getTime()) ? "--:--:--" : time.toTimeString().slice(0, 8);
}
