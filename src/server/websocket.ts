// One websocket of Bun.serve behind the core's Socket port. While the client keeps up it is reached by native
// topics and `ws.send`; when it falls behind it leaves its topics and is fed from a bounded queue of shared frames
// until it caught up, or is closed as `slow`. Nobody else waits for it.

import type { ServerWebSocket } from "bun";
import type { Limits } from "../core/limits.ts";
import type { CloseCause, Frame, Socket, SocketHandler } from "../core/transport.ts";

/** A client that reads nothing for this long while its queue is over the limit is slow, not busy. */
const stallMs = 100;
/** Unread bytes in the engine above which direct frames go to the queue. */
const behindBytes = 64 * 1024;

/** What waits for a client that fell behind. */
interface Backlog {
  readonly frames: Frame[];
  /** Index of the next frame; the array is cut when it is empty. */
  next: number;
  bytes: number;
  /** The engine's unread bytes when last seen, and when they last shrank. */
  unread: number;
  progressAt: number;
}

export class WebSocketTransport implements Socket {
  readonly handler: SocketHandler;
  readonly #limits: Limits;
  #ws: ServerWebSocket<WebSocketTransport> | undefined;
  #backlog: Backlog | undefined;
  #cause: CloseCause = "peer";

  constructor(handler: SocketHandler, limits: Limits) {
    this.handler = handler;
    this.#limits = limits;
  }

  // Socket: what dialects and the hub use.

  get isNative(): boolean {
    return this.#ws !== undefined && this.#backlog === undefined;
  }

  get isWritable(): boolean {
    return this.isNative && this.#ws?.getBufferedAmount() === 0;
  }

  get bufferedBytes(): number {
    return (this.#ws?.getBufferedAmount() ?? 0) + (this.#backlog?.bytes ?? 0);
  }

  send(frames: readonly Frame[]): void {
    for (const frame of frames) {
      if (this.#backlog) this.#enqueue(this.#backlog, frame);
      else if (this.#write(frame) === -1 && this.bufferedBytes > behindBytes) this.fallBehind();
    }
  }

  subscribe(topic: string): void {
    this.#ws?.subscribe(topic);
  }

  unsubscribe(topic: string): void {
    this.#ws?.unsubscribe(topic);
  }

  fallBehind(): void {
    if (!this.#ws || this.#backlog) return;
    const unread = this.#ws.getBufferedAmount();
    this.#backlog = { frames: [], next: 0, bytes: 0, unread, progressAt: performance.now() };
    this.handler.nativeChanged();
  }

  close(code: number, reason: string): void {
    this.#ws?.close(code, reason);
  }

  terminate(): void {
    this.#ws?.terminate();
  }

  // The engine's events, from listener.ts.

  opened(ws: ServerWebSocket<WebSocketTransport>): void {
    this.#ws = ws;
    this.handler.open(this);
  }

  ended(code: number): void {
    this.#ws = undefined;
    this.#backlog = undefined;
    this.handler.closed(code, this.#cause);
  }

  /** The engine's own buffer ran empty: the backlog goes on. */
  drained(): void {
    const backlog = this.#backlog;
    if (!backlog) return;
    backlog.progressAt = performance.now();
    while (backlog.next < backlog.frames.length) {
      const frame = backlog.frames[backlog.next++];
      if (frame === undefined) break;
      backlog.bytes -= frame.length;
      if (this.#write(frame) === -1) {
        backlog.unread = this.#ws?.getBufferedAmount() ?? 0;
        this.#compact(backlog);
        return;
      }
    }
    this.#backlog = undefined;
    this.handler.nativeChanged();
  }

  #write(frame: Frame): number {
    if (!this.#ws) return 0;
    return typeof frame === "string" ? this.#ws.sendText(frame) : this.#ws.sendBinary(frame);
  }

  #enqueue(backlog: Backlog, frame: Frame): void {
    backlog.frames.push(frame);
    backlog.bytes += frame.length;
    if (backlog.bytes <= this.#limits.sendQueueBytes) return;
    const now = performance.now();
    const unread = this.#ws?.getBufferedAmount() ?? 0;
    if (unread < backlog.unread) backlog.progressAt = now;
    backlog.unread = unread;
    const isStalled = now - backlog.progressAt > stallMs;
    if (isStalled || backlog.bytes > this.#limits.sendQueueMaxBytes) this.#closeSlow();
  }

  #closeSlow(): void {
    if (this.#cause === "slow") return;
    this.#cause = "slow";
    if (this.#backlog) this.#backlog.frames.length = 0;
    this.#ws?.terminate();
  }

  /** Frees frames that were sent, seldom enough to be cheap. */
  #compact(backlog: Backlog): void {
    if (backlog.next < 256) return;
    backlog.frames.splice(0, backlog.next);
    backlog.next = 0;
  }
}
