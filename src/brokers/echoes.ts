// Publications that are on their way back to their own gateway, and the promises of their receipts. One timer for all of
// them: most are back long before it ends. What comes back as it was sent is known: it is not read a second time.

import { PendingList } from "../base/pending-list.ts";
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
  readonly number: number;
  readonly resolve: (delivered: number | undefined) => void;
}

/** A publication that is on its way, and what tells that it came back. */
export interface Awaiting {
  readonly sent: Sent;
  /** To how many clients of this gateway it went; undefined when it did not come back in time. */
  readonly echo: Promise<number | undefined>;
}

export class Echoes {
  /** What the ids of this gateway begin with; behind it they count. */
  readonly #name = `${randomId()}-`;
  /** Bounded by time, and by what a bus takes. */
  readonly #awaited: PendingList<Awaited>;

  /** @param now monotonic clock, ms. */
  constructor(now: () => number) {
    const onDue = ({ resolve }: Awaited): void => {
      resolve(undefined);
    };
    this.#awaited = new PendingList({ maxMs: echoMs, onDue, now });
  }

  /** Numbers a publication and waits for it. */
  wait(publication: Publication): Awaiting {
    const number = this.#awaited.next;
    const sent: Sent = { id: this.#name + number, publication, text: undefined };
    const { promise, resolve } = Promise.withResolvers<number | undefined>();
    this.#awaited.add({ sent, number, resolve });
    return { sent, echo: promise };
  }

  /** What a text says that is awaited, character by character; undefined: it has to be read. */
  recognise(text: string): Envelope | undefined {
    const head = readHead(text);
    if (!head) return undefined;
    const { publication, text: own = "" } = this.#find(head.id)?.sent ?? {};
    const isSame = text.length === own.length + head.added && text.endsWith(own.slice(1));
    return publication && isSame ? { id: head.id, publication, at: head.at } : undefined;
  }

  /** It is back, or will not come. */
  settle(id: string, delivered: number | undefined): void {
    const awaited = this.#find(id);
    if (!awaited) return;
    this.#awaited.take(awaited.number);
    awaited.resolve(delivered);
  }

  /** Most come back in the order in which they were sent. An id of another gateway is none of ours. */
  #find(id: string): Awaited | undefined {
    const { oldest } = this.#awaited;
    if (oldest?.sent.id === id) return oldest;
    return id.startsWith(this.#name) ? this.#awaited.get(Number(id.slice(this.#name.length))) : undefined;
  }
}
