import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { printable, printableJson } from "./printable.ts";

const unsafe = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

describe("untrusted text on a terminal", () => {
  test.each([
    ["\u001b[2J", String.raw`\u{1b}[2J`],
    ["\u009b31m", String.raw`\u{9b}31m`],
    ["a\r\nb", String.raw`a\u{d}\u{a}b`],
    ["\u202eevil", String.raw`\u{202e}evil`],
    ["\u2028", String.raw`\u{2028}`],
    ["\ud800", String.raw`\u{d800}`],
    ["\u{e0001}", String.raw`\u{e0001}`],
    ["grüße 😀", "grüße 😀"],
  ])("T26 %j", (text, shown) => {
    expect(printable(text)).toBe(shown);
  });

  test("T26 nothing unsafe is left of any text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => !unsafe.test(printable(text))),
      { numRuns: 10_000 },
    );
  });

  test("T26 JSON keeps its meaning on one safe line", () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        const json = JSON.stringify(value, undefined, "\t");
        const line = printableJson(json);
        return !unsafe.test(line) && Bun.deepEquals(JSON.parse(line), JSON.parse(json));
      }),
      { numRuns: 10_000 },
    );
    expect(printableJson('{"a":"\u202e\u{e0001}\u009b",\r\n"b":1}')).toBe(
      String.raw`{"a":"\u202e\udb40\udc01\u009b",  "b":1}`,
    );
  });
});
