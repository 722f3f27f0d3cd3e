import { expect, test } from "bun:test";
import fc from "fast-check";
import type { Carrier } from "../../core/carrier.ts";
import { CursorCarrier } from "./cursor-carrier.ts";
import { idLine } from "./format.ts";
import {
  formatCursor,
  keyed,
  markOf,
  maxLoggedRooms,
  narrowed,
  noCursor,
  positionOf,
  readCursor,
} from "./cursor.ts";

const position = fc.stringMatching(/^[A-Za-z0-9]{1,20}\.\d{1,6}$/);
const ownPosition = fc.oneof(
  fc.stringMatching(/^[A-Za-z0-9]{1,20}:\d{1,6}(\.[0-9a-f]{1,8})?$/),
  fc.stringMatching(/^[0-9a-f]{12}:[1-9]\d{0,14}\.[0-9a-f]{8}$/),
  fc.stringMatching(/^[0-9a-f]{24}:(0\.0|[1-9]\d{0,3}\.[0-9a-f]{8})$/),
);
const room = fc
  .string({ unit: "grapheme", minLength: 1, maxLength: 30 })
  .filter((name) => name.isWellFormed());
const rooms = fc.uniqueArray(fc.tuple(room, ownPosition), { maxLength: 8, selector: ([name]) => name });
const cursor = fc.record({
  shared: fc.option(position, { nil: undefined }),
  rooms: rooms.map(keyed),
  isPartial: fc.boolean(),
});

test("T23 a cursor comes back as it went, and is plain ASCII without line breaks", () => {
  fc.assert(
    fc.property(cursor, rooms, (one, named) => {
      const text = formatCursor({ ...one, rooms: keyed(named) });
      expect(text).toMatch(/^[!-~]*$/);
      if (text === "" || (one.shared === undefined && one.isPartial)) return;
      const read = readCursor(text) ?? noCursor;
      expect(read).toEqual({ ...one, rooms: keyed(named) });
      for (const [name, at] of named) expect(positionOf(read, name, false)).toBe(at);
    }),
    { seed: 5, numRuns: 1_000 },
  );
});

test("S1 I10 100,000 texts: a cursor that was not given is no position of any store, and none throws", () => {
  const text = fc.oneof(
    fc.string({ unit: "binary", maxLength: 60 }),
    fc.tuple(cursor, fc.string({ maxLength: 5 })).map(([one, more]) => formatCursor(one) + more),
    fc.stringMatching(/^[a-z0-9.:*&=%-]{0,40}$/),
    fc.stringMatching(/^a\.1(\*[\w-]{6}[\w-]{0,50}\.[0-9a-z]{0,12}){1,3}$/),
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

const hex = (digits: number, number: number): string => number.toString(16).padStart(digits, "9");
const manyRooms = (count: number, epochLength: number) =>
  Array.from({ length: count }, (_, index) => {
    const at = `${hex(epochLength, index)}:${2 ** 40 + index}.${hex(8, index)}`;
    return [`chat::a room with a name of some length ${index}`, at] as const;
  });

test("I10 as many rooms with a log as a stream may have fit in a header, also behind many entries", () => {
  const many = manyRooms(maxLoggedRooms, 12);
  const text = formatCursor({ ...noCursor, shared: `${"a".repeat(32)}123456.123456`, rooms: keyed(many) });
  expect(text.length).toBeLessThanOrEqual(8_000);
  expect(encodeURIComponent(text)).toBe(text);
  const read = readCursor(text) ?? noCursor;
  expect(many.map(([room]) => positionOf(read, room, false))).toEqual(many.map(([, at]) => at));
});

test("more rooms than fit are a cursor that recovers nothing, not one that leaves rooms out", () => {
  const text = formatCursor({ ...noCursor, rooms: keyed(manyRooms(1_000, 12)) });
  expect(text.length).toBeLessThanOrEqual(8_000);
  expect(positionOf(readCursor(text) ?? noCursor, "chat::a room with a name of some length 1", false)).toBe(
    "-",
  );
});

test("a cursor with the names of its rooms is read, as clients have it from before", () => {
  const read = readCursor("a.1*&log%3A%3Ab=0a1b2c3d4e5f60718293a4b5:12.0a1b2c3d&c=e:1");
  if (!read) throw new Error("Expected a cursor");
  expect(positionOf(read, "log::b", false)).toBe("0a1b2c3d4e5f60718293a4b5:12.0a1b2c3d");
  expect([positionOf(read, "c", false), positionOf(read, "time", true)]).toEqual(["e:1", "a.1"]);
  expect(positionOf(readCursor(formatCursor(read)) ?? noCursor, "c", false)).toBe("e:1");
});

test("rooms that a client asks for no more are left out", () => {
  const own = keyed([
    ["a", "e:1"],
    ["b", "e:2"],
  ]);
  expect(narrowed({ ...noCursor, shared: "x.1", rooms: own }, ["b", "c"])).toEqual({
    shared: "x.1",
    rooms: keyed([["b", "e:2"]]),
    isPartial: false,
  });
});

/** Takes down what it is sent. */
function recorder() {
  const sent: string[] = [];
  const carrier: Carrier = {
    isOnTopics: false,
    isWritable: true,
    bufferedBytes: 0,
    send: (frames) => void sent.push(...frames.map(String)),
    subscribe: () => undefined,
    unsubscribe: () => undefined,
    fallBehind: () => undefined,
  };
  return { sent, carrier };
}

test("a shared position moves all rooms on, one with a colon its own room alone; rooms of others are not come back to", () => {
  const { sent, carrier } = recorder();
  const start = readCursor("a.1&log=e:1&refused=e:7") ?? noCursor;
  const stream = new CursorCarrier(carrier, ["log"], start);
  const marks = [markOf("time", "a.2", true), markOf("log", "e:2", false), markOf("granted", "e:9", false)];
  stream.send(marks.map((mark) => `${idLine(mark)}data: 1\n\n`));
  stream.send(["data: 2\n\n"]);
  const later = sent.map((frame) => readCursor(/^id: (.*)\n/.exec(frame)?.[1] ?? null));
  const places = later.map(
    (read) => read && ["log", "refused", "granted"].map((room) => positionOf(read, room, true)),
  );
  expect(places).toEqual([["e:1", "e:7", "a.2"], ["e:2", "e:7", "a.2"], ["e:2", "e:7", "a.2"], undefined]);
  // It may have got its part of the last publication to several rooms, or not.
  expect(positionOf(later[0] ?? noCursor, "time", false)).toBe("-");
});
