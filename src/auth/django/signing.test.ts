// Django's signed values: what Django 3.2 itself wrote, and what somebody without its key would write.

import { describe, expect, test } from "bun:test";
import { createHash, createHmac } from "node:crypto";
import { deflateSync } from "node:zlib";
import fc from "fast-check";
import { readLegacySigned, readSigned } from "./signing.ts";
import type { SignedSpec } from "./signing.ts";

const cookieSalt = "django.contrib.sessions.backends.signed_cookies";
const storeSalt = "django.contrib.sessions.SessionStore";
const legacySalt = "django.contrib.sessionsSessionStore";
const payload =
  ".eJyrVopPLC3JiC8tTi2Kz0xRslIyV9JBFktKTM5OzQNJpGQl5qXn6yXn55UUZSbpgZToQWWL9XzzU1JznKBqUQzISCzOAOquAIqWF5sUpaZkFlvlpuYmpRblpylZRSslZySWlKQWFSvF1gIAAyAyiw";
const session =
  '{"_auth_user_id":"7","_auth_user_backend":"django.contrib.auth.backends.ModelBackend","_auth_user_hash":"x","ws4redis:memberof":["chatters"]}';
const cookie = `${payload}:1r31eq:V7yt9rv60w4c8RAKnbjE_S_O6bNYGWBoIP-NifMo4nM`;
const sha1Cookie = `${payload}:1r31eq:5LqhezIF5A0EkulL2ey275VolcY`;
const stored = `${payload}:1r31eq:ekt606u-zXkEugtt7ZZAe3QltfS3YmTLLKhHql_OSUI`;
const legacy = "Zjc2NDA5NTVlNWUyMmY4ZTZhOTg1NTA2OGM2NjA5ZDcwNTE1MjkwNDp7ImEiOjF9";
const signedAt = 1_700_000_000;

const keys = { secretKeys: ["s3cr3t"], algorithm: "sha256" } as const;
const cookieSpec: SignedSpec = { ...keys, salt: cookieSalt };
const legacySpec = { secretKeys: ["s3cr3t"], salt: legacySalt };

/** Signs as Django does. */
function sign(
  text: string,
  { salt, secretKeys: [secret = ""], algorithm }: SignedSpec,
  time = "1r31eq",
): string {
  const key = createHash(algorithm).update(`${salt}signer${secret}`).digest();
  const signed = `${text}:${time}`;
  return `${signed}:${createHmac(algorithm, key).update(signed).digest("base64url")}`;
}

const read = (value: string, spec: Partial<SignedSpec> = {}): string | undefined =>
  readSigned(value, { ...cookieSpec, ...spec })?.toString();

