// A client that hears something of its own before anything else: while that is fetched, live frames wait here, in order
// (W4R-04: what was persisted comes before what is published meanwhile, and nothing of it is lost).

import type { Carrier, Frame, Socket } from "../../core/carrier.ts";
import { frameCost } from "../../core/frame-size.ts";

export class HeldClient implements Carrier {
  readonly #client: Socket;
  readonly #maxBytes: number;
  readonly #overflowed: () => void;
  #waiting: Frame[] | undefined = [];
  #waitingBytes = 0;

  /**
   * @param maxBytes what may wait, the last frame not counted: a message of any size finds room behind little. Beyond it,
   * `overflowed` is called for each frame, and the frame is dropped.
   */
  constructor(client: Socket, maxBytes: number, overflowed: () => void) {
    this.#client = client;
    this.#maxBytes = maxBytes;
    this.#overflowed = overflowed;
  }

  /** Sends these frames and then those that waited. From now on it is the client itself: refresh its rooms. */
  release(frames: readonly Frame[]): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    this.#waitingBytes = 0;
    if (frames.length + waiting.length > 0) this.#client.handOver([...frames, ...waiting]);
  }

  get isNative(): boolean {
    return this.#waiting === undefined && this.#client.isNative;
  }

  get isWritable(): boolean {
    return this.#waiting === undefined && this.#client.isWritable;
  }

  get bufferedBytes(): number {
    return this.#client.bufferedBytes + this.#waitingBytes;
  }

  send(frames: readonly Frame[]): void {
    if (this.#waiting === undefined) this.#client.send(frames);
    else for (const frame of frames) this.#wait(this.#waiting, frame);
  }

  subscribe(topic: string): void {
    this.#client.subscribe(topic);
  }

  unsubscribe(topic: string): void {
    this.#client.unsubscribe(topic);
  }

  fallBehind(heardBytes?: number): void {
    this.#client.fallBehind(heardBytes);
  }

  #wait(waiting: Frame[], frame: Frame): void {
    if (this.#waitingBytes > this.#maxBytes) {
      this.#overflowed();
      return;
    }
    this.#waitingBytes += frameCost(frame);
    waiting.push(frame);
  }
}
