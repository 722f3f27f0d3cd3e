// The other gateways of the bus that showed themselves lately. Pure: no clock of its own.

/** How long a gateway is known after its last sign of life, ms: three beats. */
export const forgetMs = 15_000;
/** So many are known at most: any client of the server may name itself one. */
const maxKnown = 1_000;

export class KnownGateways {
  /** When each was heard last, ms. */
  readonly #heardAt = new Map<string, number>();

  get names(): readonly string[] {
    return [...this.#heardAt.keys()];
  }

  /** It showed a sign of life. @returns whether it is new here; undefined: there are too many. */
  hear(name: string, now: number): boolean | undefined {
    const isNew = !this.#heardAt.has(name);
    if (isNew && this.#heardAt.size >= maxKnown) return undefined;
    this.#heardAt.set(name, now);
    return isNew;
  }

  /** It left. @returns whether it was known. */
  leave(name: string): boolean {
    return this.#heardAt.delete(name);
  }

  /** Forgets those that were silent for too long. @returns their names. */
  forget(now: number): readonly string[] {
    const gone = [...this.#heardAt].filter(([, heardAt]) => now - heardAt > forgetMs).map(([name]) => name);
    for (const name of gone) this.#heardAt.delete(name);
    return gone;
  }

  /** All are heard as if now: nothing could be heard from any of them. */
  spare(now: number): void {
    for (const name of this.#heardAt.keys()) this.#heardAt.set(name, now);
  }
}
