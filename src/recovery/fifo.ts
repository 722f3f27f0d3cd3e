// A list that grows at its end and shrinks at its beginning, at a constant cost for each.

/** The head is given back to the list's memory once so many places of it are empty. */
const slack = 1_024;

export class Fifo<Item> {
  #items: (Item | undefined)[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  get first(): Item | undefined {
    return this.#items[this.#head];
  }

  get last(): Item | undefined {
    return this.length === 0 ? undefined : this.#items.at(-1);
  }

  push(item: Item): void {
    this.#items.push(item);
  }

  shift(): Item | undefined {
    if (this.length === 0) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head++] = undefined;
    if (this.#head >= slack && this.#head * 2 >= this.#items.length) {
      this.#items.splice(0, this.#head);
      this.#head = 0;
    }
    return item;
  }

  /** The items from the end of the list for as long as they fit, in the list's order. */
  tail(fits: (item: Item) => boolean): readonly Item[] {
    let start = this.#items.length;
    while (start > this.#head) {
      const item = this.#items[start - 1];
      if (item === undefined || !fits(item)) break;
      start--;
    }
    return this.#items.slice(start) as readonly Item[];
  }
}
