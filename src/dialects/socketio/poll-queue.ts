// Frames that wait for the next poll of a client, and the poll that waits for frames. A held poll is answered
// with all that is queued by the end of the current turn (EIO-06).

import type { Frame } from "../../core/carrier.ts";

export interface PollQueueParts {
  /** Packets per answer: 16 for the Python client, which gives up on more (EIO-06). */
  readonly maxPackets: number;
  /** Monotonic clock, ms. */
  now(): number;
}

export class PollQueue {
  readonly #parts: PollQueueParts;
  #frames: Frame[] = [];
  #bytes = 0;
  /** The last one of all. */
  #farewell: Frame | undefined;
  #answer: ((frames: readonly Frame[]) => void) | undefined;
  #isFlushing = false;
  /** When the client was last seen to read: it polled, or its held poll was answered. */
  #readAt: number;

  constructor(parts: PollQueueParts) {
    this.#parts = parts;
    this.#readAt = parts.now();
  }

  /** What waits, in characters or bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Nothing waits, and nothing will come. */
  get isSpent(): boolean {
    return this.#frames.length === 0 && this.#farewell === undefined;
  }

  /** Is a poll held now? */
  get isHeld(): boolean {
    return this.#answer !== undefined;
  }

  /** Since when the client has not read, ms. */
  get idleMs(): number {
    return this.isHeld ? 0 : this.#parts.now() - this.#readAt;
  }

  push(frames: readonly Frame[]): void {
    for (const frame of frames) {
      this.#frames.push(frame);
      this.#bytes += frame.length;
    }
    if (!this.#answer || this.#isFlushing) return;
    this.#isFlushing = true;
    queueMicrotask(() => {
      this.#isFlushing = false;
      this.flush();
    });
  }

  /** One poll: what is queued, or a promise of it. There must be no held poll. */
  poll(): readonly Frame[] | Promise<readonly Frame[]> {
    this.#readAt = this.#parts.now();
    if (this.#frames.length > 0) return this.#take();
    if (this.#farewell !== undefined) return this.#takeFarewell(this.#farewell);
    return new Promise((resolve) => {
      this.#answer = resolve;
    });
  }

  /** Answers the held poll, if there is one, with what is queued, if anything is. */
  flush(): void {
    if (this.#answer && this.#frames.length > 0) this.release(this.#take());
  }

  /** Answers the held poll, if there is one, with exactly these frames. */
  release(frames: readonly Frame[]): void {
    if (!this.#answer) return;
    this.#readAt = this.#parts.now();
    this.#answer(frames);
    this.#answer = undefined;
  }

  /**
   * Nothing comes any more: behind what waits this frame goes out, alone. Official clients act at once on the end that
   * they find in a payload, and never hear what stands before it.
   */
  end(frame: Frame): void {
    this.#farewell = frame;
    this.flush();
    if (this.#answer) this.release(this.#takeFarewell(frame));
  }

  /** Everything that is queued, for the transport that takes over. */
  takeAll(): readonly Frame[] {
    const frames = this.#frames;
    this.#frames = [];
    this.#bytes = 0;
    return frames;
  }

  #takeFarewell(frame: Frame): readonly Frame[] {
    this.#farewell = undefined;
    return [frame];
  }

  #take(): readonly Frame[] {
    if (this.#frames.length <= this.#parts.maxPackets) return this.takeAll();
    const frames = this.#frames.splice(0, this.#parts.maxPackets);
    for (const frame of frames) this.#bytes -= frame.length;
    return frames;
  }
}
