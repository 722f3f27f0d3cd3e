import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { isUpgrade } from "../base/http.ts";
import type { Exchange } from "./route.ts";
import type { Origins } from "./origin.ts";
import { Head, malformation, plainAddress, RequestExchange, TrustedProxies, unixPeer } from "./request.ts";
import { RequestUrls } from "./request-url.ts";
import { handshakeFault } from "../base/http.ts";
import type { Client } from "./request.ts";

function request(headers: Record<string, string> = {}, init: RequestInit = {}, url = "http://a/x"): Request {
  return new Request(url, { headers: { host: "a", ...headers }, ...init });
}

describe("SEC-15 T12 the client's address", () => {
  const proxies = new TrustedProxies(["127.0.0.1", "10.0.0.0/8", "::1", "2001:db8:ffff::/48"]);
  const clientOf = (peer: string, forwarded?: string): string => locate(peer, forwarded).address;
  const locate = (peer: string, forwarded?: string): Client =>
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
    ["a unix socket: a proxy on this machine", unixPeer, "192.0.2.1", "192.0.2.1"],
    ["a unix socket behind a listed proxy", unixPeer, "198.51.100.9, 192.0.2.1, 10.1.2.3", "192.0.2.1"],
    ["a unix socket, and nothing said", unixPeer, undefined, unixPeer],
    ["a proxy that has its requests from a unix socket itself", "127.0.0.1", "192.0.2.1, unix:", "192.0.2.1"],
    ["a client that claims to be a unix socket", "127.0.0.1", "unix:, 192.0.2.1", "192.0.2.1"],
  ];
  for (const [name, peer, forwarded, client] of cases) {
    test(`SEC-15 ${name}`, () => {
      expect(clientOf(peer, forwarded)).toBe(client);
    });
  }

  const counted: readonly (readonly [peer: string, forwarded: string | undefined, countedAs: string])[] = [
    ["192.0.2.1", undefined, "192.0.2.1"],
    ["192.0.2.1", "127.0.0.1", "192.0.2.1"],
    ["127.0.0.9", undefined, "shared 127.0.0.9"],
    ["127.0.0.9", "192.0.2.1", "shared 127.0.0.9"],
    ["10.1.1.1", undefined, "shared 10.1.1.1"],
    ["10.1.1.1", "unknown", "shared 10.1.1.1"],
    ["10.1.1.1", "192.0.2.1", "192.0.2.1"],
    ["10.1.1.1", "127.0.0.9", "127.0.0.9"],
    ["10.1.1.1", "127.0.0.1", "127.0.0.1"],
    ["10.1.1.1", "::1", "::1"],
    ["10.1.1.1", "10.2.2.2", "10.2.2.2"],
    ["10.1.1.1", "10.3.3.3, 10.2.2.2", "10.3.3.3"],
    ["10.1.1.1", "unknown, 10.2.2.2", "10.2.2.2"],
    ["10.1.1.1", "10.2.2.2, unix:", "10.2.2.2"],
    ["10.1.1.1", "fe80::1%eth0", "fe80::1"],
    ["10.1.1.1", "::1%a, ::1%b", "::1"],
    [unixPeer, undefined, "shared unix:"],
    [unixPeer, "127.0.0.1", "127.0.0.1"],
  ];
  test.each([...counted])("SEC-15 from %s, who says %s: limits count %s", (peer, forwarded, countedAs) => {
    expect(locate(peer, forwarded).countedAs).toBe(countedAs);
  });

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
    const { address } = nobody.clientOf("127.0.0.1", request({ "x-forwarded-for": "192.0.2.1" }));
    expect(address).toBe("127.0.0.1");
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
        "fe80::1%eth0",
        "::%",
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

  const faultOf = (made: Request): string | undefined => malformation(new Head(made, new RequestUrls()));

  test("T22 one Host that is a host, or none: then it is HTTP/1.0", () => {
    expect(faultOf(request())).toBeUndefined();
    expect(faultOf(withUrl("/x", undefined))).toBeUndefined();
    expect(faultOf(withUrl("//x", undefined))).toBeUndefined();
    expect(faultOf(withUrl("a:80", undefined))).toContain("host");
    expect(faultOf(withUrl("http://a/x", "a, a"))).toContain("Host");
    for (const url of ["/x", "http://[/x", "http://a:99999/x", "a:80"]) {
      expect(faultOf(withUrl(url, "a")), url).toContain("host");
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
      expect(new Head(request(headers), new RequestUrls()).hasBody).toBe(true);
      expect(faultOf(request(headers)), JSON.stringify(headers)).toContain("body");
      expect(faultOf(request(headers, { method: "HEAD" }))).toContain("body");
      expect(faultOf(request({ ...handshake, ...headers }, { method: "POST" }))).toContain("body");
      expect(faultOf(request(headers, { method: "POST" }))).toBeUndefined();
    }
    expect(faultOf(request({ "content-length": "0" }))).toBeUndefined();
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
    ["fe80::1%eth0", "fe80::1"],
    ["192.0.2.1", "192.0.2.1"],
    ["", ""],
  ] as const) {
    expect(plainAddress(address)).toBe(plain);
  }
});

