import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  createExchange,
  handshakeFault,
  hasBody,
  isOriginAllowed,
  isUpgrade,
  malformation,
  plainAddress,
  TrustedProxies,
} from "./request.ts";

function request(headers: Record<string, string> = {}, init: RequestInit = {}, url = "http://a/x"): Request {
  return new Request(url, { headers: { host: "a", ...headers }, ...init });
}

describe("T1 EIO-18 which Origin may speak to us", () => {
  const good = "https://good.example";
  /** None of these is the origin `https://good.example`, however much it looks like it. */
  const hostile = [
    "null",
    "",
    "*",
    "https://good.example.evil.example",
    "https://evilgood.example",
    "https://evil.example",
    "https://evil.example/https://good.example",
    "https://evil.example?https://good.example",
    "https://evil.example#https://good.example",
    "https://good.example@evil.example",
    "https://good.example:443",
    "https://good.example:8443",
    "https://good.example:80",
    "https://good.example/",
    "https://good.example.",
    "https://good.example..",
    "https://.good.example",
    "https://www.good.example",
    "https://GOOD.example",
    "HTTPS://good.example",
    "http://good.example",
    "wss://good.example",
    "ftp://good.example",
    "file://",
    "good.example",
    "//good.example",
    "https:good.example",
    "https:/good.example",
    "https:///good.example",
    "https:\\\\good.example",
    "https://good%2eexample",
    "https://good.example%00",
    "https://good.example\u0000",
    "https://good.example ",
    " https://good.example",
    "https://good.example, https://evil.example",
    "https://evil.example, https://good.example",
    "https://good.example https://evil.example",
    "https://user:pass@good.example",
    "https://g\u043e\u043ed.example",
    "https://xn--gd-jbcb.example",
    "https://good\u3002example",
    "https://good.exampl\u0435",
    "chrome-extension://good.example",
    "https://good.example\u2028",
    "undefined",
  ];

  test(`${hostile.length} hostile ones are no match for a list`, () => {
    for (const origin of hostile) {
      expect(isOriginAllowed(origin, "a", [good]), origin).toBe(false);
      expect(isOriginAllowed(origin, "good.example", ["https://other.example", good]), origin).toBe(false);
    }
    expect(isOriginAllowed(good, "a", [good])).toBe(true);
  });

  test("without a list only a page of the same host and port may, and none of the hostile ones is", () => {
    const same = new Set(["https://good.example", "http://good.example"]);
    for (const origin of hostile) {
      expect(isOriginAllowed(origin, "good.example", undefined), origin).toBe(same.has(origin));
      expect(isOriginAllowed(origin, "", undefined), origin).toBe(false);
    }
    for (const [origin, host, isAllowed] of [
      ["https://good.example:8443", "good.example:8443", true],
      ["http://127.0.0.1:8899", "127.0.0.1:8899", true],
      ["http://localhost:8899", "127.0.0.1:8899", false],
      ["http://[::1]:8899", "[::1]:8899", true],
      ["https://good.example", "good.example:8899", false],
      ["https://good.example:8899", "good.example", false],
    ] as const) {
      expect(isOriginAllowed(origin, host, undefined), `${origin} at ${host}`).toBe(isAllowed);
    }
  });

  test("WSE-02 with an empty list nobody may, with `*` everyone", () => {
    for (const origin of [good, ...hostile]) {
      expect(isOriginAllowed(origin, "good.example", []), origin).toBe(false);
      expect(isOriginAllowed(origin, "good.example", "*"), origin).toBe(true);
    }
  });

  test("the own origin is not allowed once there is a list, and no Origin always is", () => {
    expect(isOriginAllowed("http://a", "a", [good])).toBe(false);
    for (const origins of ["*", [], [good], undefined] as const) {
      expect(isOriginAllowed(undefined, "a", origins)).toBe(true);
    }
  });

  test("a pattern in the list is no pattern, and a member of Object.prototype no member", () => {
    for (const [origin, entry] of [
      ["https://a.good.example", "https://*.good.example"],
      ["https://good-example", "https://good.example"],
      ["https://good.example/x", "https://good.example"],
      ["length", "https://good.example"],
      ["__proto__", "https://good.example"],
      ["constructor", "https://good.example"],
    ] as const) {
      expect(isOriginAllowed(origin, "a", [entry]), origin).toBe(false);
    }
  });

  test("any text but the one listed is refused: 100,000 near misses", () => {
    const edits = fc.record({
      at: fc.nat(good.length),
      cut: fc.nat(3),
      put: fc.string({ maxLength: 3, unit: "binary" }),
    });
    fc.assert(
      fc.property(edits, ({ at, cut, put }) => {
        const origin = good.slice(0, at) + put + good.slice(at + cut);
        return isOriginAllowed(origin, "a", [good]) === (origin === good);
      }),
      { numRuns: 100_000 },
    );
  });

  test("the exchange says what the listener found out", () => {
    const exchange = createExchange({
      request: request({ origin: "https://evil.example" }, {}, "http://a/socket.io/?sid=%41&sid=b"),
      address: "192.0.2.1",
      origins: [good],
      hold: () => undefined,
    });
    expect(exchange).toMatchObject({
      path: "/socket.io/",
      address: "192.0.2.1",
      origin: "https://evil.example",
      isOriginAllowed: false,
    });
    expect(exchange.query.getAll("sid")).toEqual(["A", "b"]);
  });
});

