// One endless answer behind the Stream port (socket.ts): server-sent events and the like. Frames wait here only as long as the
// client does not read; the engine asks for more when it has sent what it was given, so what waits is what is unread. A
// client that lets more than its bound wait is closed as `slow` (slow-consumer.ts), and its connection with it.

import type { Frame } from "../core/carrier.ts";
import type { CloseCause, Stream, StreamHandler } from "./socket.ts";
import type { Limits } from "../vocabulary/limits.ts";
import { FrameQueue } from "./frame-queue.ts";
import { isStreamTooSlow } from "./slow-consumer.ts";
import type { Peer } from "./kernel-sockets.ts";
import type { StalledConnections } from "./stalled-connections.ts";

/** What the engine is given before it asks, bytes. */
const aheadBytes = 16 * 1024;

/** How long a client that is behind may take for what waits before its connection is ended, ms. */
const farewellMs = 10_000;

/** A comment: the engine sends the head of an answer with its first bytes. */
const hello = ":\n\n";

const headers = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  // nginx would collect an answer until it has a buffer full of it.
  "x-accel-buffering": "no",
} as const;

/** What the streams of one listener share. */
export interface StreamContext {
  readonly limits: Pick<Limits, "sendQueueBytes">;
  /** undefined: the kernel cannot be asked, and the engine ends a stalled connection when its idle time is over. */
  readonly stalled: StalledConnections | undefined;
  /** @default 10_000 // 10 s */
  readonly farewellMs?: number;
}

/**
 * The answer that carries a stream; the handler is told that it is open once the engine asks for the first bytes.
 * @param peer undefined: on a unix socket, where a proxy reads, which has a bound of its own on how long it waits for its client.
 */
export function openStream(handler: StreamHandler, context: StreamContext, peer: Peer | undefined): Response {
  const body = new ReadableStream(new EventStream(handler, context, peer), strategy);
  return new Response(body, { headers: handler.headers ? { ...handler.headers, ...headers } : headers });
}

/** The same answer without a stream, to a HEAD. */
export function headOf(handler: StreamHandler): Response {
  return new Response(null, { headers: { ...handler.headers, ...headers } });
}

/**
 * Has no state: one for all. It counts in shares of `aheadBytes`, because the engine takes a high-water mark for the size of
 * the buffer that it keeps for the stream: in bytes it cost each idle one 4 KB (Bun 1.4.5).
 */
const strategy: QueuingStrategy<Uint8Array> = {
  highWaterMark: 1,
  size: (chunk) => (chunk?.byteLength ?? 0) / aheadBytes,
};

/** One object is stream, queue and source of the answer: thousands of them stand idle. */
class EventStream implements Stream, UnderlyingDefaultSource<Uint8Array> {
  /** Reached one by one: the engine's topics reach websockets alone. */
  readonly isOnTopics = false;
  readonly #handler: StreamHandler;
  readonly #context: StreamContext;
  readonly #peer: Peer | undefined;
  /** There while the client is behind. */
  #queue: FrameQueue | undefined;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #isOver = false;
  /** There while it is closed, and its client has not read what waits. */
  #farewell: NodeJS.Timeout | undefined;

  constructor(handler: StreamHandler, context: StreamContext, peer: Peer | undefined) {
    this.#handler = handler;
    this.#context = context;
    this.#peer = peer;
  }

  // The source of the answer: what the engine calls.

  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    this.#controller = controller;
    this.send([hello]);
    this.#handler.open(this);
  }

  pull(): void {
    this.#flush();
  }

  cancel(): void {
    clearTimeout(this.#farewell);
    this.#controller = undefined;
    this.#end("peer");
  }

  // The stream: what the dialect and the hub call.

  get isWritable(): boolean {
    return !this.#isOver && this.#queue === undefined && this.#isHungry;
  }

  get bufferedBytes(): number {
    const queued = this.#queue?.bytes ?? 0;
    const desired = this.#controller?.desiredSize ?? 1;
    return queued + Math.round(Math.max(0, 1 - desired) * aheadBytes);
  }

  send(frames: readonly Frame[]): void {
    if (this.#isOver) return;
    for (const frame of frames) {
      if (!this.#queue && this.#isHungry) this.#write(frame);
      else (this.#queue ??= new FrameQueue()).push(frame);
    }
    if (this.#queue && isStreamTooSlow(this.#queue.bytes, this.#context.limits)) this.#end("slow");
  }

  subscribe(): void {}

  unsubscribe(): void {}

  fallBehind(): void {}

  /** What waits goes out first, as far as the client reads it in time; `closed` is called within. */
  close(): void {
    this.#end("peer");
  }

  /** Does the engine take more now? */
  get #isHungry(): boolean {
    return (this.#controller?.desiredSize ?? 0) > 0;
  }

  #write(frame: Frame): void {
    if (frame.length > 0) this.#controller?.enqueue(typeof frame === "string" ? Buffer.from(frame) : frame);
  }

  #flush(): void {
    while (this.#queue && this.#isHungry) {
      const frame = this.#queue.shift();
      if (frame !== undefined) this.#write(frame);
      if (this.#queue.isEmpty) this.#queue = undefined;
    }
    if (this.#isOver && this.#isHungry) this.#finish();
  }

  #end(cause: CloseCause): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#handler.closed(cause);
    if (cause === "slow") {
      this.#abort();
      return;
    }
    this.#flush();
    if (this.#controller) this.#sayFarewell();
  }

  #sayFarewell(): void {
    this.#farewell = setTimeout(() => {
      this.#abort();
    }, this.#context.farewellMs ?? farewellMs).unref();
  }

  /**
   * Nothing of what waits goes out: the client that does not read would keep it for ever. Without an error of ours the
   * engine forgets the answer all the same, and prints nothing; it does not end the connection while bytes wait.
   */
  #abort(): void {
    this.#controller?.error();
    this.#controller = undefined;
    if (this.#peer !== undefined) this.#context.stalled?.end(this.#peer);
  }

  #finish(): void {
    const controller = this.#controller;
    this.#controller = undefined;
    clearTimeout(this.#farewell);
    try {
      controller?.close();
    } catch {
      // The client was faster: it is closed already.
    }
  }
}
