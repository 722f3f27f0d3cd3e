// Django's signed values: the form of its sessions in redis_sessions and of signed session cookies. First stop for
// a string that a client or a store holds; what comes out is as trustworthy as SECRET_KEY.

import { createHash, createHmac } from "node:crypto";
import { inflateSync } from "node:zlib";
import { isEqualSecret } from "../../base/constant-time.ts";

/** Longest signed value, and longest payload once inflated, bytes (DJS-07). */
const maxSignedBytes = 1024 * 1024;

export interface SigningKeys {
  /** `SECRET_KEY` and then `SECRET_KEY_FALLBACKS`: any of them may have signed. */
  readonly secretKeys: readonly string[];
  /** Django's `DEFAULT_HASHING_ALGORITHM`: the only one that is accepted in the signed form. */
  readonly algorithm: "sha256" | "sha1";
}

export interface SignedSpec extends SigningKeys {
  readonly salt: string;
  /** Oldest value that passes, and what time it is, both in seconds; without it values do not age (DJS-08). */
  readonly age?: { readonly max: number; readonly now: number };
}

/**
 * The payload of `<payload>:<time>:<signature>`, verified and then inflated (DJS-07).
 * @returns undefined for anything that was not signed so, is too old, or is too large
 */
export function readSigned(value: string, spec: SignedSpec): Buffer | undefined {
  if (value.length > maxSignedBytes) return undefined;
  const end = value.lastIndexOf(":");
  const signed = value.slice(0, Math.max(end, 0));
  const middle = signed.lastIndexOf(":");
  if (middle === -1 || !isSignedBy(signed, value.slice(end + 1), spec)) return undefined;
  const time = readBase62(signed.slice(middle + 1));
  if (time === undefined || (spec.age && spec.age.now - time > spec.age.max)) return undefined;
  return unpack(signed.slice(0, middle));
}

function isSignedBy(signed: string, signature: string, spec: SignedSpec): boolean {
  const { algorithm, salt } = spec;
  // All keys are tried, so that the time does not tell which one was right.
  const matches = spec.secretKeys.filter((secretKey) => {
    const key = createHash(algorithm).update(`${salt}signer${secretKey}`).digest();
    return isEqualSecret(signature, createHmac(algorithm, key).update(signed).digest("base64url"));
  });
  return matches.length > 0;
}

/**
 * The payload of the form before Django 3.1, base64 of `<40 hex digits>:<payload>`; always HMAC-SHA1 (DJS-06).
 * @returns undefined for anything that was not signed so
 */
export function readLegacySigned(value: string, spec: Omit<SignedSpec, "algorithm">): Buffer | undefined {
  if (value.length > maxSignedBytes) return undefined;
  const bytes = Buffer.from(value, "base64");
  const end = bytes.indexOf(":");
  if (end !== 40) return undefined;
  const payload = bytes.subarray(end + 1);
  const signature = bytes.toString("latin1", 0, end);
  const matches = spec.secretKeys.filter((secretKey) => {
    const key = createHash("sha1").update(`${spec.salt}${secretKey}`).digest();
    return isEqualSecret(signature, createHmac("sha1", key).update(payload).digest("hex"));
  });
  return matches.length > 0 ? payload : undefined;
}

/** Only for what is verified: it inflates. A leading dot means zlib. */
function unpack(payload: string): Buffer | undefined {
  if (!payload.startsWith(".")) return Buffer.from(payload, "base64url");
  try {
    return inflateSync(Buffer.from(payload.slice(1), "base64url"), { maxOutputLength: maxSignedBytes });
  } catch {
    return undefined; // no zlib, or larger than the bound
  }
}

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** Seconds since 1970 in base 62; eight digits last for millions of years. */
function readBase62(text: string): number | undefined {
  if (!/^[0-9A-Za-z]{1,8}$/.test(text)) return undefined;
  let seconds = 0;
  for (const digit of text) seconds = seconds * 62 + alphabet.indexOf(digit);
  return seconds;
}
