// What a log line says to a person: on a terminal each event is a sentence, with its name behind it to search the docs
// for. Machines read the same event as JSON (logger.ts).

import type { LogFields, LogLevel } from "../core/observe.ts";

/** By event; `{field}` is put in, what is not put in follows in brackets. An event with a `text` brings its own. */
const sentences: Readonly<Record<string, string>> = {
  listening: "Listening on {url} ({dialects}); messages come by {broker}",
  emulating: "Stands in for {profile}. Not reproduced, because unsafe: {not_reproduced}",
  stopping: "{signal}: readiness answers 503, and clients are closed over the drain time",
  stopped: "Everything is closed",
  bus_down: "Redis is lost: {reason}",
  bus_up: "Redis is back after {downMs} ms, and every subscription delivers again",
  message_too_large: "A client of {dialect} was closed: its message was over {maxMessageSize} bytes",
  emit_room_empty: "A POST /emit with an empty `room` went to everyone: usually an unset variable",
  ack_dropped: "An acknowledgement cannot be sent over the queue, and is dropped",
  stage_failed: "Failed in the background: {stage}: {error}",
  connected: "A client connected ({dialect}, {transport})",
  upgraded: "A client of {dialect} went from {from} to {to}",
  disconnected: "A client disconnected: {reason} ({dialect}, {transport})",
  refused: "Refused: {reason} ({dialect})",
  joined: "A client joined {room} ({dialect})",
  message: "{name} -> {rooms}, delivered to {heard}",
  skipped: "Skipped on the bus: {reason} ({dialect})",
};

/** One line of a log, as JSON had it. */
export interface LogRecord {
  readonly level: LogLevel;
  /** ISO 8601. */
  readonly time: string;
  readonly event: string;
  readonly fields: LogFields;
}

const colours: Readonly<Record<LogLevel, string>> = { debug: "2", info: "32", warn: "33", error: "31" };

/** Has the event a sentence of its own, without a `text`? */
export function hasSentence(event: string): boolean {
  return Object.hasOwn(sentences, event);
}

/** @param isColoured for a terminal that takes colours. */
export function sentenceLine({ level, time, event, fields }: LogRecord, isColoured: boolean): string {
  const paint = (text: string, colour: string): string =>
    isColoured ? `\u001B[${colour}m${text}\u001B[0m` : text;
  const clock = paint(localTime(time), "2");
  return `${clock} ${paint(level.toUpperCase().padEnd(5), colours[level])} ${sentence(event, fields)} ${paint(`[${event}]`, "2")}\n`;
}

/** What an event says. */
export function sentence(event: string, fields: LogFields): string {
  const template = "text" in fields ? "{text}" : (sentences[event] ?? event.replaceAll("_", " "));
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

/** Local time: people compare it with their own clock. */
function localTime(iso: string): string {
  const time = new Date(iso);
  return Number.isNaN(time.getTime()) ? "--:--:--" : time.toTimeString().slice(0, 8);
}
