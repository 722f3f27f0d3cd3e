// The public keys of one issuer, from a JWKS at a fixed URL. They are kept while the server of the keys is away, and fetched
// anew behind the back of those who come: by age, and when a token names a key that is not among them. A redirect is not
// followed, and an answer is bounded in size and time (T18, T24).

import { createLocalJWKSet, errors } from "jose";
import type { CryptoKey, FlattenedJWSInput, JSONWebKeySet, JWSHeaderParameters } from "jose";
import { readStream } from "../../codec/body.ts";
import { readJsonText } from "../../codec/utf8.ts";
import type { Fetch } from "../result.ts";

/** Largest JWKS, bytes. */
const maxBytes = 256 * 1024;
const timeoutMs = 2_000;
/** Keys of this age are used, and fetched anew meanwhile, ms. */
const freshMs = 5 * 60_000;
/** Keys of this age are used no more: one that was taken back would be good for ever, ms. */
const maxAgeMs = 24 * 3_600_000;
/** Tokens with unknown keys, and failures, make the gateway ask again after so long, ms. */
const pauseMs = 5_000;

/** The keys could not be had. */
export class KeysUnavailable extends Error {
  override readonly name = "KeysUnavailable";
}

type KeyFinder = (header: JWSHeaderParameters, token: FlattenedJWSInput) => Promise<CryptoKey>;

export interface KeyServerParts {
  readonly url: string;
  readonly fetch: Fetch;
  /** Monotonic clock, ms. */
  now(): number;
}

export class KeyServer {
  readonly #parts: KeyServerParts;
  #find: KeyFinder | undefined;
  #fetchedAt = Number.NEGATIVE_INFINITY;
  #askedAt = Number.NEGATIVE_INFINITY;
  #asking: Promise<void> | undefined;

  constructor(parts: KeyServerParts) {
    this.#parts = parts;
  }

  /** Rejects with {@link KeysUnavailable}, or as jose does when none of the keys fits. */
  readonly keyOf: KeyFinder = async (header, token) => {
    const age = this.#age();
    if (age > maxAgeMs) await this.#ask();
    else if (age > freshMs) void this.#ask();
    const find = this.#usable();
    try {
      return await find(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      await this.#ask();
      const newer = this.#usable();
      if (newer === find) throw error;
      return await newer(header, token);
    }
  };

  #age(): number {
    return this.#parts.now() - this.#fetchedAt;
  }

  #usable(): KeyFinder {
    if (this.#find && this.#age() <= maxAgeMs) return this.#find;
    throw new KeysUnavailable("Expected the keys of the issuer, got no answer");
  }

  /** One request at a time, and few of them; a failure leaves the keys as they are, until they are too old. */
  async #ask(): Promise<void> {
    const now = this.#parts.now();
    if (this.#asking || now - this.#askedAt < pauseMs) return this.#asking;
    this.#askedAt = now;
    this.#asking = this.#fetch().then(
      (find) => {
        this.#find = find;
        this.#fetchedAt = this.#parts.now();
      },
      () => undefined, // said to those who come without usable keys
    );
    await this.#asking;
    this.#asking = undefined;
  }

  async #fetch(): Promise<KeyFinder> {
    const response = await this.#parts.fetch(this.#parts.url, {
      headers: { accept: "application/json, application/jwk-set+json" },
      redirect: "manual",
      // Of the whole exchange, the body too.
      signal: AbortSignal.timeout(timeoutMs),
    });
    const bytes = await readStream(response.body, maxBytes);
    if (response.status !== 200) throw new KeysUnavailable(`Expected 200, got ${response.status}`);
    // It refuses what is no set of keys.
    return createLocalJWKSet(JSON.parse((bytes && readJsonText(bytes)) ?? "") as JSONWebKeySet);
  }
}
