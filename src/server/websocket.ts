// One websocket of Bun.serve behind the Socket port (socket.ts). What the client says is counted, and handled in fair turns.
// While the client keeps up it is reached by the engine's topics and `ws.send`; when it falls behind it leaves its topics and is
// fed from a bounded queue of shared frames until it caught up, or is closed as `slow` (slow-consumer.ts). No other client
// waits for it.

import type { ServerWebSocket } from "bun";
import type { Limits } from "../vocabulary/limits.ts";
import { TokenBucket } from "../base/rate-limit.ts";
import type { Rate } from "../base/rate-limit.ts";
import { behindBytes } from "../core/carrier.ts";
import type { Frame } from "../core/carrier.ts";
import type { CloseCause, Socket, SocketHandler } from "./socket.ts";
import { Backlog } from "./backlog.ts";
import { FrameQueue } from "./frame-queue.ts";
import type { InboxBounds } from "./inbox-bounds.ts";
import { isDoubtful, isTooSlow, provesReading } from "./slow-consumer.ts";
import type { Turns, Worker } from "../base/turns.ts";

/** Frames of a backlog are written in packs of about this size: one system call for many small ones. */
const packBytes = 16 * 1024;
/** How long a client that is behind may take for what waits before it is closed. */
const farewellMs = 10_000;

/** What the websockets of one listener share. */
export interface SocketContext {
  readonly limits: Limits;
  /** What one client may send. */
  readonly packetRate: Rate;
  readonly turns: Turns;
  readonly inboxes: InboxBounds;
  /** Monotonic clock, ms. */
  now(): number;
  /** Of an error in a handler, which ends its websocket and nothing else. */
  report(error: unknown): void;
}

/** Messages that a client has handled before the next one's turn comes. */
const messagesPerTurn = 32;

export class WebSocketTransport implements Socket, Worker {
  readonly handler: SocketHandler;
  readonly #context: SocketContext;
  #ws: ServerWebSocket<WebSocketTransport> | undefined;
  #backlog: Backlog | undefined;
  /** Did it ever show that it reads? */
  #isProven = false;
  #cause: CloseCause = "peer";
  #packets: TokenBucket | undefined;
  /** What it said and was not handled yet. */
  #inbox: FrameQueue | undefined;
  /** It ended with something in there: that is handled first. */
  #end: Parameters<SocketHandler["closed"]> | undefined;
  /** It was closed, and gets what waits before the close frame. Its handler has been told that it is over. */
  #farewell: { readonly code: number; readonly reason: string; readonly timer: NodeJS.Timeout } | undefined;

  constructor(handler: SocketHandler, context: SocketContext) {
    this.handler = handler;
    this.#context = context;
  }

  // Socket: what dialects and the hub use.

  get isOnTopics(): boolean {
    return this.#ws !== undefined && this.#backlog === undefined;
  }

  get isWritable(): boolean {
    return this.isOnTopics && this.#ws?.getBufferedAmount() === 0;
  }

