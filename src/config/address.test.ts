import { describe, expect, test } from "bun:test";
import { isAddressRange, isLocal, parseAddress } from "./address.ts";

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
