import { expect, test } from "bun:test";
import { anonymous } from "../../core/identity.ts";
import { AnswerCache } from "./answer-cache.ts";

const john = { ...anonymous, user: "john", expiresAtMs: 1_000 };

test("an answer is kept until it ends", () => {
  const cache = new AnswerCache();
  cache.set("a", john);
  expect(cache.get("a", 999)).toBe(john);
  expect(cache.get("b", 0)).toBeUndefined();
  expect(cache.get("a", 1_000)).toBeUndefined();
  expect(cache.size).toBe(0);
});

test("SEC-06 their number is bounded: the one that was used longest ago goes first", () => {
  const cache = new AnswerCache(3);
  for (const key of ["a", "b", "c"]) cache.set(key, john);
  cache.get("a", 0);
  cache.set("d", john);
  expect(["a", "b", "c", "d"].map((key) => cache.get(key, 0) !== undefined)).toEqual([
    true,
    false,
    true,
    true,
  ]);
});
