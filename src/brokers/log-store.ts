// What all stores of logs share (log.ts): positions as text, tags of entries, and how long things live.

import { randomId } from "../base/random-id.ts";
import type { LogPosition } from "./log.ts";
import type { HistoryRule } from "../vocabulary/room-rules.ts";

/** Of the place before the first entry. */
export const emptyTag = "0";

/** Of a new entry. */
export function createTag(): string {
  return randomId(8);
}

/** `<epoch>:<offset>.<tag>`, as clients see it. */
export function formatPosition({ epoch, offset, tag }: LogPosition): string {
  return `${epoch}:${offset}.${tag}`;
}

/** @returns undefined when it is no position of a log. */
export function readPosition(position: string): LogPosition | undefined {
  const [, epoch, digits, tag] =
    /^([A-Za-z0-9]{1,64}):(0|[1-9]\d{0,15})\.([A-Za-z0-9]{1,16})$/.exec(position) ?? [];
  const offset = Number(digits);
  if (epoch === undefined || tag === undefined || !Number.isSafeInteger(offset)) return undefined;
  return { epoch, offset, tag };
}

/**
 * Random hexadecimal digits in an epoch: 48 bits, beside the 32 of a tag. It need differ from other lives of one log alone, and
 * every event of a stream repeats those of all its rooms.
 */
export const epochLength = 12;

/** What the keys of all logs begin with: no name of a dialect may (RTE-08). */
export const logKeyPrefix = "belfry-log:";

/** How long the keys of publishers are remembered, seconds. */
export const keySeconds = 300;

/**
 * How long the epoch of a log outlives its entries, seconds: a client of a quiet room that comes back within this time learns
 * that it missed nothing. Shorter where nothing was ever published.
 */
export function epochSeconds({ seconds }: HistoryRule, isEmpty: boolean): number {
  return isEmpty ? Math.max(seconds, 3_600) : seconds + 7 * 86_400;
}

/** The body with its position in front, as it is heard. */
export function withPosition(body: string, place: LogPosition): string {
  return `{"at":"${formatPosition(place)}",${body.slice(1)}`;
}
