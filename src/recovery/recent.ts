// The latest numbers by name, so many at most: the oldest is forgotten first. For the tape (tape.ts). A `Map` alone would do,
// but looking for its oldest entry walks over all that were deleted before.

export class Recent {
  readonly #max: number;
  readonly #values = new Map<string, number>();
  /** As they came; those that were set or deleted since stand here still. */
  #order: { readonly key: string; readonly value: number }[] = [];
  #first = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get(key: string): number | undefined {
    return this.#values.get(key);
  }

  /** Its value must not be what it was when it was set before. @returns the value of the one that is forgotten for it */
  set(key: string, value: number): number | undefined {
    this.#values.set(key, value);
    this.#order.push({ key, value });
    const forgotten = this.#values.size > this.#max ? this.#forget() : undefined;
    if (this.#order.length > 4 * this.#max) {
      this.#order = this.#order.slice(this.#first).filter((one) => this.#values.get(one.key) === one.value);
      this.#first = 0;
    }
    return forgotten;
  }

  delete(key: string): void {
    this.#values.delete(key);
  }

  clear(): void {
    this.#values.clear();
    this.#order = [];
    this.#first = 0;
  }

  #forget(): number | undefined {
    for (;;) {
      const oldest = this.#order[this.#first++];
      if (!oldest) return undefined;
      const { key, value } = oldest;
      if (this.#values.get(key) !== value) continue;
      this.#values.delete(key);
      return value;
    }
  }
}
