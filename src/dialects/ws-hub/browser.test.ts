import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Exchange } from "../../server/route.ts";
import { hubHandshakeFault, isKey, presentedKey } from "./browser.ts";

function keyOf(url: string, options: { fromHeader?: boolean; header?: string } = {}): string {
  const request = new Request(url, {
    headers: options.header === undefined ? {} : { session_key: options.header },
  });
  const exchange = { query: new URL(url).searchParams } as Exchange;
  return presentedKey(request, exchange, {
    clientKey: "session_key",
    fromHeader: options.fromHeader ?? false,
  });
}

describe("the key of a handshake", () => {
  test("HUB-01 is the first value of the query parameter", () => {
    expect(keyOf("http://h/ws?a=1&session_key=k%3A1&session_key=2")).toBe("k:1");
    expect(keyOf("http://h/ws?session_key=&session_key=2")).toBe("");
    expect(keyOf("http://h/ws?Session_Key=2")).toBe("");
  });

  test("HUB-03 is the header's where that is asked for, and else the query's", () => {
    const url = "http://h/ws?session_key=query";
    expect(keyOf(url, { header: "head" })).toBe("query");
    expect(keyOf(url, { header: "head", fromHeader: true })).toBe("head");
    expect(keyOf(url, { fromHeader: true })).toBe("query");
    // As the engine hands over the bytes c3 a9.
    expect(keyOf(url, { header: "\u00c3\u00a9", fromHeader: true })).toBe("é");
  });

  test("HUB-02 T30 what cannot be a key", () => {
    for (const key of ["k", "a:b", "é", "a b", "x".repeat(256), "__proto__", "{}*?[]"])
      expect(isKey(key, 256)).toBeTrue();
    for (const key of [
      "",
      "x".repeat(257),
      "é".repeat(129),
      "a\nb",
      "\0",
      "a\u{7f}",
      "a\u{85}",
      "a\u{fffd}",
    ]) {
      expect(isKey(key, 256)).toBeFalse();
    }
    expect(isKey(keyOf("http://h/ws?session_key=%ff"), 256)).toBeFalse();
  });

  test("100,000 queries: a key that is taken is text without control characters, within its length", () => {
    const query = fc.array(fc.uint8Array({ maxLength: 12 }), { maxLength: 3 }).map((bytes) =>
      bytes
        .map((part) => Buffer.from(part).toString("latin1").replace(/[&#=]/g, "%2"))
        .map((text) => `session_key=${text}`)
        .join("&"),
    );
    fc.assert(
      fc.property(query, (text) => {
        const key = presentedKey(plain, { query: new URLSearchParams(text) } as Exchange, {
          clientKey: "session_key",
          fromHeader: true,
        });
        if (!isKey(key, 8)) return;
        expect(Buffer.from(key).length).toBeLessThanOrEqual(8);
        expect(Buffer.from(key).toString()).toBe(key);
        expect([...Buffer.from(key)].every((byte) => byte >= 0x20)).toBeTrue();
      }),
      { numRuns: 100_000 },
    );
  }, 60_000);
});

const plain = new Request("http://h/ws");

describe("the handshake", () => {
  const right = {
    connection: "keep-alive, Upgrade",
    upgrade: "WebSocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
  };
  const fault = (change: Readonly<Record<string, string>>, method = "GET"): number | undefined =>
    hubHandshakeFault({ method, headers: new Headers({ ...right, ...change }) } as Request);

  test("HUB-17 is right, or refused with 400, or with 405 for its method", () => {
    expect(fault({})).toBeUndefined();
    expect(fault({}, "POST")).toBe(405);
    expect(fault({ connection: "keep-alive ,\tUpgrade , x" })).toBeUndefined();
    expect(fault({ connection: "keep-alive" })).toBe(400);
    expect(fault({ upgrade: "h2c" })).toBe(400);
    expect(fault({ "sec-websocket-version": "8" })).toBe(400);
    expect(fault({ "sec-websocket-key": "short" })).toBe(400);
  });
});