describe("SEC-15 T12 the client's address", () => {
  const proxies = new TrustedProxies(["127.0.0.1", "10.0.0.0/8", "::1", "2001:db8:ffff::/48"]);
  const clientOf = (peer: string, forwarded?: string): string =>
    proxies.clientOf(
      plainAddress(peer),
      request(forwarded === undefined ? {} : { "x-forwarded-for": forwarded }),
    );

  const cases: readonly (readonly [
    name: string,
    peer: string,
    forwarded: string | undefined,
    client: string,
  ])[] = [
    ["nobody between us", "192.0.2.1", undefined, "192.0.2.1"],
    ["a stranger's header is not believed", "192.0.2.1", "198.51.100.9", "192.0.2.1"],
    ["a stranger cannot name a proxy either", "192.0.2.1", "127.0.0.1", "192.0.2.1"],
    ["one proxy", "127.0.0.1", "192.0.2.1", "192.0.2.1"],
    ["a proxy that says nothing", "127.0.0.1", undefined, "127.0.0.1"],
    ["a proxy that says nothing, in a header", "127.0.0.1", "", "127.0.0.1"],
    [
      "what the client wrote before the proxy is not believed",
      "127.0.0.1",
      "198.51.100.9, 192.0.2.1",
      "192.0.2.1",
    ],
    ["nor is a proxy that the client names", "127.0.0.1", "127.0.0.1, 192.0.2.1", "192.0.2.1"],
    ["nor garbage before it", "127.0.0.1", "'; DROP TABLE--, , 192.0.2.1", "192.0.2.1"],
    ["two proxies", "127.0.0.1", "192.0.2.1, 10.1.2.3", "192.0.2.1"],
    ["three proxies, spoofed in front", "::1", "198.51.100.9,192.0.2.1,10.1.2.3,10.0.0.1", "192.0.2.1"],
    ["a proxy that is not listed counts as the client", "127.0.0.1", "192.0.2.1, 203.0.113.7", "203.0.113.7"],
    ["only proxies", "127.0.0.1", "10.0.0.1, 10.0.0.2", "127.0.0.1"],
    ["garbage from the proxy itself", "127.0.0.1", "192.0.2.1, unknown", "127.0.0.1"],
    ["an obfuscated identifier", "127.0.0.1", "_hidden", "127.0.0.1"],
    ["an empty entry at the end", "127.0.0.1", "192.0.2.1,", "127.0.0.1"],
    ["IPv4 in IPv6 clothes as the peer", "::ffff:127.0.0.1", "192.0.2.1", "192.0.2.1"],
    ["IPv4 in IPv6 clothes in the header", "127.0.0.1", "::ffff:192.0.2.1", "192.0.2.1"],
    ["the same in capitals", "127.0.0.1", "::FFFF:192.0.2.1", "192.0.2.1"],
    ["a proxy in IPv6 clothes", "127.0.0.1", "192.0.2.1, ::ffff:10.1.1.1", "192.0.2.1"],
    ["IPv6", "::1", "2001:db8::7", "2001:db8::7"],
    ["a range of IPv6", "2001:db8:ffff::3", "2001:db8::7, 2001:db8:ffff::9", "2001:db8::7"],
    ["a port behind IPv4", "127.0.0.1", "192.0.2.1:4711", "192.0.2.1"],
    ["a port behind IPv6", "127.0.0.1", "[2001:db8::7]:4711", "2001:db8::7"],
    ["brackets without a port", "127.0.0.1", "[2001:db8::7]", "2001:db8::7"],
    ["a port behind a proxy's address", "127.0.0.1", "192.0.2.1, 10.1.1.1:80", "192.0.2.1"],
    ["a port that is none", "127.0.0.1", "192.0.2.1:x", "127.0.0.1"],
    ["an address that is none", "127.0.0.1", "999.0.2.1", "127.0.0.1"],
    ["octal and decimal numbers are no addresses", "127.0.0.1", "0300.0.2.1", "127.0.0.1"],
    ["a decimal number", "127.0.0.1", "3221225985", "127.0.0.1"],
    ["white space of every kind", "127.0.0.1", " \t192.0.2.1 \t", "192.0.2.1"],
    ["a neighbour of the range", "11.0.0.1", "192.0.2.1", "11.0.0.1"],
    ["a peer without an address", "", "192.0.2.1", ""],
  ];
  for (const [name, peer, forwarded, client] of cases) {
    test(`SEC-15 ${name}`, () => {
      expect(clientOf(peer, forwarded)).toBe(client);
    });
  }

  test("SEC-15 T12 a header of 16 KiB widens no limit and is read in no time", () => {
    const started = performance.now();
    expect(clientOf("127.0.0.1", `${"198.51.100.9, ".repeat(1_150)}192.0.2.1`)).toBe("192.0.2.1");
    expect(clientOf("127.0.0.1", `${"10.0.0.1,".repeat(1_800)}10.0.0.1`)).toBe("127.0.0.1");
    expect(clientOf("127.0.0.1", "[]:1".repeat(4_000))).toBe("127.0.0.1");
    expect(clientOf("127.0.0.1", "1.".repeat(8_000))).toBe("127.0.0.1");
    expect(performance.now() - started).toBeLessThan(250);
  });

  test("without trusted proxies nothing is believed", () => {
    const nobody = new TrustedProxies([]);
    expect(nobody.clientOf("127.0.0.1", request({ "x-forwarded-for": "192.0.2.1" }))).toBe("127.0.0.1");
    expect(nobody.trusts("127.0.0.1")).toBe(false);
    expect(nobody.trusts("nonsense")).toBe(false);
  });

  test("SEC-15 whatever the header says, the client is the peer or an address that no proxy has: 100,000 headers", () => {
    const part = fc.oneof(
      fc.constantFrom(
        "192.0.2.1",
        "10.0.0.1",
        "::1",
        "127.0.0.1",
        "[::1]:1",
        "1.2.3.4:5",
        "::ffff:1.2.3.4",
        "",
        "x",
      ),
      fc.ipV4(),
      fc.ipV6(),
      fc.string({ maxLength: 20 }).filter((text) => /^[\x21-\x7e]*$/.test(text)),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 6 }), (parts) => {
        const client = clientOf("127.0.0.1", parts.join(", "));
        return client === "127.0.0.1" || (/^[\da-f.:]+$/i.test(client) && !proxies.trusts(client));
      }),
      { numRuns: 100_000 },
    );
  });
});

