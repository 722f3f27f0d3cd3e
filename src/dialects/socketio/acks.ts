// The acknowledgements that a client owes in one namespace (SIO-10, PSQ-10): as many as the limit of all its namespaces allows, and
// none for longer than a minute.

import type { AckHandler } from "../../core/membership.ts";

/** An acknowledgement that does not come is forgotten (PSQ-10). */
const ackTimeoutMs = 60_000;

interface PendingAck {
  readonly onAck: AckHandler;
  readonly deadline: number;
}

/** What the client owes in all its namespaces. */
interface Owed {
  pendingAcks: number;
}

export class PendingAcks {
  readonly #owed: Owed;
  readonly #acks = new Map<string, PendingAck>();
  #next = 0;

  constructor(owed: Owed) {
    this.#owed = owed;
  }

  /** @returns the id to ask with. */
  add(onAck: AckHandler, now: number): string {
    const id = String(this.#next++);
    this.#acks.set(id, { onAck, deadline: now + ackTimeoutMs });
    this.#owed.pendingAcks++;
    return id;
  }

  /** It came. @returns undefined when it is unknown, was answered, or came too late. */
  take(id: string): AckHandler | undefined {
    const pending = this.#acks.get(id);
    this.#forget(id);
    return pending?.onAck;
  }

  tick(now: number): void {
    for (const [id, { deadline }] of this.#acks) {
      if (now < deadline) break; // in order of age
      this.#forget(id);
    }
  }

  clear(): void {
    this.#owed.pendingAcks -= this.#acks.size;
    this.#acks.clear();
  }

  #forget(id: string): void {
    if (this.#acks.delete(id)) this.#owed.pendingAcks--;
  }
}
