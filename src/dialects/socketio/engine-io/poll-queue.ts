// Frames that wait for the next poll of a client, the poll that waits for frames, and the answer that is on its way. A held
// poll is answered with all that is queued by the end of the current turn (EIO-06), a mebibyte at a time. An answer counts
// as waiting until it was sent, and the next one waits for that: a client that does not read has one answer, not many.

import type { Frame } from "../../../core/carrier.ts";
import type { SocketIoContext } from "../context.ts";
import { frameCost, framesCost } from "../../../codec/frame-size.ts";

/** A client with a full queue that has not polled for this long is slow, not busy with its last answer. */
const pollStallMs = 1_000;

/** An answer takes no further frame beyond this: it is put together for one client alone, the frames are shared. */
const maxAnswerBytes = 1024 * 1024;

export interface PollQueueParts {
  /** Packets per answer: 16 for the Python client, which gives up on more (EIO-06). */
  readonly maxPackets: number;
  readonly context: Pick<SocketIoContext, "now" | "limits">;
}

export class PollQueue {
  readonly #parts: PollQueueParts;
  #frames: Frame[] = [];
  /** What the frames cost. */
  #bytes = 0;
  /** The last frame, sent behind all others and alone. */
  #farewell: Frame | undefined;
  #answer: ((frames: readonly Frame[] | undefined) => void) | undefined;
  #isFlushing = false;
  /** The answer that was taken and is not sent yet, and what it costs. */
  #sending: { readonly frames: readonly Frame[]; readonly bytes: number } | undefined;
  /** When the client was last seen to read: it polled, or took some of an answer. */
  #readAt: number;

  constructor(parts: PollQueueParts) {
    this.#parts = parts;
    this.#readAt = parts.context.now();
  }

  /** Memory for what waits and for what is on its way. */
  get bytes(): number {
    return this.#bytes + (this.#sending?.bytes ?? 0);
  }

  /** Is nothing left to be sent, the last frame included? */
  get isSpent(): boolean {
    return this.#frames.length === 0 && this.#farewell === undefined;
  }

  /** Is a poll held? */
  get isHeld(): boolean {
    return this.#answer !== undefined;
  }

  /** Would a frame go out at once? */
  get isReady(): boolean {
    return this.isHeld && !this.#sending;
  }

  /** How long the client has not read, ms. */
  get idleMs(): number {
    return this.isReady ? 0 : this.#parts.context.now() - this.#readAt;
  }

  /**
   * Is there no room for more? A client that polls may have as much waiting as a websocket that reads.
   * @param isExcused it has a reason not to poll now.
   */
  isSlow(isExcused: boolean): boolean {
    const { sendQueueBytes, sendQueueMaxBytes } = this.#parts.context.limits;
    if (this.bytes <= sendQueueBytes) return false;
    return (this.idleMs > pollStallMs && !isExcused) || this.bytes > sendQueueMaxBytes;
  }

  push(frames: readonly Frame[]): void {
    for (const frame of frames) {
      this.#frames.push(frame);
      this.#bytes += frameCost(frame);
    }
    if (!this.#answer || this.#isFlushing) return;
    this.#isFlushing = true;
    queueMicrotask(() => {
      this.#isFlushing = false;
      this.flush();
    });
  }

  /**
   * One poll: what is queued, or a promise of it; undefined when the poll is refused after all. There must be no held poll.
   * The sender of the answer reports by `progressed` and `sent`.
   */
  poll(): readonly Frame[] | Promise<readonly Frame[] | undefined> {
    this.#readAt = this.#parts.context.now();
    if (!this.#sending) {
      if (this.#frames.length > 0) return this.#take();
      if (this.#farewell !== undefined) return this.#takeFarewell(this.#farewell);
    }
    return new Promise((resolve) => {
      this.#answer = resolve;
    });
  }

  /** The client took some of the answer. */
  progressed(): void {
    this.#readAt = this.#parts.context.now();
  }

  /** Is this answer on its way? */
  isSending(frames: readonly Frame[]): boolean {
    return this.#sending?.frames === frames;
  }

  /** An answer of `poll` was sent. */
  sent(frames: readonly Frame[]): void {
    if (!this.isSending(frames)) return;
    this.#sending = undefined;
    this.progressed();
    this.flush();
  }

  /** Answers the held poll, if there is one, with what is queued, if anything is. */
  flush(): void {
    if (!this.#answer || this.#sending) return;
    if (this.#frames.length > 0) this.release(this.#take());
    else if (this.#farewell !== undefined) this.release(this.#takeFarewell(this.#farewell));
  }

  /** Answers the held poll, if there is one, with exactly these frames; undefined refuses it. */
  release(frames: readonly Frame[] | undefined): void {
    if (!this.#answer) return;
    this.progressed();
    this.#answer(frames);
    this.#answer = undefined;
  }

  /**
   * Nothing more will be pushed: this frame goes out behind what waits, in an answer of its own. Official clients act at once
   * on an end that they find in a payload, and drop what stands before it.
   */
  end(frame: Frame): void {
    this.#farewell = frame;
    this.flush();
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
    const before = this.#bytes;
    const frames = this.#isOneAnswer() ? this.takeAll() : this.#frames.splice(0, this.#answerLength());
    if (this.#bytes > 0) this.#bytes -= framesCost(frames);
    this.#sending = { frames, bytes: before - this.#bytes };
    return frames;
  }

  #isOneAnswer(): boolean {
    return this.#frames.length <= this.#parts.maxPackets && this.#bytes <= maxAnswerBytes;
  }

  /** How many frames the next answer takes: one at least, whatever its size. */
  #answerLength(): number {
    let bytes = 0;
    let length = 0;
    for (const frame of this.#frames) {
      if (length >= this.#parts.maxPackets || bytes > maxAnswerBytes) break;
      bytes += frameCost(frame);
      length++;
    }
    return length;
  }
}
