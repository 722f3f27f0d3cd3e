// Commands between their call and their answer. Those that are given while there is no connection wait for one, bounded in
// number and time; those that were sent when it broke are not known to be carried out, and are not sent again.

import { Failure, ownFailure } from "./failure.ts";
import type { Answer, Command } from "./messages.ts";

interface Pending {
  readonly text: string;
  isSent: boolean;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (failure: Failure) => void;
  readonly timer: ReturnType<typeof setTimeout>;
}

const maxPending = 1_000;

export class Commands {
  readonly #pending = new Map<number, Pending>();
  readonly #timeoutMs: number;
  #lastId = 0;

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  /** @param send undefined: it waits for `flush`. */
  give(command: Command, send?: (text: string) => void): Promise<Answer> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      if (this.#pending.size >= maxPending) {
        reject(ownFailure("queue_full"));
        return;
      }
      const text = JSON.stringify({ id, ...command });
      const timer = setTimeout(() => {
        this.#take(id)?.reject(ownFailure("timeout"));
      }, this.#timeoutMs);
      this.#pending.set(id, { text, isSent: send !== undefined, resolve, reject, timer });
      send?.(text);
    });
  }

  flush(send: (text: string) => void): void {
    for (const pending of this.#pending.values()) {
      if (pending.isSent) continue;
      pending.isSent = true;
      send(pending.text);
    }
  }

  answered(answer: Answer): void {
    const pending = this.#take(answer.id);
    if (answer.error) pending?.reject(new Failure(answer.error));
    else pending?.resolve(answer);
  }

  /** The connection ended. */
  lost(): void {
    for (const [id, { isSent }] of this.#pending)
      if (isSent) this.#take(id)?.reject(ownFailure("connection_lost"));
  }

  /** All of them fail, sent or not. */
  fail(code: "closed" | "no_websocket"): void {
    for (const id of this.#pending.keys()) this.#take(id)?.reject(ownFailure(code));
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    clearTimeout(pending?.timer);
    return pending;
  }
}
