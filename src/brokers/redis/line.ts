// The line of a Redis bus: Redis carries out one PUBLISH after the other, and one connection gets the messages of all its
// channels and patterns in that order. So every gateway with the same lasting subscriptions at the same server sees the same
// line. Another server has another order: a replica, or the next primary (run-id.ts).

import type { LineObserver } from "../marker.ts";
import { readMarker } from "../marker.ts";

export class Line {
  readonly #observer: LineObserver | undefined;
  #name = "00000000";
  #isWhole = false;

  constructor(observer: LineObserver | undefined) {
    this.#observer = observer;
  }

  get name(): string {
    return this.#name;
  }

  /**
   * @param filters what is subscribed to, in any order.
   * @param server where.
   * @returns true when that makes another line, which is cut then.
   */
  rename(filters: readonly string[], server = ""): boolean {
    const text = [server, ...filters.toSorted()].join("\n");
    const name = new Bun.CryptoHasher("sha256").update(text).digest("hex").slice(0, 8);
    if (name === this.#name) return false;
    this.#name = name;
    this.cut();
    return true;
  }

  /** Everything on it is heard from now on. */
  join(): void {
    this.#isWhole = true;
  }

  cut(): void {
    if (this.#isWhole) this.#observer?.cut();
    this.#isWhole = false;
  }

  step(): void {
    if (this.#isWhole) this.#observer?.step();
  }

  /** Those of another line count other messages. */
  mark(token: string): void {
    if (this.#isWhole && readMarker(token)?.line === this.#name) this.#observer?.mark(token);
  }
}
