// The KeyStore port: the small keys that other programs and dialects keep beside the bus, as Redis has them: secrets of
// room-spaces, sessions, persisted messages. brokers/<name>/ implement it.

/** Every call rejects with GatewayError `bus_unavailable` when the store does not answer within its deadline. */
export interface KeyStore {
  /** Values of string keys, `undefined` where absent or of another type. */
  get(keys: readonly string[]): Promise<readonly (string | undefined)[]>;
  /** The same, as bytes: values that are no text (pickles, compressed sessions, messages). */
  getBytes(keys: readonly string[]): Promise<readonly (Buffer | undefined)[]>;
  /** A field of a hash, as bytes; `undefined` where absent. Rejects with `bus_unavailable` when the key is no hash. */
  getField(key: string, field: string): Promise<Buffer | undefined>;
  /** Sets a string key, for so many seconds or for ever. */
  set(key: string, value: string | Uint8Array, ttlSeconds?: number): Promise<void>;
  /** Takes a string key away: of several that take it at once, one gets it. */
  take(key: string): Promise<Buffer | undefined>;
  /** Lets a key live for so many seconds from now on. @returns false when it is not there. */
  touch(key: string, ttlSeconds: number): Promise<boolean>;
  remove(key: string): Promise<void>;
}
