// Fair turns for what clients say. The engine reads up to 512 KiB of one websocket at once and hands over every message
// of it before it looks at anything else: 65,000 small ones, and everybody waits. Here a turn of the event loop handles
// messages for a few milliseconds; what is left waits with its client, and the clients go round, a few messages each.

import type { FrameQueue } from "./frame-queue.ts";

/** A client with waiting messages. */
export interface Speaker {
  /** Handles a few of them. @returns true when more wait. */
  work(): boolean;
}

/** Messages are handled for so long in one turn of the event loop; then requests and others come. */
const turnMs = 5;
/** What may wait of one client, the message that comes not counted: one of any size finds room behind little. */
const mostBytes = 4 * 1024 * 1024;
/** What may wait of all clients of a listener together; beyond it, each may have one message waiting. */
const mostBytesOfAll = 64 * 1024 * 1024;

export class Turns {
  readonly #now: () => number;
  /** Who is next comes first; each is in here once. */
  #waiting: Speaker[] = [];
  #bytes = 0;
  #turn: NodeJS.Immediate | undefined;
  #endsAt = 0;

  /** @param now monotonic clock, ms. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** May a message of a client with nothing waiting be handled at once? Asking begins a turn, if there is none. */
  isOpen(): boolean {
    const now = this.#now();
    if (this.#turn) return now < this.#endsAt;
    this.#begin(now);
    return true;
  }

  /** Something of this client waits from now on. */
  add(speaker: Speaker): void {
    this.#waiting.push(speaker);
    if (!this.#turn) this.#begin(this.#now());
  }

  /** May one more message wait behind these? */
  hasRoom(queue: FrameQueue): boolean {
    return queue.isEmpty || (queue.bytes <= mostBytes && this.#bytes <= mostBytesOfAll);
  }

  /** So many bytes more wait now, or fewer. */
  count(bytes: number): void {
    this.#bytes += bytes;
  }

  /** Handles everything that waits, at the end of the listener. */
  finish(): void {
    clearImmediate(this.#turn);
    this.#turn = undefined;
    for (const speaker of this.#waiting.splice(0)) while (speaker.work());
  }

  #begin(now: number): void {
    this.#endsAt = now + turnMs;
    this.#turn = setImmediate(this.#work);
  }

  readonly #work = (): void => {
    this.#turn = undefined;
    if (this.#waiting.length === 0) return;
    this.#begin(this.#now());
    let next = 0;
    do {
      const speaker = this.#waiting[next++];
      if (speaker?.work() === true) this.#waiting.push(speaker);
    } while (next < this.#waiting.length && this.#now() < this.#endsAt);
    this.#waiting.splice(0, next);
  };
}
