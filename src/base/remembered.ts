// What was found out about something, for the next time that it is asked for.

/** So many are remembered at most: all are forgotten for the next one. */
export class Remembered<Key, Value> {
  readonly #max: number;
  readonly #find: (key: Key) => Value;
  readonly #known = new Map<Key, Value>();

  /** @param find always finds the same for a key, and never `undefined`. */
  constructor(max: number, find: (key: Key) => Value) {
    this.#max = max;
    this.#find = find;
  }

  get(key: Key): Value {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const found = this.#find(key);
    if (this.#known.size >= this.#max) this.#known.clear();
    this.#known.set(key, found);
    return found;
  }
}
