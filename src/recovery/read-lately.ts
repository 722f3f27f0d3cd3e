// What was read from the tape (tape.ts) for clients that came back, for the next ones of a storm: each record is read once, and
// all of them are given the same object.

import type { Kept } from "./recovery.ts";
import type { Place } from "./tape-ring.ts";

/** So much may wait for them, bytes as kept. */
const maxBytes = 8 * 1024 * 1024;

export class ReadLately {
  readonly #read = new Map<Place, Kept>();
  #bytes = 0;

  get(record: Place): Kept | undefined {
    return this.#read.get(record);
  }

  /** @param bytes what it takes on the tape. */
  add(record: Place, kept: Kept, bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > maxBytes) this.clear();
    this.#read.set(record, kept);
  }

  clear(): void {
    this.#read.clear();
    this.#bytes = 0;
  }
}
