import { expect, test } from "bun:test";
import fc from "fast-check";
import { toAscii } from "./ascii-json.ts";

test("EIO-09 text outside ASCII is escaped as Python's json does it, the rest is left as it is", () => {
  expect(toAscii('["é😀","\u2028\u007f\u0080\uffff"]')).toBe(
    '["\\u00e9\\ud83d\\ude00","\\u2028\u007f\\u0080\\uffff"]',
  );
  expect(toAscii('{"é":"\\u00e9\\n"}')).toBe('{"\\u00e9":"\\u00e9\\n"}');
  expect(toAscii("")).toBe("");
});

test("EIO-09 escaped JSON means the same, and every byte of it is ASCII", () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: "binary" }), (value) => {
      const text = toAscii(JSON.stringify(value));
      expect(text).toMatch(/^[\0-\x7f]*$/);
      expect(JSON.stringify(JSON.parse(text))).toBe(JSON.stringify(value));
    }),
    { numRuns: 5_000 },
  );
});

test("EIO-09 a long text is escaped whole, also where it is cut inside", () => {
  for (const length of [16_383, 16_384, 16_385, 100_000]) {
    const text = JSON.stringify(`${"a".repeat(length - 2)}😀é`.repeat(2));
    expect(JSON.parse(toAscii(text))).toBe(JSON.parse(text));
  }
});
