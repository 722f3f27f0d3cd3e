// The heartbeat of one session: in version 4 the server pings and the client answers (EIO-11), in version 3 the client
// pings (EIO-12). Only deadlines are kept here; session.ts sends, and asks what is due.

import type { SocketIoContext } from "../context.ts";

export class Heartbeat {
  readonly #context: SocketIoContext;
  readonly #version: 3 | 4;
  /** v4: when to ping next, or until when the pong must be here; v3: until when the client must ping. */
  #deadline: number;
  #isPongDue = false;

  constructor(context: SocketIoContext, version: 3 | 4) {
    this.#context = context;
    this.#version = version;
    this.#deadline = this.#next();
  }

  /**
   * What is due now: a ping to send, or the end of the session.
   * @param canSend would a ping go out now?
   */
  due(now: number, canSend: boolean): "nothing" | "ping" | "end" {
    if (now < this.#deadline) return "nothing";
    if (this.#version === 3 || this.#isPongDue) return "end";
    const { pingTimeoutMs } = this.#context;
    this.#isPongDue = true;
    // The time for the answer runs from when the ping goes out. For a client that does not poll now, it runs from when
    // the ping was due, unless little of it would be left.
    const isLate = now - this.#deadline > pingTimeoutMs / 4;
    this.#deadline = (canSend || isLate ? now : this.#deadline) + pingTimeoutMs;
    return "ping";
  }

  /** v3: the client pinged. */
  pinged(): void {
    this.#deadline = this.#next();
  }

  /** v4: the client answered. A pong without a ping changes nothing (EIO-11). */
  ponged(): void {
    if (!this.#isPongDue) return;
    this.#isPongDue = false;
    this.#deadline = this.#next();
  }

  #next(): number {
    const { pingIntervalMs, pingTimeoutMs } = this.#context;
    return this.#context.now() + (this.#version === 4 ? pingIntervalMs : pingIntervalMs + pingTimeoutMs);
  }
}
