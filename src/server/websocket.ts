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
/** How long such a client may read nothing while more than `sendQueueBytes` wait. */
const stallMs = 10_000;

export class WebSocketTransport implements Socket {
  readonly handler: SocketHandler;
  readonly #limits: Limits;
  #ws: ServerWebSocket<WebSocketTransport> | undefined;
  #backlog: Backlog | undefined;
  /** Unread bytes in the engine after our last write to a client that is behind. */
  #unread = 0;
  /** What it read while it was behind, over its life, and when it last did. */
  #readBytes = 0;
  #readAt = 0;
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
      if (!this.#ws) return;
      if (this.#backlog) this.#queue(this.#backlog, frame);
      else if (write(this.#ws, frame) === -1 && this.#ws.getBufferedAmount() > behindBytes) this.fallBehind();
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
    this.#backlog = new Backlog();
    this.#unread = this.#ws.getBufferedAmount();
    this.#readAt = performance.now();
    this.handler.nativeChanged();
  }

  ping(): void {
    this.#ws?.ping();
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

  /** The client read something: the backlog goes on, and when all is read the client is native again. */
  drained(): void {
    const ws = this.#ws;
    const backlog = this.#backlog;
    if (!ws || !backlog) return;
    this.#readBytes += Math.max(0, this.#unread - ws.getBufferedAmount());
    this.#readAt = performance.now();
    while (!backlog.isEmpty && ws.getBufferedAmount() < behindBytes) ws.cork(() => writePack(ws, backlog));
    this.#unread = ws.getBufferedAmount();
    if (!backlog.isEmpty || this.#unread > 0 || !this.#ws) return;
    this.#backlog = undefined;
    this.handler.nativeChanged();
  }

  /** What waits already decides, not the frame that comes: a message of any size finds room behind little. */
  #queue(backlog: Backlog, frame: Frame): void {
    if (backlog.bytes > this.#limits.sendQueueBytes && this.#isSlow(backlog)) this.#closeSlow(backlog);
    else backlog.push(frame);
  }

  /**
   * Whoever never read under pressure is slow at once: its memory must not grow for as long as a pause of a good
   * client may take. Whoever did is trusted up to the larger bound.
   */
  #isSlow(backlog: Backlog): boolean {
    if (this.#readBytes < provenBytes || backlog.bytes > this.#limits.sendQueueMaxBytes) return true;
    return performance.now() - this.#readAt > stallMs;
  }

  #closeSlow(backlog: Backlog): void {
    backlog.clear();
    this.#cause = "slow";
    this.#ws?.terminate();
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
