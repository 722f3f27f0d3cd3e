// Answers of the connect hook that say when they end, by the digest of what was shown. Bounded: the one that was used longest
// ago goes first.

import type { Identity } from "../../core/identity.ts";

const maxAnswers = 10_000;

export class AnswerCache {
  readonly #answers = new Map<string, Identity>();
  readonly #max: number;

  constructor(max = maxAnswers) {
    this.#max = max;
  }

  get size(): number {
    return this.#answers.size;
  }

  /** @param nowMs since 1970. */
  get(key: string, nowMs: number): Identity | undefined {
    const found = this.#answers.get(key);
    if (!found) return undefined;
    this.#answers.delete(key);
    if ((found.expiresAtMs ?? 0) <= nowMs) return undefined;
    this.#answers.set(key, found);
    return found;
  }

  set(key: string, identity: Identity): void {
    this.#answers.delete(key);
    this.#answers.set(key, identity);
    if (this.#answers.size <= this.#max) return;
    const [oldest] = this.#answers.keys();
    if (oldest !== undefined) this.#answers.delete(oldest);
  }
}
