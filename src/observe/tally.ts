// Plain numbers behind the metrics: what the hot path adds to, once per publication, and a scrape reads. No label
// hashing per call, and a bounded number of series whatever is passed as a label.

/** One series: its labels and two sums, for example messages and bytes. */
export interface Cell {
  readonly labels: readonly string[];
  count: number;
  bytes: number;
}

/** Series of one tally; what comes later is counted together as `other`. */
const maxCells = 200;

const fitLabel = /^[\w.-]{1,64}$/;

export class Tally {
  readonly #cells = new Map<string, Cell>();
  /** Their names. */
  readonly labels: readonly [string] | readonly [string, string];

  constructor(...labels: Tally["labels"]) {
    this.labels = labels;
  }

  /** The series of these labels. */
  at(first: string, second = ""): Cell {
    const key = this.labels.length === 1 ? first : `${first}\n${second}`;
    return this.#cells.get(key) ?? this.#open(first, second);
  }

  cells(): Iterable<Cell> {
    return this.#cells.values();
  }

  #open(first: string, second: string): Cell {
    const wanted = [first, second].slice(0, this.labels.length);
    const isFull = this.#cells.size >= maxCells;
    const labels = wanted.map((label) => (!isFull && fitLabel.test(label) ? label : "other"));
    const key = labels.join("\n");
    const known = this.#cells.get(key);
    if (known) return known;
    const cell: Cell = { labels, count: 0, bytes: 0 };
    this.#cells.set(key, cell);
    return cell;
  }
}
