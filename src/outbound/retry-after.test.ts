import { expect, test } from "bun:test";
import { readRetryAfter } from "./retry-after.ts";

const nowMs = Date.UTC(2026, 0, 2, 3, 4, 5);

test.each([
  ["0", 0],
  ["120", 120_000],
  ["999999999", 999_999_999_000],
  ["Fri, 02 Jan 2026 03:05:05 GMT", 60_000],
  ["Fri, 02 Jan 2026 03:04:00 GMT", 0],
  [null, undefined],
  ["", undefined],
  ["-1", undefined],
  ["1.5", undefined],
  ["1e3", undefined],
  ["9999999999", undefined],
  ["2026-01-02", undefined],
  ["Fri, 99 Jan 2026 03:05:05 GMT", undefined],
  ["soon", undefined],
])("Retry-After %p is %p ms", (header, ms) => {
  expect(readRetryAfter(header, nowMs)).toBe(ms);
});