  get bufferedBytes(): number {
    return (this.#ws?.getBufferedAmount() ?? 0) + (this.#backlog?.bytes ?? 0);
  }

  send(frames: readonly Frame[]): void {
    // Outside the engine's own turns each frame would be a system call.
    if (frames.length > 1 && this.#ws) this.#ws.cork(() => this.#send(frames));
    else this.#send(frames);
  }

  inherit(frames: readonly Frame[]): void {
    for (const frame of frames) {
      if (!this.#ws || this.#farewell) return;
      if (this.#backlog) this.#backlog.inherit(frame);
      else if (write(this.#ws, frame) === -1 && this.bufferedBytes > behindBytes) this.fallBehind();
    }
  }

  subscribe(topic: string): void {
    this.#ws?.subscribe(topic);
  }

  unsubscribe(topic: string): void {
    this.#ws?.unsubscribe(topic);
  }

  fallBehind(carriedBytes = 0): void {
    const unread = this.#ws?.getBufferedAmount() ?? 0;
    // With nothing unread no `drained` would ever come.
    if (unread === 0 || this.#backlog) return;
    this.#isProven ||= provesReading(0, carriedBytes);
    this.#backlog = new Backlog(unread, this.#context.now());
    this.handler.topicsChanged();
  }

  ping(): void {
    this.#ws?.ping();
  }

  close(code: number, reason: string): void {
    this.#forgetInbox();
    const ws = this.#ws;
    if (!ws || this.#farewell) return;
    if (!this.#backlog || this.#backlog.isEmpty) {
      ws.close(code, reason);
      return;
    }
    const timer = setTimeout(() => {
      ws.terminate();
    }, farewellMs);
    timer.unref();
    this.#farewell = { code, reason, timer };
    this.handler.closed(code, "peer");
  }

  terminate(): void {
    this.#forgetInbox();
    this.#ws?.terminate();
  }

  // The engine's events, from listener.ts.

  opened(ws: ServerWebSocket<WebSocketTransport>): void {
    this.#ws = ws;
    this.handler.open(this);
  }

  /** A message: it has its turn at once, or behind what waits. */
  received(frame: Frame): void {
    if (!this.#isWithinRate() || this.#farewell) return;
    const { turns, inboxes } = this.#context;
    if (!this.#inbox && turns.isOpen()) {
      this.handler.message(frame);
      return;
    }
    if (!this.#inbox) {
      this.#inbox = new FrameQueue();
      turns.add(this);
    }
    if (!inboxes.hasRoom(this.#inbox)) {
      this.#flooded();
      return;
    }
    const before = this.#inbox.bytes;
    this.#inbox.push(frame);
    inboxes.count(this.#inbox.bytes - before);
  }

  /** A websocket ping, which the engine answers by itself. */
  pinged(): void {
    this.#isWithinRate();
  }

  ponged(): void {
    if (this.#isWithinRate()) this.handler.ponged?.();
  }

  work(): boolean {
    this.#guard(() => {
      const handle = (): void => {
        for (let done = 0; done < messagesPerTurn && this.#inbox; done++) this.#handleNext(this.#inbox);
      };
      // As in the engine's own turns: one system call for all answers.
      if (this.#ws) this.#ws.cork(handle);
      else handle();
    });
    if (this.#inbox) return true;
    const end = this.#end;
    this.#end = undefined;
    if (end) this.#guard(() => this.handler.closed(...end));
    return false;
  }

  /** @param fault why the engine closed it by itself; undefined: it did not. */
  ended(code: number, fault?: CloseCause): void {
    this.#ws = undefined;
    this.#backlog = undefined;
    const cause = fault ?? this.#cause;
    if (this.#farewell) clearTimeout(this.#farewell.timer);
    else if (this.#inbox) this.#end = [code, cause];
    else this.handler.closed(code, cause);
  }

  /** The client read something: its backlog goes on, and when all is read it is back on its topics. */
  drained(): void {
    if (!this.#farewell) this.handler.drained?.();
    const ws = this.#ws;
    const backlog = this.#backlog;
    if (!ws || !backlog) return;
    // No further than this: the rest of the frames stays shared with other clients.
    while (!backlog.isEmpty && ws.getBufferedAmount() < behindBytes) ws.cork(() => writePack(ws, backlog));
    backlog.note(ws.getBufferedAmount(), this.#context.now());
    this.#isProven ||= provesReading(backlog.readBytes, 0);
    if (this.#farewell && backlog.isEmpty) ws.close(this.#farewell.code, this.#farewell.reason);
    if (!backlog.isEmpty || ws.getBufferedAmount() > 0 || !this.#ws) return;
    this.#backlog = undefined;
    this.handler.topicsChanged();
  }

  /** @returns false when it sends too much: then it is ended. */
  #isWithinRate(): boolean {
    const now = this.#context.now();
    this.#packets ??= new TokenBucket(this.#context.packetRate, now);
    if (this.#packets.take(now)) return true;
    this.#flooded();
    return false;
  }

  /** Without a close frame: the engine would go on reading what comes behind one, as fast as it is sent. */
  #flooded(): void {
    this.#cause = "flood";
    this.terminate();
  }

  #handleNext(inbox: FrameQueue): void {
    const before = inbox.bytes;
    const frame = inbox.shift();
    this.#context.inboxes.count(inbox.bytes - before);
    // Behind the last message the way is free for what comes next.
    if (inbox.isEmpty) this.#inbox = undefined;
    if (frame !== undefined) this.handler.message(frame);
  }

  #guard(handle: () => void): void {
    try {
      handle();
    } catch (error) {
      this.#context.report(error);
      this.terminate();
    }
  }

  /** A client that we end is not listened to any more. */
  #forgetInbox(): void {
    this.#context.inboxes.count(-(this.#inbox?.bytes ?? 0));
    this.#inbox = undefined;
  }

  #send(frames: readonly Frame[]): void {
    for (const frame of frames) {
      if (!this.#ws || this.#farewell) return;
      this.#probe(this.#ws);
      if (this.#backlog) this.#queue(this.#backlog, frame);
      else if (write(this.#ws, frame) === -1 && this.bufferedBytes > behindBytes) this.fallBehind();
    }
  }

  /**
   * The engine goes on when a third of the kernel's buffer is free: in a burst, too late to see who reads. A ping
   * makes it try at once.
   */
  #probe(ws: ServerWebSocket<WebSocketTransport>): void {
    if (!this.#backlog || !isDoubtful(this.#backlog, this.#reader(), this.#context.limits)) return;
    ws.ping();
    this.drained();
  }

  #queue(backlog: Backlog, frame: Frame): void {
    if (!isTooSlow(backlog, this.#reader(), this.#context.limits)) {
      backlog.push(frame);
      return;
    }
    this.#cause = "slow";
    this.terminate();
  }

  #reader(): { readonly isProven: boolean; readonly now: number } {
    return { isProven: this.#isProven, now: this.#context.now() };
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
