import { expect, test } from "bun:test";
import { formatMarker } from "../brokers/marker.ts";
import type { Answer, Asked } from "../core/recovery.ts";
import { TapeRecovery } from "./tape-recovery.ts";
import type { TapeSource } from "./tape.ts";
import { publicationWith } from "../../test/support/publication.ts";

const source = "a".repeat(24);
const token = (number: number): string => formatMarker({ source, line: "00000001", number });
const ask = (position?: string): Asked => ({ namespace: "/", room: "a", position, dialect: "x" });
const said = publicationWith({ rooms: ["a"] });

const from: TapeSource = { filter: { kind: "exact", name: "c" }, decode: () => said };

function record(recovery: TapeRecovery) {
  return recovery.record(said, from, { channel: "c", payload: Buffer.from("said") });
}

function opened(maxAgeMs = 1_000) {
  const clock = { now: 0 };
  const recovery = new TapeRecovery({ maxAgeMs, maxBytes: 1e6, now: () => clock.now });
  let gaps = 0;
  const stop = recovery.onGap(() => {
    gaps++;
  });
  const mark = (number: number): void => {
    recovery.step();
    recovery.mark(token(number));
  };
  const resume = (...asked: readonly Asked[]) => {
    const got: { answers?: readonly Answer[] } = {};
    recovery.resume(asked, (answers) => {
      got.answers = answers;
    });
    return got;
  };
  return { recovery, clock, stop, mark, resume, gaps: () => gaps };
}

test("a first join and a known position are answered at once", () => {
  const { recovery, mark, resume } = opened();
  mark(1);
  const at = `${token(1)}.0`;
  expect(resume(ask(), ask(at)).answers).toEqual([
    { verdict: undefined, at },
    { verdict: { recovered: true, missed: [] }, at },
  ]);
  recovery.step();
  const next = record(recovery) ?? "";
  const missed = [{ publication: said, at: next, order: 2 }];
  expect(resume(ask(at)).answers).toEqual([{ verdict: { recovered: true, missed }, at: next }]);
});

test("a position ahead is waited for, and answered behind the message that brings the tape there", async () => {
  const { recovery, mark, resume } = opened();
  mark(1);
  const got = resume(ask(`${token(1)}.1`));
  expect(got.answers).toBeUndefined();
  recovery.step();
  const at = record(recovery);
  expect(got.answers).toBeUndefined();
  await Promise.resolve();
  expect(got.answers).toEqual([{ verdict: { recovered: true, missed: [] }, at }]);
});

test("a position that does not come within 2 s is lost", () => {
  const { recovery, clock, mark, resume } = opened();
  mark(1);
  const got = resume(ask(`${token(2)}.0`), ask());
  clock.now = 1_999;
  recovery.tick();
  expect(got.answers).toBeUndefined();
  clock.now = 2_000;
  recovery.tick();
  expect(got.answers?.map(({ verdict }) => verdict)).toEqual([
    { recovered: false, reason: "too_old" },
    undefined,
  ]);
});

test("before the first marker of a gateway, a client joins without a position and is told of a cut", () => {
  const { recovery, mark, resume, gaps } = opened();
  expect(resume(ask()).answers).toEqual([{ verdict: undefined, at: undefined }]);
  recovery.cut();
  mark(1);
  expect(gaps()).toBe(1);
});

test("a gap is told once per outage, at the first marker after it, to those who still listen", () => {
  const { recovery, mark, gaps, stop } = opened();
  mark(1);
  mark(2);
  expect(gaps()).toBe(0);
  recovery.cut();
  recovery.cut();
  expect(gaps()).toBe(0);
  mark(3);
  mark(4);
  expect(gaps()).toBe(1);
  stop();
  recovery.cut();
  mark(5);
  expect(gaps()).toBe(1);
});

test("F3 I3 what comes before the first marker after an outage has a gap in front of it: clients must not go back over it", () => {
  const { recovery, mark, gaps } = opened();
  mark(1);
  recovery.cut();
  recovery.step();
  expect(record(recovery)).toBeUndefined();
  expect(gaps()).toBe(1);
  record(recovery);
  expect(gaps()).toBe(1);
  // Again, with the position from which they can come back.
  mark(2);
  expect([gaps(), recovery.here()]).toEqual([2, `${token(2)}.0`]);
  record(recovery);
  expect(gaps()).toBe(2);
});

test("tape.seconds 0: nothing has a position, and a gap is told all the same", () => {
  const { recovery, clock, mark, resume, gaps } = opened(0);
  mark(1);
  expect(recovery.here()).toBeUndefined();
  recovery.cut();
  mark(2);
  expect(gaps()).toBe(1);
  const got = resume(ask(`${token(1)}.0`));
  clock.now = 2_000;
  recovery.tick();
  expect(got.answers).toEqual([{ verdict: { recovered: false, reason: "too_old" }, at: undefined }]);
});
