// Pauses of the whole process, as the gateway's ticks show them: after one, what clients said in time is there but unread.
// So the gateway leaves out one tick, and deadlines are judged one turn later.

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
