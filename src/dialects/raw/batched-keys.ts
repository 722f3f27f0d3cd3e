// Reads keys for many clients with few questions: the keys of one turn of the event loop are asked for together. When a
// thousand pages come back at once, Redis is asked once for what they have in common.

import { setImmediate } from "node:timers/promises";
import type { KeyStore } from "../../core/keys.ts";

type Values = ReadonlyMap<string, Buffer | undefined>;

interface Batch {
  readonly names: Set<string>;
  readonly values: Promise<Values>;
}

/** Names that one question may have; the last reader's may come on top. */
const maxNames = 1_000;

export class BatchedKeys {
  readonly #keys: Pick<KeyStore, "getBytes">;
  #batch: Batch | undefined;

  constructor(keys: Pick<KeyStore, "getBytes">) {
    this.#keys = keys;
  }

  /** The values of these keys, as they are after this call. Rejects with GatewayError `bus_unavailable`. */
  async read(names: readonly string[]): Promise<readonly (Buffer | undefined)[]> {
    if (names.length === 0) return [];
    const batch = (this.#batch ??= this.#open());
    for (const name of names) batch.names.add(name);
    if (batch.names.size >= maxNames) this.#batch = undefined;
    const values = await batch.values;
    return names.map((name) => values.get(name));
  }

  #open(): Batch {
    const names = new Set<string>();
    return { names, values: this.#ask(names) };
  }

  async #ask(batched: ReadonlySet<string>): Promise<Values> {
    await setImmediate();
    if (this.#batch?.names === batched) this.#batch = undefined;
    const names = [...batched];
    const values = await this.#keys.getBytes(names);
    return new Map(names.map((name, index) => [name, values[index]]));
  }
}
