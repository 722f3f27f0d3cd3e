// What a browser page does with socket.io-client, for the tests: it connects, joins rooms, and keeps every event in a
// queue, so that a test asks for the next one and misses none.

import { io } from "socket.io-client";
import type { ManagerOptions, Socket, SocketOptions } from "socket.io-client";

export type PageOptions = Partial<ManagerOptions & SocketOptions>;

/** An event as it came: its name, then its arguments; binary ones as Uint8Array. */
export type PageEvent = readonly [name: string, ...args: unknown[]];

export class Page implements Disposable {
  readonly socket: Socket;
  readonly #events: PageEvent[] = [];
  #wake = Promise.withResolvers<void>();

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.onAny((...event: [string, ...unknown[]]) => {
      this.#push(event.map(plain) as [string, ...unknown[]]);
    });
    socket.on("disconnect", (reason) => {
      this.#push(["(disconnect)", reason]);
    });
  }

  /** Connects, over websocket unless `transports` says otherwise. The namespace is the path of the URL. */
  static async connect(url: string, options: PageOptions = {}): Promise<Page> {
    const socket = io(url, { transports: ["websocket"], forceNew: true, reconnection: false, ...options });
    const page = new Page(socket);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    socket.once("connect", resolve);
    socket.once("connect_error", reject);
    await promise;
    return page;
  }

  /** Its Socket.IO id. */
  get id(): string {
    return this.socket.id ?? "";
  }

  /** Joins rooms as a page of ws-emit does. */
  async join(...rooms: readonly string[]): Promise<void> {
    for (const room of rooms) await this.socket.timeout(5_000).emitWithAck("join", { room });
  }

  /** The next event; fails when none comes. */
  async next(timeoutMs = 5_000): Promise<PageEvent> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const event = this.#events.shift();
      if (event) return event;
      if (performance.now() > deadline) throw new Error(`Expected an event within ${timeoutMs} ms, got none`);
      const { promise, resolve } = this.#wake;
      const timer = setTimeout(resolve, timeoutMs);
      await promise;
      clearTimeout(timer);
    }
  }

  [Symbol.dispose](): void {
    this.socket.disconnect();
  }

  #push(event: PageEvent): void {
    this.#events.push(event);
    this.#wake.resolve();
    this.#wake = Promise.withResolvers<void>();
  }
}

/** Buffers and ArrayBuffers, wherever they are, as plain Uint8Array. */
function plain(value: unknown): unknown {
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  if (value instanceof Uint8Array) return Uint8Array.from(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
}
