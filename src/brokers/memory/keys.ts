// The KeyStore port in memory: what this process wrote. The oldest keys go first.

import { GatewayError } from "../../vocabulary/errors.ts";
import type { KeyStore } from "../../core/keys.ts";

/** Keys that are kept; the oldest go first. */
const maxKeys = 100_000;

interface StoredKey {
  readonly value: Buffer;
  /** End of its life, ms of the monotonic clock. */
  readonly until: number;
}

export class MemoryKeys implements KeyStore {
  readonly #keys = new Map<string, StoredKey>();
  #isClosed = false;

  async get(keys: readonly string[]): Promise<readonly (string | undefined)[]> {
    return (await this.getBytes(keys)).map((value) => value?.toString());
  }

  async getBytes(keys: readonly string[]): Promise<readonly (Buffer | undefined)[]> {
    this.#checkOpen();
    return keys.map((key) => {
      const stored = this.#keys.get(key);
      return stored && stored.until > performance.now() ? Buffer.from(stored.value) : undefined;
    });
  }

  /** Only this process writes here, and it writes no hashes. */
  async getField(): Promise<Buffer | undefined> {
    this.#checkOpen();
    return undefined;
  }

  async set(key: string, value: string | Uint8Array, ttlSeconds = Infinity): Promise<void> {
    this.#checkOpen();
    const now = performance.now();
    this.#keys.delete(key);
    this.#keys.set(key, { value: Buffer.from(value), until: now + ttlSeconds * 1000 });
    if (this.#keys.size <= maxKeys) return;
    // Oldest first: what has ended goes, and then what was set longest ago.
    for (const [old, { until }] of this.#keys) {
      if (this.#keys.size > maxKeys || until <= now) this.#keys.delete(old);
      else break;
    }
  }

  async take(key: string): Promise<Buffer | undefined> {
    const [value] = await this.getBytes([key]);
    // Of two that read it in one turn, the one that finds it to remove has it.
    return this.#keys.delete(key) ? value : undefined;
  }

  async touch(key: string, ttlSeconds: number): Promise<boolean> {
    const [value] = await this.getBytes([key]);
    if (value) await this.set(key, value, ttlSeconds);
    return value !== undefined;
  }

  async remove(key: string): Promise<void> {
    this.#checkOpen();
    this.#keys.delete(key);
  }

  close(): void {
    this.#isClosed = true;
  }

  #checkOpen(): void {
    if (this.#isClosed) {
      throw new GatewayError("bus_unavailable", "Expected an open store of keys, got a closed one");
    }
  }
}
