// The carrier of a client that gets frames of its own before all others: while these are fetched, live frames wait here, in
// order (W4R-04: persisted messages come before those that are published meanwhile, and none is lost).

import type { Carrier, Frame } from "../../core/carrier.ts";
import type { Socket } from "../../server/socket.ts";
import { frameCost } from "../../codec/frame-size.ts";

export class WaitingCarrier implements Carrier {
  readonly #socket: Socket;
  readonly #maxBytes: number;
  readonly #overflowed: () => void;
  #waiting: Frame[] | undefined = [];
  #waitingBytes = 0;

  /**
   * @param maxBytes what may wait, the last frame not counted, so that one message of any size may. Beyond it, `overflowed`
   * is called for each frame, and the frame is dropped.
   */
  constructor(socket: Socket, maxBytes: number, overflowed: () => void) {
    this.#socket = socket;
    this.#maxBytes = maxBytes;
    this.#overflowed = overflowed;
  }

  /** Sends these frames and then those that waited. From now on it is the socket itself: refresh the client's rooms. */
  release(frames: readonly Frame[]): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    this.#waitingBytes = 0;
    if (frames.length + waiting.length > 0) this.#socket.inherit([...frames, ...waiting]);
  }

  get isOnTopics(): boolean {
    return this.#waiting === undefined && this.#socket.isOnTopics;
  }

  get isWritable(): boolean {
    return this.#waiting === undefined && this.#socket.isWritable;
  }

  get bufferedBytes(): number {
    return this.#socket.bufferedBytes + this.#waitingBytes;
  }

  send(frames: readonly Frame[]): void {
    if (this.#waiting === undefined) this.#socket.send(frames);
    else for (const frame of frames) this.#wait(this.#waiting, frame);
  }

  subscribe(topic: string): void {
    this.#socket.subscribe(topic);
  }

  unsubscribe(topic: string): void {
    this.#socket.unsubscribe(topic);
  }

  fallBehind(carriedBytes?: number): void {
    this.#socket.fallBehind(carriedBytes);
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
