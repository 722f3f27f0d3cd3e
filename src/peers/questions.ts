// The questions of this gateway that wait for answers. Each has an id that cannot be guessed, so nothing is taken for an
// answer that was not asked for by it; each ends at its deadline.

import { randomId } from "../base/random-id.ts";
import type { PeerAnswers } from "./peers.ts";

/** So many may wait at once. */
const maxOpen = 1_000;

interface Open {
  readonly answers: Map<string, unknown>;
  /** Those that have not answered. */
  readonly waiting: Set<string>;
  /** One that became known meanwhile may answer, too. */
  readonly isForAll: boolean;
  /** Those that said that they have no answer. */
  readonly unable: string[];
  readonly resolve: (answers: PeerAnswers) => void;
  readonly timer: NodeJS.Timeout;
}

export interface QuestionOptions {
  readonly deadlineMs: number;
  readonly isForAll: boolean;
}

/** It waits for answers. */
export interface OpenQuestion {
  readonly id: string;
  readonly answered: Promise<PeerAnswers>;
}

export class Questions {
  readonly #open = new Map<string, Open>();

  /** @param asked one at least. @returns undefined when too many wait already. */
  open(asked: readonly string[], { deadlineMs, isForAll }: QuestionOptions): OpenQuestion | undefined {
    if (this.#open.size >= maxOpen) return undefined;
    const id = randomId();
    const { promise, resolve } = Promise.withResolvers<PeerAnswers>();
    const timer = setTimeout(() => {
      this.#close(id);
    }, deadlineMs);
    const waiting = new Set(asked);
    this.#open.set(id, { answers: new Map(), waiting, isForAll, unable: [], resolve, timer });
    return { id, answered: promise };
  }

  /** An answer came; undefined: that gateway has none. @returns false when none was waited for. */
  take(id: string, from: string, answer: unknown): boolean {
    const open = this.#open.get(id);
    if (!open) return false;
    if (!open.waiting.delete(from) && (!open.isForAll || open.answers.has(from))) return false;
    if (answer === undefined) open.unable.push(from);
    else open.answers.set(from, answer);
    if (open.waiting.size === 0) this.#close(id);
    return true;
  }

  /** A gateway left: it answers nothing more. */
  leave(name: string): void {
    for (const [id, { waiting }] of this.#open) if (waiting.has(name)) this.take(id, name, undefined);
  }

  /** None of the gateways but this one will answer. */
  give(id: string, self: string): void {
    const open = this.#open.get(id);
    if (!open) return;
    for (const name of open.waiting) if (name !== self) this.take(id, name, undefined);
  }

  /** Ends all of them with what came. */
  close(): void {
    for (const id of this.#open.keys()) this.#close(id);
  }

  #close(id: string): void {
    const open = this.#open.get(id);
    if (!open) return;
    this.#open.delete(id);
    clearTimeout(open.timer);
    open.resolve({ answers: open.answers, silent: [...open.unable, ...open.waiting] });
  }
}
