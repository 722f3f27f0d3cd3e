import { expect, test } from "bun:test";
import fc from "fast-check";
import { decodeSession, encodeSession } from "./stored-session.ts";
import type { KeptRoom, StoredSession } from "./stored-session.ts";

const text = fc.string({ unit: "binary", maxLength: 20 });
const room: fc.Arbitrary<KeptRoom> = fc.record({
  at: text,
  way: fc.oneof(fc.constant("granted" as const), fc.record({ proof: fc.option(text, { nil: undefined }) })),
});
const session: fc.Arbitrary<StoredSession> = fc.record({
  sid: text,
  who: text,
  turn: fc.nat(),
  since: text,
  at: text,
  rooms: fc.array(fc.tuple(text, room), { maxLength: 5 }).map((rooms) => new Map(rooms)),
});

test("a session is what it was", () => {
  fc.assert(
    fc.property(session, (one) => {
      expect(decodeSession(Buffer.from(encodeSession(one) ?? ""))).toEqual(one);
    }),
    { seed: 11, numRuns: 2_000 },
  );
});

test("what is no session is none: 100,000 texts and changed sessions", () => {
  const good = encodeSession({
    sid: "s",
    who: "w",
    turn: 1,
    since: "m.1",
    at: "m.2",
    rooms: new Map([["a", { at: "m.1", way: "granted" }]]),
  });
  const bytes = Buffer.from(good ?? "");
  const changed = fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)).map(([at, byte]) => {
    const copy = Buffer.from(bytes);
    copy[at] = byte;
    return copy;
  });
  const junk = fc.oneof(
    changed,
    fc.uint8Array({ maxLength: 60 }),
    fc.json().map((json) => Buffer.from(json)),
  );
  fc.assert(
    fc.property(junk, (candidate) => {
      const read = decodeSession(candidate);
      if (!read) return;
      // What is read at all has the form of one.
      expect(encodeSession(read)).toBeString();
    }),
    { seed: 11, numRuns: 100_000 },
  );
});

test("SEC-06 a client in too many rooms, or in rooms of long names, has none", () => {
  const withRooms = (count: number, length: number): StoredSession => ({
    sid: "s",
    who: "w",
    turn: 0,
    since: "",
    at: "",
    rooms: new Map(
      Array.from({ length: count }, (_, index) => [
        `${index}`.padStart(length, "x"),
        { at: "m.1", way: "granted" },
      ]),
    ),
  });
  expect(encodeSession(withRooms(200, 10))).toBeString();
  expect(encodeSession(withRooms(201, 10))).toBeUndefined();
  expect(encodeSession(withRooms(200, 400))).toBeUndefined();
  expect(decodeSession(Buffer.alloc(65_537, " "))).toBeUndefined();
});
