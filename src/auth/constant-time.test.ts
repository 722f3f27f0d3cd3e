// Equality of secrets: exact, for non-empty strings only, and over digests of one length.

import { describe, expect, spyOn, test } from "bun:test";
import * as crypto from "node:crypto";
import fc from "fast-check";
import { isEqualSecret, publishSecret } from "./constant-time.ts";

const others = [
  undefined,
  null,
  true,
  0,
  123,
  Number.NaN,
  [],
  ["abc"],
  {},
  { toString: () => "abc" },
  Symbol("abc"),
];

describe("equality", () => {
  test("WSE-03 SEC-11 the same string is equal, another is not", () => {
    expect(isEqualSecret("abc", "abc")).toBe(true);
    for (const wrong of ["ab", "abcd", "abd", "Abc", "abc ", "abc\0", " abc", ""]) {
      expect(isEqualSecret(wrong, "abc")).toBe(false);
      expect(isEqualSecret("abc", wrong)).toBe(false);
    }
  });

  test("WSE-03 WSE-22 what is no string equals nothing, itself included", () => {
    for (const other of others) {
      expect(isEqualSecret(other, "abc")).toBe(false);
      expect(isEqualSecret("abc", other)).toBe(false);
      expect(isEqualSecret(other, other)).toBe(false);
      expect(isEqualSecret(other, "")).toBe(false);
      expect(isEqualSecret("", other)).toBe(false);
    }
    expect(isEqualSecret(123, "123")).toBe(false);
  });

  test("WSE-03 an empty secret admits nobody", () => {
    expect(isEqualSecret("", "")).toBe(false);
  });

  test("WSE-03 the text digested for an absent secret is none", () => {
    const decoy = "x".repeat(32);
    for (const absent of [undefined, ""]) {
      expect(isEqualSecret(decoy, absent)).toBe(false);
      expect(isEqualSecret(absent, decoy)).toBe(false);
      expect(isEqualSecret(absent, absent)).toBe(false);
    }
    expect(isEqualSecret(decoy, decoy)).toBe(true);
  });

  test("WSE-03 equal means the same characters, lone surrogates too", () => {
    const text = fc.string({
      unit: fc.constantFrom("a", "b", "\uD800", "\uDFFF", "\uFFFD", "é", "e\u0301"),
      maxLength: 3,
    });
    const property = fc.property(text, text, (a, b) => {
      expect(isEqualSecret(a, b)).toBe(a === b && a !== "");
    });
    fc.assert(property, { numRuns: 2_000 });
  });

  test("T13 T16 every comparison is one of two digests of 32 bytes, also with what is absent", () => {
    const compare = spyOn(crypto, "timingSafeEqual");
    try {
      const candidates = ["", "a", "right", "righ", "x".repeat(100_000), 7, undefined];
      const secrets = ["right", undefined, "", "x".repeat(100_000)];
      for (const candidate of candidates) for (const secret of secrets) isEqualSecret(candidate, secret);
      expect(compare).toHaveBeenCalledTimes(candidates.length * secrets.length);
      for (const [a, b] of compare.mock.calls) expect([a.byteLength, b.byteLength]).toEqual([32, 32]);
    } finally {
      compare.mockRestore();
    }
  });
});

describe("the publish secret", () => {
  test("SEC-11 WSE-22 only the secret passes", () => {
    const isPublishSecret = publishSecret("hunter2");
    expect(isPublishSecret("hunter2")).toBe(true);
    for (const wrong of ["hunter", "hunter22", "", ...others]) expect(isPublishSecret(wrong)).toBe(false);
  });

  test("WSE-27 an empty one lets nothing pass", () => {
    for (const wrong of ["", ...others]) expect(publishSecret("")(wrong)).toBe(false);
  });
});
