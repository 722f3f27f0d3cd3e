// Publishes to Redis as fast as Redis takes it, or at a given rate: plain bytes, no client library in between.

import { connect } from "node:net";
import type { Socket } from "node:net";

const channel = "flask-socketio";
/** Commands are handed to the socket in pieces of about this size. */
const pieceBytes = 64 * 1024;

/** What to publish: events `burst` to the room `time`, numbered from `first`. */
export interface Burst {
  readonly first?: number;
  readonly count: number;
  /** Of each message, about. */
  readonly bytes: number;
  /** @default as fast as it goes */
  readonly bytesPerSecond?: number;
}

export class Publisher implements Disposable {
  readonly #socket: Socket;
  #replies = 0;
  #wake = Promise.withResolvers<void>();

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => {
      for (const byte of chunk) if (byte === 10) this.#replies++;
      this.#wake.resolve();
      this.#wake = Promise.withResolvers<void>();
    });
  }

  static async open(port: number): Promise<Publisher> {
    const socket = connect({ host: "127.0.0.1", port });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    socket.once("connect", resolve).once("error", reject);
    await promise;
    return new Publisher(socket);
  }

  /** Resolves when Redis has taken it all. */
  async publish(burst: Burst): Promise<void> {
    const { first = 0, count, bytes, bytesPerSecond = Number.POSITIVE_INFINITY } = burst;
    const target = this.#replies + count;
    const padding = "x".repeat(bytes);
    const started = performance.now();
    let piece = "";
    for (let index = 0; index < count; index++) {
      piece += command({ n: first + index, x: padding });
      if (piece.length < pieceBytes && index < count - 1) continue;
      await this.#write(piece);
      piece = "";
      const aheadMs = ((index + 1) * bytes * 1_000) / bytesPerSecond - (performance.now() - started);
      if (aheadMs > 1) await Bun.sleep(aheadMs);
    }
    while (this.#replies < target) await this.#wake.promise;
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  async #write(piece: string): Promise<void> {
    if (this.#socket.write(piece)) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#socket.once("drain", resolve);
    await promise;
  }
}

function command(data: object): string {
  const message = { method: "emit", event: "burst", data, namespace: "/", room: "time", skip_sid: null };
  const payload = JSON.stringify(message);
  const parts = ["PUBLISH", channel, payload];
  return `*${parts.length}\r\n${parts.map((part) => `$${part.length}\r\n${part}\r\n`).join("")}`;
}
