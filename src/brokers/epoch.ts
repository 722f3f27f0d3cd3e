// The name of one life of a log (core/log.ts): random, so that no two are ever the same.

/** 24 letters and digits. */
export function createEpoch(): string {
  return crypto.randomUUID().replaceAll("-", "").slice(0, 24);
}
