// What waits for an answer, each for the same time at most, in the order in which it began. One timer serves all: the engine would
// keep each timer, and what it holds, until it is due. A list, and no Map: of a Map that grows at one end the engine keeps what was
// taken out until it looks through all of its memory.

export interface PendingListOptions<Item> {
  /** How long each waits, ms. */
  readonly maxMs: number;
  /** It waited for too long, and waits no more. */
  readonly onDue: (item: Item) => void;
  /** Monotonic clock, ms. @default performance.now */
  readonly now?: () => number;
}

/** What is taken at the front is let go in steps of this many: a list that is cut there is copied. */
const forgetEvery = 1_024;

export class PendingList<Item extends object> {
  readonly #options: PendingListOptions<Item>;
  readonly #now: () => number;
  /** From the number `#first` on; undefined: it was taken. */
  readonly #items: (Item | undefined)[] = [];
  readonly #dueAt: number[] = [];
  #first = 0;
  /** All before it were taken. */
  #oldest = 0;
  #isTimed = false;

  constructor(options: PendingListOptions<Item>) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** The number of the next one that is added. */
  get next(): number {
    return this.#first + this.#items.length;
  }

  get oldest(): Item | undefined {
    return this.#items[this.#oldest];
  }

  /** @returns its number, which no other gets. */
  add(item: Item): number {
    const { maxMs } = this.#options;
    this.#items.push(item);
    this.#dueAt.push(this.#now() + maxMs);
    if (!this.#isTimed) this.#lookIn(maxMs);
    return this.next - 1;
  }

  /** undefined: it was taken, or never added. */
  get(number: number): Item | undefined {
    return number >= this.#first ? this.#items[number - this.#first] : undefined;
  }

  /** It waits no more. @returns as {@link get} does. */
  take(number: number): Item | undefined {
    const item = this.get(number);
    if (item) this.#items[number - this.#first] = undefined;
    this.#forget();
    return item;
  }

  takeOldest(): Item | undefined {
    return this.take(this.#first + this.#oldest);
  }

  takeAll(): readonly Item[] {
    const items = this.#items.filter((item) => item !== undefined);
    this.#let(this.#items.length);
    return items;
  }

  #forget(): void {
    const { length } = this.#items;
    while (this.#oldest < length && !this.#items[this.#oldest]) this.#oldest++;
    if (this.#oldest === length || this.#oldest >= forgetEvery) this.#let(this.#oldest);
  }

  /** Lets go of so many at the front. */
  #let(count: number): void {
    this.#items.splice(0, count);
    this.#dueAt.splice(0, count);
    this.#first += count;
    this.#oldest = 0;
  }

  #lookIn(ms: number): void {
    this.#isTimed = true;
    // No process stays alive for it: what waits has a connection open.
    setTimeout(this.#look, ms).unref();
  }

  /** The oldest is due first. */
  readonly #look = (): void => {
    this.#isTimed = false;
    const now = this.#now();
    for (let { oldest } = this; oldest; { oldest } = this) {
      const leftMs = (this.#dueAt[this.#oldest] ?? 0) - now;
      if (leftMs > 0) {
        // What became of an earlier one may have added others, and set the timer.
        if (!this.#isTimed) this.#lookIn(leftMs);
        return;
      }
      this.takeOldest();
      this.#options.onDue(oldest);
    }
  };
}
