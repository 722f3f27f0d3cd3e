import { describe, expect, test } from "bun:test";
import { isAddressRange } from "../base/ip-address.ts";
import { canMatch, isLocal, parseAddress, readOrigins } from "./address.ts";

describe("addresses of listeners", () => {
  test("WSE-01 host:port, [v6]:port and :port are read", () => {
    expect(parseAddress("0.0.0.0:8899")).toEqual({ host: "0.0.0.0", port: 8899 });
    expect(parseAddress("localhost:0")).toEqual({ host: "localhost", port: 0 });
    expect(parseAddress("[::1]:80")).toEqual({ host: "::1", port: 80 });
    expect(parseAddress(":8899")).toEqual({ host: "0.0.0.0", port: 8899 });
  });

  test("WSE-01 anything else is refused", () => {
    const wrong = [
      "",
      "8899",
      "host",
      "host:",
      "host:x",
      "h:65536",
      "::1:80",
      "[x]:80",
      "[::1]",
      "a b:1",
      "h:123456",
    ];
    expect(wrong.filter((text) => parseAddress(text) !== undefined)).toEqual([]);
  });

  test("T32 loopback is told from the rest", () => {
    const own = [
      "127.0.0.1",
      "127.9.9.9",
      "localhost",
      "LOCALHOST",
      "belfry.localhost",
      "::1",
      "0:0:0:0:0:0:0:1",
      "::ffff:127.0.0.1",
    ];
    expect(own.filter((host) => !isLocal(host))).toEqual([]);
    const others = [
      "0.0.0.0",
      "::",
      "10.0.0.1",
      "128.0.0.1",
      "127.example",
      "localhost.example",
      "::2",
      "::ffff:10.0.0.1",
      "xlocalhost",
      "1::1",
      "",
    ];
    expect(others.filter(isLocal)).toEqual([]);
  });

  test("SEC-15 proxies are addresses or ranges", () => {
    const right = ["10.0.0.1", "10.0.0.0/8", "::1", "fd00::/8", "0.0.0.0/0", "::/128"];
    expect(right.filter((text) => !isAddressRange(text))).toEqual([]);
    const wrong = [
      "",
      "proxy.example",
      "10.0.0.0/33",
      "::/129",
      "10.0.0.0/",
      "10.0.0.0/8/8",
      "10.0.0/8",
      "10.0.0.1/-1",
    ];
    expect(wrong.filter(isAddressRange)).toEqual([]);
  });
});

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
