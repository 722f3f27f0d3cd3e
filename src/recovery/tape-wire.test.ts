// Tapes that come from outside: what was handed over is what was kept, and 100,000 changed ones are read without an error.

import { expect, test } from "bun:test";
import { formatMarker } from "../brokers/marker.ts";
import { publicationWith } from "../../test/support/publication.ts";
import { Random } from "../../test/support/random.ts";
import { offerOf } from "./tape-join.ts";
import type { TapeJoin } from "./tape-join.ts";
import { TapeRecovery } from "./tape-recovery.ts";
import type { TapeSource } from "./tape.ts";
import { ItemReader, TapeSources, encodeItem } from "./tape-wire.ts";

const source: TapeSource = {
  filter: { kind: "pattern", name: "x*" },
  decode: ({ payload }) => publicationWith({ rooms: ["a"], event: payload.toString() }),
};
const sources = new TapeSources();
sources.add("x", source);

const line = "0".repeat(8);
const markers = [1, 2].map((number) => formatMarker({ source: "a".repeat(24), line, number }));
const [early = "", late = ""] = markers;

function createRecovery(): TapeRecovery {
  return new TapeRecovery({ maxAgeMs: 120_000, maxBytes: 1e6, now: () => 0 });
}

function hear(recovery: TapeRecovery, said: string): void {
  recovery.step();
  if (markers.includes(said)) recovery.mark(said);
  else
    recovery.record(publicationWith({ rooms: ["a"], event: said }), source, {
      channel: `x${said}`,
      payload: Buffer.from(said),
    });
}

/** One that heard all, and one that began at the second marker. */
function scene() {
  const old = createRecovery();
  for (const said of [early, "one", "two", late, "three"]) hear(old, said);
  const fresh = createRecovery();
  for (const said of [late, "three"]) hear(fresh, said);
  const offer = offerOf(old.tape, fresh.tape.latestMarkers(4));
  if (!offer) throw new Error("Expected an offer");
  const items = [...old.tape.items(offer.from, offer.serial)];
  const bytes = Buffer.concat(items.flatMap((item) => encodeItem(item, sources, 0) ?? []));
  return { fresh, offer, bytes };
}

/** @returns false: one of them cannot be read or does not fit, or did not come whole. */
function addAll(join: TapeJoin, parts: readonly Buffer[]): boolean {
  const reader = new ItemReader(sources, () => 0);
  let fits = true;
  for (const part of parts)
    for (const item of reader.read(part)) fits = fits && item !== undefined && join.add(item);
  return fits && reader.isAtEnd;
}

function missedBy(recovery: TapeRecovery): unknown {
  let answer: unknown;
  const asked = { namespace: "/", room: "a", position: `${early}.0`, dialect: "x" };
  recovery.resume([asked], ([one]) => {
    answer =
      one?.verdict?.recovered === true ? one.verdict.missed.map(({ publication }) => publication.event) : one;
  });
  return answer;
}

test("what was handed over is given back to clients, in front of what came by itself", () => {
  const { fresh, offer, bytes } = scene();
  const join = fresh.join(offer);
  expect(addAll(join, [bytes])).toBe(true);
  expect(fresh.take(join)).toBe(true);
  expect(missedBy(fresh)).toEqual(["one", "two", "three"]);
});

test("wherever its parts end it is the same", () => {
  for (let size = 1; size < 120; size++) {
    const { fresh, offer, bytes } = scene();
    const parts = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
      bytes.subarray(index * size, (index + 1) * size),
    );
    const join = fresh.join(offer);
    expect(addAll(join, parts)).toBe(true);
    expect(fresh.take(join)).toBe(true);
    expect(missedBy(fresh)).toEqual(["one", "two", "three"]);
  }
});

test("what comes while it is joined is behind it, however much of it is joined at once", () => {
  const { fresh, offer, bytes } = scene();
  const join = fresh.join(offer);
  expect(addAll(join, [bytes])).toBe(true);
  for (const said of ["four", "five"]) hear(fresh, said);
  expect(join.follow(2)).toBe(1);
  hear(fresh, "six");
  expect(join.follow(1)).toBe(1);
  hear(fresh, "seven");
  expect(fresh.take(join)).toBe(true);
  expect(missedBy(fresh)).toEqual(["one", "two", "three", "four", "five", "six", "seven"]);
});

test("100,000 changed tapes: none is an error, and those without their end or from another line are not taken", () => {
  const random = new Random(3);
  const { fresh, offer, bytes } = scene();
  let taken = 0;
  for (let count = 0; count < 100_000; count++) {
    const changed = Buffer.from(bytes);
    for (let changes = random.below(4) + 1; changes > 0; changes--)
      changed[random.below(changed.length)] = random.below(256);
    const isCut = random.below(3) === 0;
    const read = isCut ? changed.subarray(0, random.below(changed.length)) : changed;
    const join = fresh.join(offer);
    if (!addAll(join, [read]) || !join.end()) continue;
    expect(isCut).toBe(false);
    taken++;
  }
  // Other words in the place of some, or another age: no reader can tell.
  expect(taken).toBeGreaterThan(0);
  const { fresh: other, offer: own } = scene();
  other.cut();
  expect(other.take(other.join(own))).toBe(false);
});
