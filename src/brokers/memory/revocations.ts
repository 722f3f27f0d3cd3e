// The RevocationStore port in memory: for one gateway, as long as it runs.

import { maxRevocations } from "../../proofs/revocations.ts";
import type { KeptRevocations, Revocation, RevocationStore } from "../../proofs/revocations.ts";

export class MemoryRevocations implements RevocationStore {
  readonly #all = new Map<string, Revocation>();
  readonly #max: number;
  #version = 0;

  constructor(max = maxRevocations) {
    this.#max = max;
  }

  async add(revocation: Revocation): Promise<boolean> {
    const { kind, name, before, untilMs } = revocation;
    if (this.#all.size >= this.#max) this.#forget();
    const key = JSON.stringify([kind, name, before]);
    const kept = this.#all.get(key);
    if (!kept && this.#all.size >= this.#max) return false;
    this.#all.set(key, { ...revocation, untilMs: Math.max(untilMs, kept?.untilMs ?? 0) });
    this.#version += 1;
    return true;
  }

  async read(known: string | undefined): Promise<KeptRevocations | undefined> {
    const version = String(this.#version);
    if (version === known) return undefined;
    this.#forget();
    return { version, all: [...this.#all.values()] };
  }

  #forget(): void {
    const now = Date.now();
    for (const [key, { untilMs }] of this.#all) if (untilMs <= now) this.#all.delete(key);
  }
}
