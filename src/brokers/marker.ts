// The token of a marker: a canary (core/bus.ts) with a number. The line of a bus is all messages of its lasting subscriptions,
// in the one order in which the server sends them to every gateway that has the same subscriptions; the token names the
// line on which it counts.

import { randomId } from "../base/random-id.ts";

/** Who sent a marker, on which line, and its number there. */
export interface Marker {
  /** One subscription of one gateway, unguessable. */
  readonly source: string;
  /** The server and the set of subscriptions that make the line, as a digest. */
  readonly line: string;
  readonly number: number;
}

const form = /^([0-9a-f]{24})([0-9a-f]{8})(0|[1-9]\d{0,14})$/;

/** A new name for a source of markers. */
export function createSource(): string {
  return randomId(24);
}

/** The token of a canary: letters and digits, at most 47. */
export function formatMarker({ source, line, number }: Marker): string {
  return `${source}${line}${number}`;
}

/** @returns undefined when it is the canary of something else. */
export function readMarker(token: string): Marker | undefined {
  const [, source, line, digits] = form.exec(token) ?? [];
  if (source === undefined || line === undefined) return undefined;
  return { source, line, number: Number(digits) };
}

/**
 * Told of everything that the bus carries on its line: the messages of all subscriptions with a canary, in the one order that
 * every gateway with the same ones sees. Plain calls, at once: `step` for each message of the server before it is handed on,
 * `mark` when it is a marker, `cut` when messages may have been lost, or others will be on the line from now on.
 * After a cut nothing is told until the line is whole again.
 */
export interface LineObserver {
  step(): void;
  mark(token: string): void;
  cut(): void;
}
