// Frames that wait for the next poll of a client, and the poll that waits for frames. A held poll is answered
// with all that is queued by the end of the current turn (EIO-06).

import type { Frame } from "../../core/transport.ts";

export class PollQueue {
  readonly #maxPackets: number;
  #frames: Frame[] = [];
  #bytes = 0;
  #answer: ((frames: readonly Frame[]) => void) | undefined;
  #isFlushing = false;

  /** @param maxPackets per answer: 16 for the Python client, which gives up on more (EIO-06). */
  constructor(maxPackets: number) {
    this.#maxPackets = maxPackets;
  }

  /** What waits, in characters or bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Is a poll held now? */
  get isHeld(): boolean {
    return this.#answer !== undefined;
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
      if (this.#answer && this.#frames.length > 0) this.release(this.#take());
    });
  }

  /** One poll: what is queued, or a promise of it. There must be no held poll. */
  poll(): readonly Frame[] | Promise<readonly Frame[]> {
    if (this.#frames.length > 0) return this.#take();
    return new Promise((resolve) => {
      this.#answer = resolve;
    });
  }

  /** Answers the held poll, if there is one, with exactly these frames. */
  release(frames: readonly Frame[]): void {
    this.#answer?.(frames);
    this.#answer = undefined;
  }

  /** Everything that is queued, for the transport that takes over. */
  takeAll(): readonly Frame[] {
    const frames = this.#frames;
    this.#frames = [];
    this.#bytes = 0;
    return frames;
  }

  #take(): readonly Frame[] {
    const all = this.takeAll();
    if (all.length <= this.#maxPackets) return all;
    this.#frames = all.slice(this.#maxPackets);
    this.#bytes = this.#frames.reduce((sum, frame) => sum + frame.length, 0);
    return all.slice(0, this.#maxPackets);
  }
}
