// What bounds the POSTs of one polling session: one at a time (EIO-16), and so many packets (SEC-06). Websockets are
// counted by the server.

import { TokenBucket } from "../../../base/rate-limit.ts";
import type { SocketIoContext } from "../context.ts";

export class PostGate {
  readonly #context: SocketIoContext;
  #isPosting = false;
  #packets: TokenBucket | undefined;

  constructor(context: SocketIoContext) {
    this.#context = context;
  }

  /** @returns false when another POST is under way. */
  begin(): boolean {
    if (this.#isPosting) return false;
    this.#isPosting = true;
    return true;
  }

  end(): void {
    this.#isPosting = false;
  }

  /** @returns false when these are more packets than one client may send. */
  admits(packets: number): boolean {
    const now = this.#context.now();
    this.#packets ??= new TokenBucket(this.#context.packetRate, now);
    return this.#packets.take(now, packets);
  }
}
