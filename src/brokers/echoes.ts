// Publications that are on their way back to their own gateway, and the promises of their receipts. One timer for all of
// them: most are back long before it ends.

/** How long a receipt may wait, ms. */
const echoMs = 2_000;

interface Awaited {
  readonly resolve: (delivered: number | undefined) => void;
  readonly until: number;
}

export class Echoes {
  readonly #now: () => number;
  /** By the id of the publication; those that came first are first. Bounded by time, and by what a bus takes. */
  readonly #awaited = new Map<string, Awaited>();
  #timer: NodeJS.Timeout | undefined;

  /** @param now monotonic clock, ms. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Waits for one. @returns to how many clients of this gateway it went; undefined when it did not come back in time. */
  wait(id: string): Promise<number | undefined> {
    const { promise, resolve } = Promise.withResolvers<number | undefined>();
    this.#awaited.set(id, { resolve, until: this.#now() + echoMs });
    if (!this.#timer) this.#lookAfter(echoMs);
    return promise;
  }

  /** It is back, or will not come. */
  settle(id: string, delivered: number | undefined): void {
    const awaited = this.#awaited.get(id);
    if (!awaited) return;
    this.#awaited.delete(id);
    awaited.resolve(delivered);
  }

  #lookAfter(ms: number): void {
    // It keeps no process alive.
    this.#timer = setTimeout(this.#look, ms).unref();
  }

  readonly #look = (): void => {
    this.#timer = undefined;
    const now = this.#now();
    for (const [id, { until }] of this.#awaited) {
      if (until > now) {
        this.#lookAfter(until - now);
        return;
      }
      this.settle(id, undefined);
    }
  };
}
