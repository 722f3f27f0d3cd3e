// Single answers of the tape; test/conformance/tape.test.ts holds it against a model.

import { expect, test } from "bun:test";
import { formatMarker } from "../brokers/marker.ts";
import type { Publication } from "../core/publication.ts";
import type { Kept } from "./recovery.ts";
import { Tape } from "./tape.ts";
import type { TapeParts } from "./tape.ts";
import { publicationWith } from "../../test/support/publication.ts";

const source = "a".repeat(24);
const marker = (number: number, line = "00000001"): string => formatMarker({ source, line, number });
const roomA = { namespace: "/", room: "a" };
const roomB = { namespace: "/", room: "b" };
const everyone = { namespace: "/", room: undefined };

function publication(rooms: readonly string[] | undefined, more: Partial<Publication> = {}): Publication {
  return publicationWith({ rooms, ...more });
}

/** A tape that heard its first marker, and its clock. */
function opened(parts: Partial<TapeParts> = {}) {
  const clock = { now: 0 };
  const tape = new Tape({ maxAgeMs: 1_000, maxBytes: 1e6, now: () => clock.now, ...parts });
  const mark = (number: number, line?: string): void => {
    tape.step();
    tape.mark(marker(number, line));
  };
  const say = (rooms: readonly string[] | undefined, more: Partial<Publication> = {}): string | undefined => {
    tape.step();
    const one = publication(rooms, more);
    const payload = Buffer.from(one.raw ?? one.event);
    return tape.record(
      one,
      { filter: { kind: "pattern", name: "*" }, decode: () => one },
      { channel: "c", payload },
    );
  };
  mark(1);
  return { tape, clock, mark, say };
}

test("a position is the latest marker and the count of all messages after it", () => {
  const { tape, mark, say } = opened();
  expect(tape.here()).toBe(`${marker(1)}.0`);
  tape.step();
  expect(say(["a"])).toBe(`${marker(1)}.2`);
  mark(2);
  expect(tape.here()).toBe(`${marker(2)}.0`);
  // Both name the same place.
  expect(tape.find(`${marker(1)}.3`, roomA)).toEqual(tape.find(`${marker(2)}.0`, roomA));
});

test("what is junk as a position is of another store", () => {
  const { tape } = opened();
  for (const position of [
    "",
    ".",
    "x.1",
    marker(1),
    `${marker(1)}.`,
    `${marker(1)}.-1`,
    `${marker(1)}.01`,
    "e:1",
  ])
    expect(tape.find(position, roomA)).toEqual({ kind: "lost", reason: "epoch" });
  expect(tape.find(`${marker(1, "00000002")}.0`, roomA)).toEqual({ kind: "lost", reason: "epoch" });
});

test("what is not known yet may come; what is known to be gone does not", () => {
  const { tape, mark } = opened();
  mark(5);
  for (const position of [`${marker(5)}.1`, `${marker(6)}.0`, `${"b".repeat(24)}000000011.0`])
    expect(tape.find(position, roomA)).toEqual({ kind: "ahead" });
  expect(tape.find(`${marker(3)}.0`, roomA)).toEqual({ kind: "lost", reason: "too_old" });
  tape.cut();
  mark(6);
  expect(tape.find(`${marker(5)}.0`, roomA)).toEqual({ kind: "lost", reason: "gap" });
});

test("nothing has a position, and nothing is kept, between a cut and the next marker", () => {
  const { tape, mark, say } = opened();
  say(["a"]);
  tape.cut();
  expect([tape.here(), say(["a"]), tape.bytes]).toEqual([undefined, undefined, 0]);
  mark(2);
  expect(tape.here()).toBe(`${marker(2)}.0`);
});

test("tape.seconds 0 keeps nothing and gives no position", () => {
  const { tape, say } = opened({ maxAgeMs: 0 });
  expect([tape.here(), say(["a"]), tape.bytes]).toEqual([undefined, undefined, 0]);
});

test("an entry goes with its age: its own room is whole after it, and quiet rooms are from where they were", () => {
  const { tape, clock, say } = opened();
  const before = tape.here() ?? "";
  const first = say(["a"]) ?? "";
  clock.now = 1_000;
  tape.expire(clock.now);
  expect(tape.find(before, roomA).kind).toBe("here");
  clock.now = 1_001;
  tape.expire(clock.now);
  expect(tape.bytes).toBe(0);
  expect(tape.find(before, roomA)).toEqual({ kind: "lost", reason: "too_old" });
  expect(tape.find(first, roomA).kind).toBe("here");
  for (const quiet of [roomB, everyone]) expect(tape.find(before, quiet).kind).toBe("here");
});

test("of more rooms than it remembers, the one that lost something longest ago takes the others with it", () => {
  const { tape, say } = opened({ maxBytes: 0 });
  const before = tape.here() ?? "";
  for (let room = 0; room < 16_384; room++) say([`room ${room}`]);
  expect(tape.find(before, roomB).kind).toBe("here");
  say(["one more"]);
  expect(tape.find(before, roomB)).toEqual({ kind: "lost", reason: "too_old" });
  expect(tape.find(`${marker(1)}.1`, roomB).kind).toBe("here");
  expect(tape.find(before, { ...roomB, room: "room 0" })).toEqual({ kind: "lost", reason: "too_old" });
});

test("it keeps no more bytes than it may, payloads, rooms and overhead", () => {
  const { tape, say } = opened({ maxBytes: 10_000 });
  for (let message = 0; message < 100; message++) say(["a", "b"], { raw: Buffer.alloc(message * 10) });
  expect(tape.bytes).toBeGreaterThan(7_000);
  expect(tape.bytes).toBeLessThanOrEqual(10_000);
  say(["a"], { raw: Buffer.alloc(12_000) });
  expect(tape.bytes).toBe(0);
});

test("what is said to a tree is in no room", () => {
  const { tape, say } = opened();
  say(["a"], { isTree: true });
  expect(tape.since(0, { ...roomA, dialect: "x", position: undefined })).toEqual([]);
});

test("F16 clients that come together are given the same objects, read once; a marker that comes once more moves their positions", () => {
  const { tape, mark, say } = opened();
  mark(2);
  say(["a"]);
  const asked = { ...roomA, position: undefined, dialect: "native" };
  const from = tape.find(`${marker(1)}.0`, roomA);
  const missed = (): readonly Kept[] => (from.kind === "here" ? (tape.since(from.serial, asked) ?? []) : []);
  const [kept] = missed();
  expect(kept?.at).toBe(`${marker(2)}.1`);
  expect(missed()[0]).toBe(kept as never);
  // The same marker through another subscription: it stands behind the message now.
  mark(2);
  expect(missed().map(({ at }) => at)).toEqual([`${marker(1)}.2`]);
  tape.rest();
  expect(missed()[0]?.publication).toEqual(kept?.publication as never);
});
