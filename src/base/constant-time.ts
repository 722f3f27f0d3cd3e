// Compares secrets without telling by its time how much of a guess was right: digests of equal length, compared to
// the last byte, also when there is nothing to compare with (T13, T16). All secrets of the gateway, and digests of them, are compared here.

import { timingSafeEqual } from "node:crypto";

/** Digested in the place of what is absent, so that this takes as long as a usual secret. */
const decoy = "x".repeat(32);

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

/** @param into 32 bytes. */
function digest(value: unknown, into: Uint8Array): Uint8Array {
  const text = isText(value) ? value : decoy;
  // UTF-16 keeps strings apart that UTF-8 would merge: lone surrogates all become the same replacement character.
  Bun.SHA256.hash(Buffer.from(text, "utf16le"), into);
  return into;
}

/**
 * Are both the same non-empty string? Number `123` is not `"123"` (WSE-03).
 * The work is the same whatever they are, so an absent secret answers as late as a wrong one.
 */
export function isEqualSecret(candidate: unknown, secret: unknown): boolean {
  return secretCheck(secret)(candidate);
}

/**
 * The same for a secret that is compared over and over, as the publish secret is (SEC-11, WSE-22): its digest is made once, and the
 * candidate's in one place. An empty secret is none: nothing passes (WSE-27).
 */
export function secretCheck(secret: unknown): (candidate: unknown) => boolean {
  const expected = digest(secret, new Uint8Array(32));
  const got = new Uint8Array(32);
  return (candidate) => {
    const isEqual = timingSafeEqual(digest(candidate, got), expected);
    return isEqual && isText(candidate) && isText(secret);
  };
}
