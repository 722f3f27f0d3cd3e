// Commands between their call and their answer. Those that are given while there is no connection wait for one, bounded in
// number and time; those that were sent when it broke are not known to be carried out, and are not sent again.

import { Failure, ownFailure } from "./failure.ts";
import type { Answer, Command } from "./messages.ts";

/** What is done with the answer to a command. */
interface Asker {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (failure: Failure) => void;
  /** Without one it is waited for as long as the connection lives. */
  readonly timer?: ReturnType<typeof setTimeout>;
}

interface Pending extends Asker {
  readonly text: string;
  isSent: boolean;
}

type Send = (text: string) => void;

const maxPending = 1_000;

export class Commands {
  readonly #pending = new Map<number, Pending>();
  readonly #timeoutMs: number;
  #lastId = 0;

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  /** @param send undefined: it waits for `flush`. */
  give(command: Command, send?: Send): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.#pending.size >= maxPending) {
        reject(ownFailure("queue_full"));
        return;
      }
      const timer = setTimeout(() => {
        this.#take(id)?.reject(ownFailure("timeout"));
      }, this.#timeoutMs);
      const id = this.ask(command, send, { resolve, reject, timer });
    });
  }

  /** Its answer is told in the turn in which it comes: what follows on the line builds on it. @returns the command's id */
  ask(command: Command, send: Send | undefined, asker: Asker): number {
    const id = ++this.#lastId;
    const text = JSON.stringify({ id, ...command });
    this.#pending.set(id, { text, isSent: send !== undefined, ...asker });
    send?.(text);
    return id;
  }

  flush(send: Send): void {
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

  /** All of them fail; where a connection is lost, those that were sent. */
  fail(code: "connection_lost" | "closed" | "no_websocket"): void {
    for (const [id, { isSent }] of this.#pending)
      if (isSent || code !== "connection_lost") this.#take(id)?.reject(ownFailure(code));
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    clearTimeout(pending?.timer);
    return pending;
  }
}
