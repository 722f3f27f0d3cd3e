// Frames that wait in their order, and how much memory they keep alive: those that a client reads later (backlog.ts),
// and those that it said faster than its turn came (base/turns.ts).

import type { Frame } from "../core/carrier.ts";
import { frameCost } from "../codec/frame-size.ts";

/** Frames that left are let go in steps of this many, so that a step is cheap and nothing is kept long. */
const releaseEvery = 256;

export class FrameQueue {
  #frames: Frame[] = [];
  /** Index of the next frame. */
  #next = 0;
  #bytes = 0;

  /** Memory that the waiting frames keep alive. */
  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#next === this.#frames.length;
  }

  push(frame: Frame): void {
    this.#frames.push(frame);
    this.#bytes += frameCost(frame);
  }

  /** Takes the oldest frame out; undefined when it is empty. */
  shift(): Frame | undefined {
    const frame = this.#frames[this.#next];
    if (frame === undefined) return undefined;
    this.#next++;
    this.#bytes -= frameCost(frame);
    if (this.isEmpty) this.#frames = [];
    else if (this.#next >= releaseEvery) this.#frames.splice(0, this.#next);
    else return frame;
    this.#next = 0;
    return frame;
  }
}
