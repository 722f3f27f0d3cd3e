import { describe, expect, test } from "bun:test";
import { canMatch, readOrigins } from "./origins.ts";

describe("origins", () => {
  test("WSE-02 elements are split on spaces", () => {
    expect(readOrigins("http://a  http://b ")).toEqual(["http://a", "http://b"]);
    expect(readOrigins(["http://a http://b", "http://c"])).toEqual(["http://a", "http://b", "http://c"]);
  });

  test("WSE-02 a `*` anywhere is everyone", () => {
    expect(readOrigins("http://a *")).toBe("*");
    expect(readOrigins(["http://a", "x * y"])).toBe("*");
    expect(readOrigins(["http://*.example"])).toEqual(["http://*.example"]);
  });

  test("WSE-02 nothing is nobody", () => {
    expect(readOrigins("")).toEqual([]);
    expect(readOrigins([])).toEqual([]);
    expect(readOrigins(["", " "])).toEqual([]);
  });

  test("EIO-18 what a browser never sends is recognised", () => {
    const right = [
      "http://localhost:7788",
      "https://a.example",
      "http://[::1]:80443".slice(0, -1),
      "null",
      "app://x",
      "file://",
      "capacitor://localhost",
      "chrome-extension://abcdefghijklmnop",
    ];
    expect(right.filter((origin) => !canMatch(origin))).toEqual([]);
    const wrong = [
      "http://a/",
      "http://a/path",
      "HTTP://a",
      "http://A.example",
      "http://a:80",
      "https://a:443",
      "a.example",
      "http://u:p@a",
      "http://*.example/",
      "http://a?b",
      "file:///",
      "file:///index.html",
      "FILE://",
      "http://",
      "",
    ];
    expect(wrong.filter(canMatch)).toEqual([]);
  });
});
