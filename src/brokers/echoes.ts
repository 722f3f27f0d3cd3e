// Publications that are on their way back to their own gateway, and the promises of their receipts. One timer for all of
// them: most are back long before it ends. What comes back as it was sent is known: it is not read a second time.

import { readHead } from "./envelope.ts";
import type { Envelope } from "./envelope.ts";

/** How long a receipt may wait, ms. */
const echoMs = 2_000;

/** An envelope that this gateway sends. */
export interface Sent extends Envelope {
  /** As it is written; undefined: it is read when it comes back. */
  text?: string;
}

interface Awaited {
  readonly sent: Sent;
  readonly resolve: (delivered: number | undefined) => void;
  readonly until: number;
}

export class Echoes {
  readonly #now: () => number;
  /** By the id of the envelope; those that came first are first. Bounded by time, and by what a bus takes. */
  readonly #awaited = new Map<string, Awaited>();
  #timer: NodeJS.Timeout | undefined;

  /** @param now monotonic clock, ms. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Waits for one. @returns to how many clients of this gateway it went; undefined when it did not come back in time. */
  wait(sent: Sent): Promise<number | undefined> {
    const { promise, resolve } = Promise.withResolvers<number | undefined>();
    this.#awaited.set(sent.id, { sent, resolve, until: this.#now() + echoMs });
    if (!this.#timer) this.#lookAfter(echoMs);
    return promise;
  }

  /** What a text says that is awaited, character by character; undefined: it has to be read. */
  recognise(text: string): Envelope | undefined {
    const head = readHead(text);
    if (!head) return undefined;
    const { publication, text: own = "" } = this.#awaited.get(head.id)?.sent ?? {};
    const isSame = text.length === own.length + head.added && text.endsWith(own.slice(1));
    return publication && isSame ? { id: head.id, publication, at: head.at } : undefined;
  }

  /** It is back, or will not come. */
  settle(id: string, delivered: number | undefined): void {
    const awaited = this.#awaited.get(id);
    if (!awaited) return;
    this.#awaited.delete(id);
    awaited.resolve(delivered);
  }

  #lookAfter(ms: number): void {
    // It keeps no process alive.
    this.#timer = setTimeout(this.#look, ms).unref();
  }

  readonly #look = (): void => {
    this.#timer = undefined;
    const now = this.#now();
    for (const [id, { until }] of this.#awaited) {
      if (until > now) {
        this.#lookAfter(until - now);
        return;
      }
      this.settle(id, undefined);
    }
  };
}
