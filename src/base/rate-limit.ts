// Token buckets: how often a client may do something. A bucket starts full and fills up again at a steady rate.
// Used for failed joins (WSE-08), for handshakes by address (SEC-06, SEC-15), for keys that come back (SEC-09) and for
// what a client sends (SEC-06).

/** The two of `vocabulary/limits.ts` that bound what one client may send. */
interface PacketLimits {
  readonly packetsPerSecond: number;
  readonly packetsBurst: number;
}

export interface Rate {
  readonly perSecond: number;
  /** How much may come at once, and in all before the bucket has filled up again. */
  readonly burst: number;
}

/** What one client may send (SEC-06). */
export function packetRate({ packetsPerSecond, packetsBurst }: PacketLimits): Rate {
  return { perSecond: packetsPerSecond, burst: packetsBurst };
}

/** Times are of a monotonic clock, ms. */
export class TokenBucket {
  readonly #rate: Rate;
  #tokens: number;
  #filledAt: number;

  constructor(rate: Rate, now: number) {
    this.#rate = rate;
    this.#tokens = rate.burst;
    this.#filledAt = now;
  }

  /** Is there a token? Takes none. */
  hasToken(now: number): boolean {
    this.#fill(now);
    return this.#tokens >= 1;
  }

  /** @returns false when there were not so many; then it takes none. */
  take(now: number, count = 1): boolean {
    this.#fill(now);
    if (this.#tokens < count) return false;
    this.#tokens -= count;
    return true;
  }

  /** As if nothing had ever been taken. */
  isFull(now: number): boolean {
    this.#fill(now);
    return this.#tokens >= this.#rate.burst;
  }

  #fill(now: number): void {
    if (now <= this.#filledAt) return;
    const seconds = (now - this.#filledAt) / 1_000;
    this.#tokens = Math.min(this.#rate.burst, this.#tokens + seconds * this.#rate.perSecond);
    this.#filledAt = now;
  }
}

/** A bucket for each key, at most so many: past that the one that was used longest ago is forgotten. */
export class BucketTable {
  readonly #rate: Rate;
  readonly #maxKeys: number;
  /** The one used longest ago comes first. */
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(rate: Rate, maxKeys: number) {
    this.#rate = rate;
    this.#maxKeys = maxKeys;
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** Is there a token? Takes none, and remembers nothing of a key it does not know. */
  hasToken(key: string, now: number): boolean {
    return this.#buckets.get(key)?.hasToken(now) ?? this.#rate.burst >= 1;
  }

  /** @returns false when there was none. */
  take(key: string, now: number): boolean {
    const bucket = this.#buckets.get(key) ?? this.#open(now);
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    return bucket.take(now);
  }

  /** Forgets the oldest buckets that are full again, at most so many: they say nothing. */
  forget(now: number, most: number): void {
    for (const [key, bucket] of this.#buckets.entries().take(most)) {
      if (!bucket.isFull(now)) return;
      this.#buckets.delete(key);
    }
  }

  #open(now: number): TokenBucket {
    this.#forget(now);
    return new TokenBucket(this.#rate, now);
  }

  /** Two at a time, so that the table shrinks again however long no client comes. */
  #forget(now: number): void {
    const oldest = this.#buckets.entries();
    for (const [key, bucket] of oldest.take(2)) {
      if (bucket.isFull(now) || this.#buckets.size >= this.#maxKeys) this.#buckets.delete(key);
    }
  }
}
