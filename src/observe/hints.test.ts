import { expect, test } from "bun:test";
import { HintClock } from "./hints.ts";

test("each subject once a minute, other subjects and events beside it", () => {
  const clock = new HintClock();
  expect(clock.isDue("a", "", 0)).toBe(true);
  expect(clock.isDue("a", "", 59_999)).toBe(false);
  expect(clock.isDue("a", "x", 59_999)).toBe(true);
  expect(clock.isDue("b", "", 59_999)).toBe(true);
  expect(clock.isDue("a", "", 60_000)).toBe(true);
  expect(clock.isDue("a", "", 60_001)).toBe(false);
});

test("SEC-06 subjects are strangers' choice: so many a minute, and no more are kept", () => {
  const clock = new HintClock();
  const said = (now: number): number =>
    Array.from({ length: 100_000 }, (_, index) => clock.isDue("a", `${index}`, now)).filter(Boolean).length;
  expect(said(0)).toBe(50);
  expect(said(59_999)).toBe(0);
  expect(said(60_000)).toBe(50);
});
