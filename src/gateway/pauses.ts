// The gateway's ticks, and pauses of the whole process, as they show them: after one, what clients said in time is there but unread.
// So the gateway leaves out one tick, and deadlines are judged one turn later.

import type { SpokenDialect } from "./contexts.ts";

/** Heartbeats and deadlines are looked at this often, or more often where a dialect's are short. */
const usualTickMs = 250;
const shortestTickMs = 10;

/** How often to tick. Short heartbeats (tests, some conformance suites) want a finer clock. */
export function tickMs(dialects: readonly SpokenDialect[]): number {
  const delays = dialects.map(({ browser }) => browser?.shortestDelayMs ?? Number.POSITIVE_INFINITY);
  return Math.max(shortestTickMs, Math.min(usualTickMs, ...delays.map((delay) => delay / 10)));
}

/** Ticks come several times a second: later than this, something held up the whole process. */
const lateMs = 1_000;

export class Pauses {
  #lastTick: number;
  #wasLate = false;

  /** @param startedAt monotonic clock, ms. */
  constructor(startedAt: number) {
    this.#lastTick = startedAt;
  }

  /** A tick came. @returns true when deadlines may be judged with it. */
  ticked(now: number): boolean {
    this.#wasLate = now - this.#lastTick > lateMs && !this.#wasLate;
    this.#lastTick = now;
    return !this.#wasLate;
  }

  /** May deadlines be judged between two ticks? */
  mayJudge(now: number): boolean {
    return !this.#wasLate && now - this.#lastTick <= lateMs;
  }
}
