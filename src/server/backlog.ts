// The time that one websocket is behind: the shared frames that wait for it in their order, how much memory they keep
// alive, and what the client read meanwhile. websocket.ts fills it in place of the native topics and empties it.

import type { Frame } from "../core/transport.ts";

/** What a frame keeps alive beside its bytes: its cell, and its place in the queue. */
const frameOverhead = 64;
/** Sent frames are let go in steps of this many, so that a step is cheap and nothing is kept long. */
const releaseEvery = 256;

export class Backlog {
  #frames: Frame[] = [];
  /** Index of the next frame. */
  #next = 0;
  #bytes = 0;
  /** What went to the engine since the client fell behind, and what was there before. */
  #written: number;
  #readBytes = 0;
  #readAt: number;

  /** @param unread bytes that wait in the engine, before all of this. @param now monotonic clock, ms. */
  constructor(unread: number, now: number) {
    this.#written = unread;
    this.#readAt = now;
  }

  /** Memory that the waiting frames keep alive: characters or bytes, and a little for each frame. */
  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#next === this.#frames.length;
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
    this.#frames.push(frame);
    this.#bytes += frame.length + frameOverhead;
  }

  /** Takes the oldest frame out; undefined when it is empty. */
  shift(): Frame | undefined {
    const frame = this.#frames[this.#next];
    if (frame === undefined) return undefined;
    this.#next++;
    this.#written += frame.length;
    this.#bytes -= frame.length + frameOverhead;
    if (this.isEmpty) this.#frames = [];
    else if (this.#next >= releaseEvery) this.#frames.splice(0, this.#next);
    else return frame;
    this.#next = 0;
    return frame;
  }

  /** Takes down what the client read, by what the engine has left. */
  note(unread: number, now: number): void {
    const readBytes = this.#written - unread;
    if (readBytes > this.#readBytes) this.#readAt = now;
    this.#readBytes = readBytes;
  }
}
