import { expect, test } from "bun:test";
import fc from "fast-check";
import { formatCursor, markOf, moved, noCursor, positionOf, readCursor } from "./cursor.ts";

const position = fc.stringMatching(/^[A-Za-z0-9]{1,20}\.\d{1,6}$/);
const ownPosition = fc.stringMatching(/^[A-Za-z0-9]{1,20}:\d{1,6}$/);
const room = fc
  .string({ unit: "grapheme", minLength: 1, maxLength: 30 })
  .filter((name) => name.isWellFormed());
const cursor = fc.record({
  shared: fc.option(position, { nil: undefined }),
  rooms: fc.array(fc.tuple(room, ownPosition), { maxLength: 8 }).map((entries) => new Map(entries)),
  isPartial: fc.boolean(),
});

test("T23 a cursor comes back as it went, and is plain ASCII without line breaks", () => {
  fc.assert(
    fc.property(cursor, (one) => {
      const text = formatCursor(one);
      expect(text).toMatch(/^[!-~]*$/);
      if (text === "" || (one.shared === undefined && one.isPartial)) return;
      expect(readCursor(text)).toEqual(one);
    }),
    { seed: 5 },
  );
});

test("S1 I10 100,000 texts: a cursor that was not given is no position of any store, and none throws", () => {
  const text = fc.oneof(
    fc.string({ unit: "binary", maxLength: 60 }),
    fc.tuple(cursor, fc.string({ maxLength: 5 })).map(([one, more]) => formatCursor(one) + more),
    fc.stringMatching(/^[a-z0-9.:*&=%-]{0,40}$/),
  );
  fc.assert(
    fc.property(text, fc.boolean(), (shown, isAlone) => {
      const read = readCursor(shown);
      if (!read) return shown === "";
      const at = positionOf(read, "time", isAlone);
      return at === undefined || /^[\w.:-]{1,128}$/.test(at);
    }),
    { numRuns: 100_000, seed: 7 },
  );
});

test("what cannot be read recovers nothing; without a cursor a client comes for the first time", () => {
  expect(readCursor(null)).toBeUndefined();
  expect(readCursor("")).toBeUndefined();
  for (const junk of ["a b", "a&b", "a&b=c=d", "a&%ff=c:1", "a&b=", "x".repeat(8_001)]) {
    const read = readCursor(junk);
    expect([junk.slice(0, 20), read && positionOf(read, "b", true)]).toEqual([junk.slice(0, 20), "-"]);
  }
});

test("more rooms than fit in a header are a cursor that recovers nothing, not one that leaves rooms out", () => {
  const rooms = new Map(
    Array.from({ length: 1_000 }, (_, index) => [`room ${index}`, `epoch:${index}`] as const),
  );
  const text = formatCursor({ ...noCursor, rooms });
  expect(text.length).toBeLessThanOrEqual(8_000);
  expect(positionOf(readCursor(text) ?? noCursor, "room 1", false)).toBe("-");
});

test("a shared position moves all rooms on, one with a colon its own room alone", () => {
  const start = readCursor("a.1&log=e:1") ?? noCursor;
  const later = moved(moved(start, markOf("time", "a.2", true)), markOf("log", "e:2", false));
  expect(formatCursor(later)).toBe("a.2*&log=e:2");
  expect(positionOf(later, "log", false)).toBe("e:2");
  expect(positionOf(later, "time", true)).toBe("a.2");
  // It may have got its part of the last publication, or not.
  expect(positionOf(later, "time", false)).toBe("-");
});
