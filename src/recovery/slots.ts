// Things with a small number each, by which bytes can name them; a number that is free is given again.

export class Slots<Item> {
  readonly #items: (Item | undefined)[] = [];
  readonly #free: number[] = [];

  /** How many there are. */
  get count(): number {
    return this.#items.length - this.#free.length;
  }

  get(index: number): Item | undefined {
    return this.#items[index];
  }

  add(create: (index: number) => Item): Item {
    const index = this.#free.pop() ?? this.#items.length;
    const item = create(index);
    this.#items[index] = item;
    return item;
  }

  /** It must be there. */
  free(index: number): void {
    this.#items[index] = undefined;
    this.#free.push(index);
  }

  clear(): void {
    this.#items.length = 0;
    this.#free.length = 0;
  }
}
