// The time that one websocket is behind: the shared frames that wait for it in their order, how much memory they keep
// alive, and what the client read meanwhile. websocket.ts fills it in place of the topics and empties it.

import type { Frame } from "../core/carrier.ts";
import { frameBytes, frameCost } from "../codec/frame-size.ts";
import { FrameQueue } from "./frame-queue.ts";

export class Backlog {
  readonly #queue = new FrameQueue();
  /** What it took over and did not give away yet: it comes first. */
  #inheritedBytes = 0;
  /** What went to the engine since the client fell behind, and what was there before. */
  #written: number;
  #readBytes = 0;
  #readAt: number;

  /** @param unread bytes that wait in the engine, before all of this. @param now monotonic clock, ms. */
  constructor(unread: number, now: number) {
    this.#written = unread;
    this.#readAt = now;
  }

  /** Memory that the waiting frames keep alive. */
  get bytes(): number {
    return this.#queue.bytes;
  }

  /** The part of it that came since it was there. */
  get ownBytes(): number {
    return this.#queue.bytes - this.#inheritedBytes;
  }

  get isEmpty(): boolean {
    return this.#queue.isEmpty;
  }

  /** What the client read since it fell behind. */
  get readBytes(): number {
    return this.#readBytes;
  }

  /** When it last read, or fell behind: monotonic clock, ms. */
  get readAt(): number {
    return this.#readAt;
  }

  push(frame: Frame): void {
    this.#queue.push(frame);
  }

  /** A frame that waited elsewhere before. */
  inherit(frame: Frame): void {
    this.#queue.push(frame);
    this.#inheritedBytes += frameCost(frame);
  }

  /** Takes the oldest frame out, to be written; undefined when it is empty. */
  shift(): Frame | undefined {
    const frame = this.#queue.shift();
    if (frame === undefined) return undefined;
    this.#written += frameBytes(frame);
    this.#inheritedBytes = Math.max(0, this.#inheritedBytes - frameCost(frame));
    return frame;
  }

  /** Takes down what the client read, by what the engine has left. */
  note(unread: number, now: number): void {
    const readBytes = this.#written - unread;
    if (readBytes > this.#readBytes) this.#readAt = now;
    this.#readBytes = readBytes;
  }
}
