// Fair turns for work that comes all at once, as when thousands of clients come back together, or one client sends 65,000 small
// messages. A turn of the event loop does it for a few milliseconds; what is left goes round in the next ones, and requests,
// messages and timers come in between.

/** Something with work that waits. */
export interface Worker {
  /** Does a little of it. @returns true when more waits. */
  work(): boolean;
}

/** Work is done for so long in one turn of the event loop; then requests and others come. */
const turnMs = 5;

export class Turns {
  readonly #now: () => number;
  /** Who is next comes first; each is in here once. */
  #waiting: Worker[] = [];
  #turn: NodeJS.Immediate | undefined;
  #endsAt = 0;

  /** @param now monotonic clock, ms. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** May something be done at once, without waiting? Asking begins a turn, if there is none. */
  isOpen(): boolean {
    const now = this.#now();
    if (this.#turn) return now < this.#endsAt;
    this.#begin(now);
    return true;
  }

  /** It has work that waits from now on. `work` must not throw. */
  add(worker: Worker): void {
    this.#waiting.push(worker);
    if (!this.#turn) this.#begin(this.#now());
  }

  /** Does everything that waits, at the end. */
  finish(): void {
    clearImmediate(this.#turn);
    this.#turn = undefined;
    for (const worker of this.#waiting.splice(0)) while (worker.work());
  }

  #begin(now: number): void {
    this.#endsAt = now + turnMs;
    this.#turn = setImmediate(this.#work);
  }

  readonly #work = (): void => {
    this.#turn = undefined;
    if (this.#waiting.length === 0) return;
    this.#begin(this.#now());
    let next = 0;
    do {
      const worker = this.#waiting[next++];
      if (worker?.work() === true) this.#waiting.push(worker);
    } while (next < this.#waiting.length && this.#now() < this.#endsAt);
    this.#waiting.splice(0, next);
  };
}