describe("the exchange", () => {
  const exchangeOf = (
    headers: Record<string, string>,
    {
      peer = "192.0.2.1",
      origins,
      url = "http://a/",
    }: { peer?: string; origins?: Origins; url?: string } = {},
  ): Exchange =>
    new RequestExchange(
      request(headers, {}, url),
      { path: new URL(url).pathname, search: new URL(url).search },
      {
        peerOf: () => peer,
        proxies: new TrustedProxies(["10.0.0.1"]),
        origins,
        hold: () => undefined,
      },
    );

  test("EIO-18 W4R-16 it says what the listener found out", () => {
    const exchange = exchangeOf(
      { origin: "https://evil.example" },
      { url: "http://a/socket.io/?sid=%41&sid=b", origins: ["https://good.example"] },
    );
    expect(exchange).toMatchObject({
      path: "/socket.io/",
      address: "192.0.2.1",
      origin: "https://evil.example",
      isOriginAllowed: false,
      isOwnOrigin: false,
    });
    expect(exchange.query.getAll("sid")).toEqual(["A", "b"]);
    expect(exchangeOf({ origin: "http://a" })).toMatchObject({ isOriginAllowed: true, isOwnOrigin: true });
    expect(exchangeOf({ origin: "http://a" }, { origins: [] })).toMatchObject({
      isOriginAllowed: false,
      isOwnOrigin: true,
    });
    expect(exchangeOf({})).toMatchObject({ origin: undefined, isOriginAllowed: true, isOwnOrigin: false });
  });

  test("SEC-15 the peer's address is asked for where something needs it, and once", () => {
    let asked = 0;
    const exchange = new RequestExchange(
      request({}, {}, "http://a/emit"),
      { path: "/emit", search: "" },
      {
        peerOf: () => `192.0.2.${++asked}`,
        proxies: new TrustedProxies([]),
        origins: undefined,
        hold: () => undefined,
      },
    );
    expect([exchange.path, exchange.origin, exchange.query.size, asked]).toEqual(["/emit", undefined, 0, 0]);
    expect([exchange.countedAs, exchange.address, exchange.isOwnOrigin]).toEqual([
      "192.0.2.1",
      "192.0.2.1",
      false,
    ]);
    expect(asked).toBe(1);
  });

  test("W4R-16 SEC-15 X-Forwarded-* are a trusted proxy's to say, or those of whoever speaks through our unix socket", () => {
    const headers = {
      origin: "https://site.example",
      "x-forwarded-host": "site.example",
      "x-forwarded-for": "198.51.100.7",
    };
    for (const peer of ["10.0.0.1", unixPeer]) {
      expect(exchangeOf(headers, { peer }), peer).toMatchObject({
        address: "198.51.100.7",
        isOwnOrigin: true,
        isOriginAllowed: true,
      });
    }
    for (const peer of ["10.0.0.2", "127.0.0.1", "", "unix"]) {
      expect(exchangeOf(headers, { peer }), peer).toMatchObject({
        address: peer,
        isOwnOrigin: false,
        isOriginAllowed: false,
      });
    }
  });
});
