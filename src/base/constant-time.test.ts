// Equality of secrets: exact, for non-empty strings only, and over digests of one length.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { isEqualSecret, secretCheck } from "./constant-time.ts";

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

  /** The shortest of many runs, ms: other work of the machine only makes them longer. */
  const timeOf = (compare: () => unknown): number => {
    let shortest = Infinity;
    for (let run = 0; run < 40; run++) {
      const start = performance.now();
      compare();
      shortest = Math.min(shortest, performance.now() - start);
    }
    return shortest;
  };

  test("T13 a guess that is right up to its last character takes as long as one that is wrong from the first", () => {
    const rest = "x".repeat(1_000_000);
    const check = secretCheck(`${rest}x`);
    const [first, last] = [`y${rest}`, `${rest}y`];
    const ratio = timeOf(() => check(last)) / timeOf(() => check(first));
    expect(ratio).toBeGreaterThan(0.5);
    expect(ratio).toBeLessThan(2);
  });

  test("T16 an absent secret answers as late as a wrong one", () => {
    const guess = "y".repeat(1_000_000);
    const absent = timeOf(() => isEqualSecret(guess, undefined));
    const ratio = absent / timeOf(() => isEqualSecret(guess, "x".repeat(32)));
    expect(ratio).toBeGreaterThan(0.5);
    expect(ratio).toBeLessThan(2);
  });
});

describe("the publish secret", () => {
  test("SEC-11 WSE-22 only the secret passes", () => {
    const isPublishSecret = secretCheck("hunter2");
    expect(isPublishSecret("hunter2")).toBe(true);
    for (const wrong of ["hunter", "hunter22", "", ...others]) expect(isPublishSecret(wrong)).toBe(false);
  });

  test("WSE-27 an empty one lets nothing pass", () => {
    for (const wrong of ["", ...others]) expect(secretCheck("")(wrong)).toBe(false);
  });
});