describe("the signed form", () => {
  test("DJS-07 DJS-08 a signed cookie of Django is read", () => expect(read(cookie)).toBe(session));

  test("DJS-06 DJS-07 so is a value of redis_sessions, by its own salt alone", () => {
    expect(read(stored, { salt: storeSalt })).toBe(session);
    expect(read(stored)).toBeUndefined();
    expect(read(cookie, { salt: storeSalt })).toBeUndefined();
  });

  test("DJS-07 without a leading dot the payload is not compressed", () => {
    expect(read("eyJhIjoxfQ:1r31eq:905b6WpZHJ2u6tY9DA5PXMA2CYOBt-xPMDFAjqD2BUo")).toBe('{"a":1}');
  });

  test("DJS-07 SHA-1 is accepted when it is the configured algorithm, and only then", () => {
    expect(read(sha1Cookie, { algorithm: "sha1" })).toBe(session);
    expect(read(sha1Cookie)).toBeUndefined();
    expect(read(cookie, { algorithm: "sha1" })).toBeUndefined();
  });

  test("DJS-07 any of the fallback keys may have signed", () => {
    expect(read(cookie, { secretKeys: ["new", "newer", "s3cr3t"] })).toBe(session);
    expect(read(cookie, { secretKeys: ["new", "newer"] })).toBeUndefined();
    expect(read(cookie, { secretKeys: [] })).toBeUndefined();
  });

  test("DJS-08 a value ages by its own time", () => {
    const max = 1_209_600;
    expect(read(cookie, { age: { max, now: signedAt + max } })).toBe(session);
    expect(read(cookie, { age: { max, now: signedAt + max + 1 } })).toBeUndefined();
  });

  test("DJS-07 the time is signed too", () => {
    const age = { max: 10, now: signedAt + 100_000 };
    expect(read(cookie.replace(":1r31eq:", ":1r4aaa:"), { age })).toBeUndefined();
    for (const time of ["", "-1", "1r31e!", "1r31eq1r31eq", " 1r31eq"]) {
      expect(read(sign(payload, cookieSpec, time))).toBeUndefined();
    }
  });

  test("DJS-07 truncated at each byte, or with any byte changed, nothing is read", () => {
    for (let length = 0; length < cookie.length; length++) {
      expect(read(cookie.slice(0, length))).toBeUndefined();
      const other = cookie[length] === "x" ? "y" : "x";
      expect(read(cookie.slice(0, length) + other + cookie.slice(length + 1))).toBeUndefined();
    }
  });

  test("DJS-07 other spellings of a signature are no signature", () => {
    const standard = cookie.replaceAll("_", "/").replaceAll("-", "+");
    for (const value of [
      `${cookie}=`,
      `${cookie} `,
      `${cookie}A`,
      standard,
      ` ${cookie}`,
      `${payload}:1r31eq:`,
    ]) {
      expect(read(value)).toBeUndefined();
    }
  });

  test("DJS-07 a bomb of 1000:1 is refused, signed or not, and what is not signed is never inflated", () => {
    const bomb = `.${deflateSync(Buffer.alloc(100 * 1024 * 1024)).toString("base64url")}`;
    const start = performance.now();
    expect(read(sign(bomb, cookieSpec))).toBeUndefined();
    expect(read(`${bomb}:1r31eq:V7yt9rv60w4c8RAKnbjE_S_O6bNYGWBoIP-NifMo4nM`)).toBeUndefined();
    expect(performance.now() - start).toBeLessThan(1_000);
    const full = `.${deflateSync(Buffer.alloc(1024 * 1024, "a")).toString("base64url")}`;
    expect(read(sign(full, cookieSpec))).toHaveLength(1024 * 1024);
  });

  test("DJS-07 a signed payload that is no zlib is refused, one over 1 MiB is not looked at", () => {
    expect(read(sign(".AAAA", cookieSpec))).toBeUndefined();
    expect(read(sign("A".repeat(1024 * 1024), cookieSpec))).toBeUndefined();
  });

  test("DJS-07 SEC-02 100,000 forgeries: nothing is read, nothing is thrown", () => {
    const part = fc.string({ unit: fc.constantFrom(...Array.from("aZ09._-=:+/é\0")), maxLength: 60 });
    const near = fc.tuple(fc.nat(cookie.length), part).map(([at, text]) => cookie.slice(0, at) + text);
    fc.assert(
      fc.property(fc.oneof(part, near), (value) => {
        fc.pre(value !== cookie);
        expect(readSigned(value, cookieSpec)).toBeUndefined();
      }),
      { numRuns: 100_000 },
    );
  }, 60_000);
});

describe("the form before Django 3.1", () => {
  test("DJS-06 it is read by its HMAC-SHA1, with any of the keys", () => {
    expect(readLegacySigned(legacy, legacySpec)?.toString()).toBe('{"a":1}');
    expect(readLegacySigned(legacy, { ...legacySpec, secretKeys: ["new", "s3cr3t"] })?.toString()).toBe(
      '{"a":1}',
    );
    expect(readLegacySigned(legacy, { ...legacySpec, secretKeys: ["new"] })).toBeUndefined();
    expect(readLegacySigned(legacy, { ...legacySpec, salt: storeSalt })).toBeUndefined();
  });

  test("DJS-06 truncated at each byte, or with any bit changed, nothing is read", () => {
    const bytes = Buffer.from(legacy, "base64");
    for (let at = 0; at < bytes.length; at++) {
      expect(readLegacySigned(bytes.subarray(0, at).toString("base64"), legacySpec)).toBeUndefined();
      const forged = Buffer.from(bytes);
      forged.writeUInt8(bytes.readUInt8(at) ^ 1, at);
      expect(readLegacySigned(forged.toString("base64"), legacySpec)).toBeUndefined();
    }
  });

  test("DJS-06 SEC-02 100,000 forgeries: nothing is read, nothing is thrown", () => {
    const digest = fc.string({
      unit: fc.constantFrom(...Array.from("0123456789abcdef")),
      minLength: 39,
      maxLength: 41,
    });
    const close = fc
      .tuple(digest, fc.string({ maxLength: 20 }))
      .map(([hex, text]) => btoa(`${hex}:${encodeURI(text.toWellFormed())}`));
    fc.assert(
      fc.property(fc.oneof(close, fc.string({ maxLength: 100 })), (value) => {
        expect(readLegacySigned(value, legacySpec)).toBeUndefined();
      }),
      { numRuns: 100_000 },
    );
  }, 60_000);
});
