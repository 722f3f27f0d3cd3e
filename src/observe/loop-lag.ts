// How late the event loop runs, over the last minute: a gateway that is late delivers late. An own timer, since
// Bun's `monitorEventLoopDelay` (1.4.5) is one histogram per process: a reset or stop by one gateway would blind
// another. A sliding window, so that frequent scrapes take nothing away from rare ones.

export interface Lag {
  /** Seconds by which half of the turns, and 99 of 100, were late at most; and the latest one. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

const intervalMs = 200;
const windowMs = 60_000;

export class LoopLag {
  readonly #now: () => number;
  readonly #samples = new Float64Array(windowMs / intervalMs);
  #count = 0;
  #last: number;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** @param now monotonic clock, ms. */
  constructor(now: () => number) {
    this.#now = now;
    this.#last = now();
  }

  start(): void {
    this.#last = this.#now();
    this.#timer = setInterval(() => {
      this.tick();
    }, intervalMs);
    // It watches the process and must not keep it alive.
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Called every 200 ms, as far as the loop manages. */
  tick(): void {
    const now = this.#now();
    this.#samples[this.#count % this.#samples.length] = Math.max(0, now - this.#last - intervalMs);
    this.#last = now;
    this.#count++;
  }

  read(): Lag {
    const sorted = this.#samples.slice(0, Math.min(this.#count, this.#samples.length)).sort();
    const at = (quantile: number): number => (sorted[Math.ceil(sorted.length * quantile) - 1] ?? 0) / 1_000;
    return { p50: at(0.5), p99: at(0.99), max: at(1) };
  }
}
