import { expect, test } from "bun:test";
import { longestUnansweredMs, retryDelayMs } from "./back-off.ts";

test("PSQ-16 the delays are 1 s doubling to 60 s", () => {
  const delays = Array.from({ length: 9 }, (_value, attempt) => retryDelayMs(attempt, 0.5));
  expect(delays).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
  expect(retryDelayMs(100_000, 0.5)).toBe(60_000);
});

test("PSQ-16 they spread by 20 % to either side, and never past 60 s", () => {
  expect([retryDelayMs(0, 0), retryDelayMs(0, 1)]).toEqual([800, 1_200]);
  expect([retryDelayMs(3, 0), retryDelayMs(3, 1)]).toEqual([6_400, 9_600]);
  expect([retryDelayMs(9, 0), retryDelayMs(9, 1)]).toEqual([48_000, 60_000]);
});

test("PSQ-16 while no connection gets a first answer, attempts are at most 5 s apart", () => {
  const delays = Array.from({ length: 50 }, (_value, attempt) =>
    retryDelayMs(attempt, 1, longestUnansweredMs),
  );
  expect(delays.slice(0, 4)).toEqual([1_200, 2_400, 3_600, 3_600]);
  expect(Math.max(...delays)).toBe(3_600);
});
