// What a frame takes: on its way, and in memory while it waits. Every bound on waiting frames counts in these, because a
// peer can make frames small and many: an answer of 5 characters keeps some 200 bytes alive.

import type { Frame } from "../core/carrier.ts";

/** What a frame keeps alive beside its bytes: its cell, the parts that it was put together from, its place in the queue. */
const overheadBytes = 256;

/** On its way to the client. */
export function frameBytes(frame: Frame): number {
  return Buffer.byteLength(frame);
}

/** In memory, while it waits. */
export function frameCost(frame: Frame): number {
  return Buffer.byteLength(frame) + overheadBytes;
}

export function framesCost(frames: readonly Frame[]): number {
  return frames.reduce((sum, frame) => sum + frameCost(frame), 0);
}
