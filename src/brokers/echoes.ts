// Publications that are on their way back to their own gateway, and the promises of their receipts. One timer for all of
// them: most are back long before it ends. What comes back as it was sent is known: it is not read a second time.

import { randomId } from "../base/random-id.ts";
import type { Publication } from "../core/publication.ts";
import { readHead } from "./envelope.ts";
import type { Envelope } from "./envelope.ts";

/** How long a receipt may wait, ms. */
const echoMs = 2_000;

/** An envelope that this gateway sends. */
export interface Sent extends Envelope {
  /** As it is written; undefined: it is read when it comes back. */
  text?: string | undefined;
}

interface Awaited {
  readonly sent: Sent;
  readonly resolve: (delivered: number | undefined) => void;
  readonly until: number;
}

/** A publication that is on its way, and what tells that it came back. */
export interface Awaiting {
  readonly sent: Sent;
  /** To how many clients of this gateway it went; undefined when it did not come back in time. */
  readonly echo: Promise<number | undefined>;
}

/** Those that are back are let go in steps of this many. */
const forgetEvery = 1_024;

export class Echoes {
  readonly #now: () => number;
  /** What the ids of this gateway begin with; behind it they count. */
  readonly #name = `${randomId()}-`;
  /**
   * By their numbers from `#first` on; undefined: it is back. Bounded by time, and by what a bus takes. No Map: the engine keeps
   * what was taken out of one that grows at one end, until it looks through all of its memory.
   */
  readonly #awaited: (Awaited | undefined)[] = [];
  #first = 0;
  /** Those before it are back. */
  #oldest = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param now monotonic clock, ms. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Numbers a publication and waits for it. */
  wait(publication: Publication): Awaiting {
    const sent: Sent = {
      id: this.#name + (this.#first + this.#awaited.length),
      publication,
      text: undefined,
    };
    const { promise, resolve } = Promise.withResolvers<number | undefined>();
    this.#awaited.push({ sent, resolve, until: this.#now() + echoMs });
    if (!this.#timer) this.#lookAfter(echoMs);
    return { sent, echo: promise };
  }

  /** What a text says that is awaited, character by character; undefined: it has to be read. */
  recognise(text: string): Envelope | undefined {
    const head = readHead(text);
    if (!head) return undefined;
    const { publication, text: own = "" } = this.#awaited[this.#indexOf(head.id)]?.sent ?? {};
    const isSame = text.length === own.length + head.added && text.endsWith(own.slice(1));
    return publication && isSame ? { id: head.id, publication, at: head.at } : undefined;
  }

  /** It is back, or will not come. */
  settle(id: string, delivered: number | undefined): void {
    const index = this.#indexOf(id);
    const awaited = this.#awaited[index];
    if (!awaited) return;
    this.#awaited[index] = undefined;
    awaited.resolve(delivered);
    this.#forget();
  }

  /** Of no place where it is none of ours. */
  #indexOf(id: string): number {
    return id.startsWith(this.#name) ? Number(id.slice(this.#name.length)) - this.#first : -1;
  }

  #forget(): void {
    const { length } = this.#awaited;
    while (this.#oldest < length && !this.#awaited[this.#oldest]) this.#oldest++;
    // Only then: a list that is cut at its front is copied.
    if (this.#oldest < length && this.#oldest < forgetEvery) return;
    this.#awaited.splice(0, this.#oldest);
    this.#first += this.#oldest;
    this.#oldest = 0;
  }

  #lookAfter(ms: number): void {
    // It keeps no process alive.
    this.#timer = setTimeout(this.#look, ms).unref();
  }

  readonly #look = (): void => {
    this.#timer = undefined;
    const now = this.#now();
    for (let awaited = this.#awaited[this.#oldest]; awaited; awaited = this.#awaited[this.#oldest]) {
      if (awaited.until > now) {
        this.#lookAfter(awaited.until - now);
        return;
      }
      this.settle(awaited.sent.id, undefined);
    }
  };
}
