// What waits for one websocket that fell behind: shared frames in their order, and how much memory they keep alive.
// websocket.ts fills it in place of the native topics and empties it as the client reads.

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

  /** Memory that the waiting frames keep alive: characters or bytes, and a little for each frame. */
  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#next === this.#frames.length;
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
    this.#bytes -= frame.length + frameOverhead;
    if (this.isEmpty) this.#frames = [];
    else if (this.#next >= releaseEvery) this.#frames.splice(0, this.#next);
    else return frame;
    this.#next = 0;
    return frame;
  }

  clear(): void {
    this.#frames = [];
    this.#next = 0;
    this.#bytes = 0;
  }
}
