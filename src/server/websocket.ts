// One websocket of Bun.serve behind the core's Socket port. While the client keeps up it is reached by native
// topics and `ws.send`; when it falls behind it leaves its topics and is fed from a bounded queue of shared frames
// until it caught up, or is closed as `slow`. Nobody else waits for it.

import type { ServerWebSocket } from "bun";
import type { Limits } from "../core/limits.ts";
import type { CloseCause, Frame, Socket, SocketHandler } from "../core/transport.ts";
import { Backlog } from "./backlog.ts";

/** Unread bytes in the engine above which a client is behind; it is fed up to here, so the rest stays shared. */
const behindBytes = 64 * 1024;
/** Frames of a backlog are written in packs of about this size: one system call for many small ones. */
const packBytes = 16 * 1024;
/** A client that read this much while it was behind does read: it gets time, and `sendQueueMaxBytes`. */
const provenBytes = 1024 * 1024;
/** So does one that kept up with this much traffic: the kernels on both sides hold far less. */
const provenTraffic = 16 * 1024 * 1024;
/** How long such a client may read nothing while more than `sendQueueBytes` wait. */
const stallMs = 10_000;

/** What the websockets of one listener share. */
export interface SocketContext {
  readonly limits: Limits;
  /** Bytes that the listener published to its topics so far. */
  readonly publishedBytes: number;
}

export class WebSocketTransport implements Socket {
  readonly handler: SocketHandler;
  readonly #context: SocketContext;
  /** What the listener had published when this socket came. */
  readonly #publishedBefore: number;
  #ws: ServerWebSocket<WebSocketTransport> | undefined;
  #backlog: Backlog | undefined;
  /** Did it ever show that it reads? */
  #isProven = false;
  #cause: CloseCause = "peer";

  constructor(handler: SocketHandler, context: SocketContext) {
    this.handler = handler;
    this.#context = context;
    this.#publishedBefore = context.publishedBytes;
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
      if (!this.#ws) return;
      if (this.#backlog) this.#queue(this.#backlog, frame);
      else if (write(this.#ws, frame) === -1 && this.bufferedBytes > behindBytes) this.fallBehind();
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
    this.#isProven ||= this.#context.publishedBytes - this.#publishedBefore > provenTraffic;
    this.#backlog = new Backlog(this.#ws.getBufferedAmount(), performance.now());
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

  /** The client read something: its backlog goes on, and when all is read it is native again. */
  drained(): void {
    const ws = this.#ws;
    const backlog = this.#backlog;
    if (!ws || !backlog) return;
    backlog.read(ws.getBufferedAmount(), performance.now());
    this.#isProven ||= backlog.readBytes >= provenBytes;
    while (!backlog.isEmpty && ws.getBufferedAmount() < behindBytes) ws.cork(() => writePack(ws, backlog));
    backlog.written(ws.getBufferedAmount());
    if (!backlog.isEmpty || ws.getBufferedAmount() > 0 || !this.#ws) return;
    this.#backlog = undefined;
    this.handler.nativeChanged();
  }

  /** What waits already decides, not the frame that comes: a message of any size finds room behind little. */
  #queue(backlog: Backlog, frame: Frame): void {
    if (!this.#isSlow(backlog)) {
      backlog.push(frame);
      return;
    }
    this.#cause = "slow";
    this.terminate();
  }

  /**
   * Whoever did not show yet that it reads is slow at the smaller bound: nobody can tell it from one that never will.
   * Whoever did gets the larger bound, and time.
   */
  #isSlow(backlog: Backlog): boolean {
    const { sendQueueBytes, sendQueueMaxBytes } = this.#context.limits;
    if (backlog.bytes <= sendQueueBytes) return false;
    if (!this.#isProven || backlog.bytes > sendQueueMaxBytes) return true;
    return performance.now() - backlog.readAt > stallMs;
  }
}

/** @returns -1 when the engine had to keep some of it. */
function write(ws: ServerWebSocket<WebSocketTransport>, frame: Frame): number {
  return typeof frame === "string" ? ws.sendText(frame) : ws.sendBinary(frame);
}

function writePack(ws: ServerWebSocket<WebSocketTransport>, backlog: Backlog): void {
  let bytes = 0;
  while (bytes < packBytes) {
    const frame = backlog.shift();
    if (frame === undefined) return;
    bytes += frame.length;
    write(ws, frame);
  }
}
