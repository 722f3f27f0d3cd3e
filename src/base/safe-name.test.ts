import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { isSafeName } from "./safe-name.ts";

describe("names that may become part of a Redis name", () => {
  const safe = [
    "johndoe",
    "a",
    "John Doe",
    "j.doe@example.com",
    "Zürich",
    "日本",
    "👋",
    "__proto__",
    "x".repeat(150),
  ];

  test.each(safe)("SEC-03 %s is safe", (name) => expect(isSafeName(name)).toBe(true));

  const unsafe = [
    "",
    ":",
    "ws-emit:",
    "a:b",
    "user:john",
    "_broadcast_",
    "x".repeat(151),
    "a\nb",
    "a\r\nSET b",
    "\0",
    "a\u007f",
    "a\u0085",
    "\ud800",
    "j\ufffdhn",
    "a\udfffb",
  ];

  test.each(unsafe)("SEC-03 DJS-02 %j is not", (name) => expect(isSafeName(name)).toBe(false));

  test("SEC-03 no safe name can end its part of a composed name, or change on its way to Redis", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 140 }), (name) => {
        if (!isSafeName(name)) return;
        expect(`user:${name}:news`.split(":")).toEqual(["user", name, "news"]);
        expect(Buffer.from(name).toString()).toBe(name);
      }),
      { numRuns: 100_000 },
    );
  }, 60_000);
});