describe("T22 malformed requests", () => {
  /** The engine's own requests have a path for a URL when the Host is none: they cannot be made here. */
  const withUrl = (url: string, host: string | undefined): Request => {
    const made = new Request("http://a/");
    Object.defineProperty(made, "url", { value: url });
    if (host !== undefined) made.headers.set("host", host);
    return made;
  };

  test("T22 exactly one Host that is a host", () => {
    expect(malformation(request())).toBeUndefined();
    expect(malformation(withUrl("/x", undefined))).toContain("Host");
    expect(malformation(withUrl("http://a/x", "a, a"))).toContain("Host");
    for (const url of ["/x", "http://[/x", "http://a:99999/x", "a:80"]) {
      expect(malformation(withUrl(url, "a")), url).toContain("host");
    }
  });

  const handshake = {
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
  };

  test("T22 no body with GET, HEAD or an upgrade", () => {
    for (const headers of [
      { "content-length": "5" },
      { "transfer-encoding": "chunked" },
      { "content-length": "x" },
    ]) {
      expect(hasBody(request(headers))).toBe(true);
      expect(malformation(request(headers)), JSON.stringify(headers)).toContain("body");
      expect(malformation(request(headers, { method: "HEAD" }))).toContain("body");
      expect(malformation(request({ ...handshake, ...headers }, { method: "POST" }))).toContain("body");
      expect(malformation(request(headers, { method: "POST" }))).toBeUndefined();
    }
    expect(malformation(request({ "content-length": "0" }))).toBeUndefined();
  });

  test("what asks for a websocket", () => {
    expect(isUpgrade(request({ upgrade: "WebSocket" }))).toBe(true);
    for (const upgrade of ["h2c", "websocket2", "websocket, h2c", "", "web socket"]) {
      expect(isUpgrade(request({ upgrade })), upgrade).toBe(false);
    }
  });

  test("RFC 6455 section 4.2.1, item by item", () => {
    const fault = (headers: Record<string, string>, method = "GET"): number | undefined =>
      handshakeFault(request({ ...handshake, ...headers }, { method }));
    expect(fault({})).toBeUndefined();
    expect(fault({ connection: "keep-alive, Upgrade" })).toBeUndefined();
    expect(fault({ connection: "keep-alive , upgrade\t" })).toBeUndefined();
    expect(fault({ connection: "keep-alive" })).toBe(400);
    expect(fault({ connection: "upgraded" })).toBe(400);
    expect(fault({ connection: "" })).toBe(400);
    for (const version of ["", "8", "12", "14", "013", "13, 8", "1e1"]) {
      expect(fault({ "sec-websocket-version": version }), version).toBe(426);
    }
    for (const key of [
      "",
      "AAAA",
      "A".repeat(24),
      `${"A".repeat(22)}=`,
      `${"A".repeat(23)}==`,
      `A-_${"A".repeat(19)}==`,
    ]) {
      expect(fault({ "sec-websocket-key": key }), key).toBe(400);
    }
    for (const method of ["POST", "HEAD", "PUT", "OPTIONS"]) expect(fault({}, method), method).toBe(405);
  });

  test("T7 T21 reading a header takes time in proportion to its length", () => {
    const started = performance.now();
    handshakeFault(request({ ...handshake, connection: `a${" ".repeat(60_000)}b` }));
    handshakeFault(request({ ...handshake, connection: " ,".repeat(30_000) }));
    handshakeFault(request({ ...handshake, "sec-websocket-key": "A".repeat(60_000) }));
    expect(performance.now() - started).toBeLessThan(100);
  });
});

test("SEC-15 IPv4 in IPv6 clothes is IPv4, everything else stays", () => {
  for (const [address, plain] of [
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["::FFFF:192.0.2.1", "192.0.2.1"],
    ["::ffff:999.0.2.1", "::ffff:999.0.2.1"],
    ["::ffff:", "::ffff:"],
    ["2001:db8::1", "2001:db8::1"],
    ["192.0.2.1", "192.0.2.1"],
    ["", ""],
  ] as const) {
    expect(plainAddress(address)).toBe(plain);
  }
});
