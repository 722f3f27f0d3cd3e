// Compares secrets without telling by its time how much of a guess was right: digests of equal length, compared to
// the last byte, also when there is nothing to compare with (T13, T16). Every secret of the gateway is compared here.

import { createHash, timingSafeEqual } from "node:crypto";

/** Digested in the place of what is absent, so that this takes as long as a usual secret. */
const decoy = "x".repeat(32);

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

function digest(value: unknown): Buffer {
  const text = isText(value) ? value : decoy;
  // UTF-16 keeps strings apart that UTF-8 would merge: lone surrogates all become the same replacement character.
  return createHash("sha256").update(text, "utf16le").digest();
}

/**
 * Are both the same non-empty string? Number `123` is not `"123"` (WSE-03).
 * The work is the same whatever they are, so an absent secret answers as late as a wrong one.
 */
export function isEqualSecret(candidate: unknown, secret: unknown): boolean {
  return secretCheck(secret)(candidate);
}

/** The same for a secret that is compared over and over: its digest is made once. */
function secretCheck(secret: unknown): (candidate: unknown) => boolean {
  const expected = digest(secret);
  return (candidate) => {
    const isEqual = timingSafeEqual(digest(candidate), expected);
    return isEqual && isText(candidate) && isText(secret);
  };
}

/** The check of a publish secret (SEC-11, WSE-22). An empty secret is none: nothing passes (WSE-27). */
export function publishSecret(secret: string): (candidate: unknown) => boolean {
  return secretCheck(secret);
}
