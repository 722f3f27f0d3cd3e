// A bounded queue of log lines before a file descriptor. The reader of our output may stall or vanish, and the
// disk may be full; none of it may stop the gateway, grow its memory or keep it from ending. Measured on Bun 1.4.5:
// `process.stdout` hides what it has queued, so its memory cannot be bounded, and it calls back too early.

/** Writes some of the bytes; resolves to how many. */
export type WriteBytes = (bytes: Uint8Array) => Promise<number>;

/** Characters that may wait; lines past it are dropped and counted. */
const maxQueued = 1024 * 1024;
const maxBatch = 64 * 1024;
const busyDelayMs = 50;
/** A write that takes longer has no reader that is worth waiting for. */
const stalledMs = 100;

export class LineSink {
  readonly #write: WriteBytes;
  readonly #now: () => number;
  readonly #lines: string[] = [];
  #queued = 0;
  #dropped = 0;
  #isBusy = false;
  #writingSince: number | undefined;
  readonly #idle: (() => void)[] = [];

  /** @param now monotonic clock, ms. */
  constructor(write: WriteBytes, now = () => performance.now()) {
    this.#write = write;
    this.#now = now;
  }

  /** Lines that were lost: the queue was full, or the write failed. */
  get dropped(): number {
    return this.#dropped;
  }

  write(line: string): void {
    if (this.#queued + line.length > maxQueued) {
      this.#dropped++;
      return;
    }
    this.#lines.push(line);
    this.#queued += line.length;
    if (this.#isBusy) return;
    this.#isBusy = true;
    // Not at once: what one turn of the loop logs leaves in one write, and is still here if the process ends in it.
    setImmediate(() => {
      void this.#drain();
    });
  }

  /** Resolves when everything is written, or at the deadline. */
  async flush(deadlineMs: number): Promise<void> {
    if (!this.#isBusy) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, deadlineMs);
    this.#idle.push(resolve);
    await promise;
    clearTimeout(timer);
  }

  /** What the system is doing with the last write: nothing, a moment's work, or waiting for a reader. */
  get state(): "idle" | "writing" | "stalled" {
    if (this.#writingSince === undefined) return "idle";
    return this.#now() - this.#writingSince > stalledMs ? "stalled" : "writing";
  }

  /** Takes the lines that were not handed to the system yet: for the last write of a process that ends at once. */
  takeRest(): string {
    this.#queued = 0;
    return this.#lines.splice(0).join("");
  }

  async #drain(): Promise<void> {
    while (this.#lines.length > 0) {
      const batch = this.#nextBatch();
      if (!(await this.#writeAll(Buffer.from(batch.join(""))))) this.#dropped += batch.length;
      this.#writingSince = undefined;
    }
    this.#isBusy = false;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #nextBatch(): string[] {
    let length = 0;
    let count = 0;
    for (const line of this.#lines) {
      if (count > 0 && length + line.length > maxBatch) break;
      length += line.length;
      count++;
    }
    this.#queued -= length;
    return this.#lines.splice(0, count);
  }

  /** @returns false when the reader is gone or the disk is full. */
  async #writeAll(bytes: Uint8Array): Promise<boolean> {
    let rest = bytes;
    while (rest.length > 0) {
      this.#writingSince = this.#now();
      try {
        rest = rest.subarray(await this.#write(rest));
      } catch (error) {
        if (!isBusy(error)) return false;
        await new Promise((resolve) => setTimeout(resolve, busyDelayMs));
      }
    }
    return true;
  }
}

/** A terminal or pipe in non-blocking mode that is full. */
function isBusy(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "EAGAIN" || error.code === "EBUSY");
}
