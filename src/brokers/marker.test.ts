import { expect, test } from "bun:test";
import { createSource, formatMarker, readMarker } from "./marker.ts";

test("a marker names its source, its line and its number, in letters and digits", () => {
  const marker = { source: createSource(), line: "0123abcd", number: 123_456_789 };
  const token = formatMarker(marker);
  expect(token).toMatch(/^[A-Za-z0-9]{1,64}$/);
  expect(readMarker(token)).toEqual(marker);
  expect(createSource()).not.toBe(createSource());
});

test("canaries of other programs and of other versions are no markers", () => {
  const source = "0".repeat(24);
  for (const token of [
    "",
    "Token7",
    source,
    `${source}0123abcd`,
    `${source}0123abcd01`,
    `${source}0123ABCD1`,
  ])
    expect(readMarker(token)).toBeUndefined();
  expect(readMarker(`${source}0123abcd${"9".repeat(16)}`)).toBeUndefined();
});
