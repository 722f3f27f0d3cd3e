import { expect, test } from "bun:test";
import fc from "fast-check";
import { covers, exactName, namePrefix, overlap } from "./redis-name.ts";

test("RTE-08 two exact names overlap when they are one", () => {
  expect(overlap(exactName("socketio"), exactName("socketio"))).toBe(true);
  expect(overlap(exactName("socketio"), exactName("socketio2"))).toBe(false);
});

test("RTE-08 a prefix overlaps with what begins so, and with a prefix that it begins with itself", () => {
  expect(overlap(namePrefix("ws-hub:"), exactName("ws-hub:x"))).toBe(true);
  expect(overlap(exactName("ws-hub:x"), namePrefix("ws-hub:"))).toBe(true);
  expect(overlap(namePrefix("ws-hub:"), exactName("ws-hub"))).toBe(false);
  expect(overlap(namePrefix("ws-hub:"), namePrefix("ws-hub:user:"))).toBe(true);
  expect(overlap(namePrefix("ws-hub:user:"), namePrefix("ws-hub:"))).toBe(true);
  expect(overlap(namePrefix("ws-hub:"), namePrefix("websocket:"))).toBe(false);
});

test("SEC-03 the empty prefix is everybody's", () => {
  expect(overlap(namePrefix(""), exactName("anything"))).toBe(true);
  expect(covers(namePrefix(""), "")).toBe(true);
});

test("SEC-03 a name is covered by what it begins with, case and all", () => {
  expect(covers(namePrefix("user:"), "user:john:news")).toBe(true);
  expect(covers(namePrefix("user:"), "User:john:news")).toBe(false);
  expect(covers(namePrefix("user:"), "user")).toBe(false);
  expect(covers(exactName("user"), "user")).toBe(true);
  expect(covers(exactName("user"), "user:")).toBe(false);
});

test("RTE-08 two owners overlap exactly where some name is covered by both: 100,000 pairs", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "b", ":"), maxLength: 4 });
  const owned = fc
    .tuple(fc.boolean(), text)
    .map(([isExact, name]) => (isExact ? exactName : namePrefix)(name));
  let overlaps = 0;
  fc.assert(
    fc.property(owned, owned, text, (one, other, name) => {
      const both = covers(one, name) && covers(other, name);
      // The longer of both names is a witness, if there is any.
      const longer = one.name.length > other.name.length ? one.name : other.name;
      if (overlap(one, other)) overlaps++;
      expect(overlap(one, other)).toBe(covers(one, longer) && covers(other, longer));
      expect(overlap(other, one)).toBe(overlap(one, other));
      return !both || overlap(one, other);
    }),
    { numRuns: 100_000 },
  );
  expect(overlaps).toBeGreaterThan(1_000);
}, 30_000);
