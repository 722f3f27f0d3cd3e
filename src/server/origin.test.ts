import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { isOriginAllowed, isOwnOrigin, isScriptAllowed, ownHost } from "./origin.ts";
import type { Origins, OwnHost } from "./origin.ts";

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
  "https://good.example:0443",
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
  "https://[good.example]",
  "https://good.example:",
  "https://good.example:443:443",
  "https://good.example:https",
  "https://good.example:4430000",
  "blob:https://good.example",
  "undefined",
];

describe("T1 EIO-18 which Origin may speak to us", () => {
  test(`${hostile.length} hostile ones are no match for a list`, () => {
    for (const origin of hostile) {
      expect(isOriginAllowed(origin, false, [good]), origin).toBe(false);
      expect(isOriginAllowed(origin, true, ["https://other.example", good]), origin).toBe(false);
    }
    expect(isOriginAllowed(good, false, [good])).toBe(true);
  });

  test("WSE-02 with an empty list nobody may, with `*` everyone", () => {
    for (const origin of [good, ...hostile]) {
      expect(isOriginAllowed(origin, true, []), origin).toBe(false);
      expect(isOriginAllowed(origin, false, "*"), origin).toBe(true);
    }
  });

  test("without a list the page's own origin may, and no other", () => {
    expect(isOriginAllowed(good, true, undefined)).toBe(true);
    expect(isOriginAllowed(good, false, undefined)).toBe(false);
  });

  test("the own origin is not allowed once there is a list, and no Origin always is", () => {
    expect(isOriginAllowed("http://a", true, [good])).toBe(false);
    for (const origins of ["*", [], [good], undefined] as const) {
      expect(isOriginAllowed(undefined, false, origins)).toBe(true);
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
      expect(isOriginAllowed(origin, false, [entry]), origin).toBe(false);
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
        return isOriginAllowed(origin, false, [good]) === (origin === good);
      }),
      { numRuns: 100_000 },
    );
  });
});

describe("W4R-16 T1 whether the page is our own", () => {
  const at = (host: string, isTls = false): OwnHost => ({ host, isTls });

  test(`W4R-16 T1 of ${hostile.length} hostile Origins none is, but the same host without TLS where nobody knows`, () => {
    for (const origin of hostile) {
      expect(isOwnOrigin(origin, at("good.example", true)), origin).toBe(false);
      expect(isOwnOrigin(origin, at("good.example:443", true)), origin).toBe(false);
      expect(isOwnOrigin(origin, at("good.example")), origin).toBe(origin === "http://good.example");
      for (const host of ["", "a", "null", origin, "good.example, evil.example", "user@good.example", "*"]) {
        expect(isOwnOrigin(origin, at(host)), `${origin} at ${host}`).toBe(false);
      }
    }
    for (const host of ["good.example", "", "undefined"])
      expect(isOwnOrigin(undefined, at(host))).toBe(false);
  });

  const cases: readonly (readonly [origin: string, host: string, isOwn: boolean])[] = [
    ["https://good.example", "good.example", true],
    ["https://good.example", "good.example:443", true],
    ["https://good.example:443", "good.example", true],
    ["https://good.example", "good.example:80", false],
    ["https://good.example", "good.example:8443", false],
    ["https://good.example:8443", "good.example:8443", true],
    ["https://good.example:8443", "good.example", false],
    ["https://good.example:80", "good.example", false],
    ["http://good.example", "good.example", true],
    ["http://good.example", "good.example:80", true],
    ["http://good.example:80", "good.example", true],
    ["http://good.example", "good.example:443", false],
    ["https://good.example", "GOOD.Example", true],
    ["https://good.example.", "good.example", false],
    ["https://good.example", "good.example.", false],
    ["http://127.0.0.1:8899", "127.0.0.1:8899", true],
    ["http://localhost:8899", "127.0.0.1:8899", false],
    ["http://[::1]:8899", "[::1]:8899", true],
    ["http://[::1]", "[::1]:80", true],
    ["http://[::1]:8899", "[::2]:8899", false],
    ["http://xn--gd-jbcb.example", "xn--gd-jbcb.example", true],
    ["http://good_host:1", "good_host:1", true],
  ];
  test.each([...cases])("W4R-16 %s at %s: %p", (origin, host, isOwn) => {
    expect(isOwnOrigin(origin, at(host))).toBe(isOwn);
  });

  test("W4R-16 once we know that it came by TLS, a page that came without it is another's", () => {
    expect(isOwnOrigin("http://good.example", at("good.example", true))).toBe(false);
    expect(isOwnOrigin("http://good.example:8443", at("good.example:8443", true))).toBe(false);
    expect(isOwnOrigin("https://good.example", at("good.example", true))).toBe(true);
  });

  test("W4R-16 any text but the page's own is refused: 100,000 near misses", () => {
    const edits = fc.record({ at: fc.nat(good.length), cut: fc.nat(3), put: fc.string({ maxLength: 3 }) });
    const own = new Set([good, "http://good.example", `${good}:443`, "http://good.example:80"]);
    fc.assert(
      fc.property(edits, ({ at: index, cut, put }) => {
        const origin = good.slice(0, index) + put + good.slice(index + cut);
        return isOwnOrigin(origin, at("good.example")) === own.has(origin);
      }),
      { numRuns: 100_000 },
    );
  });

  test("T7 T21 it takes time in proportion to the header's length", () => {
    for (const part of ["a", ".", ":", "[", "1", "-", "%"]) {
      expect(isOwnOrigin(`https://${part.repeat(60_000)}!`, at(`${part.repeat(60_000)}!`))).toBe(false);
    }
  });
});

describe("W4R-16 where a request was sent", () => {
  const sent = (headers: Record<string, string>, isProxied: boolean, url = "http://a/"): OwnHost =>
    ownHost(new Request(url, { headers: { host: "inner:8000", ...headers } }), isProxied);
  const forwarded = { "x-forwarded-host": "site.example", "x-forwarded-proto": "https" };

  test("W4R-16 to its Host, whatever a stranger adds", () => {
    expect(sent({}, false)).toEqual({ host: "inner:8000", isTls: false });
    expect(sent(forwarded, false)).toEqual({ host: "inner:8000", isTls: false });
    expect(sent(forwarded, false, "https://a/")).toEqual({ host: "inner:8000", isTls: true });
    expect(ownHost(new Request("http://a/"), false).host).toBe("");
  });

  test("W4R-16 behind a trusted proxy, to where that says", () => {
    expect(sent(forwarded, true)).toEqual({ host: "site.example", isTls: true });
    expect(sent({}, true)).toEqual({ host: "inner:8000", isTls: false });
    expect(sent({ "x-forwarded-proto": "http" }, true, "https://a/").isTls).toBe(false);
    expect(sent({ "x-forwarded-proto": "WSS" }, true).isTls).toBe(true);
  });

  test("W4R-16 of a list, only what the proxy itself put at its end; nothing in it is nothing", () => {
    expect(sent({ "x-forwarded-host": "evil.example, site.example" }, true).host).toBe("site.example");
    expect(sent({ "x-forwarded-proto": "https, http" }, true).isTls).toBe(false);
    for (const empty of ["", " ", ",", "site.example,"]) {
      expect(sent({ "x-forwarded-host": empty }, true).host).toBe("inner:8000");
    }
  });
});

describe("EIO-21 who may read a script", () => {
  const own: OwnHost = { host: "good.example", isTls: true };
  const may = (headers: Record<string, string>, origins?: Origins): boolean =>
    isScriptAllowed(new Request("https://good.example/", { headers }), own, origins);

  test("EIO-21 EIO-18 everyone under *, nobody under an empty list", () => {
    for (const headers of [
      {},
      { "sec-fetch-site": "same-origin" },
      { referer: `${good}/` },
      { origin: good, referer: `${good}/`, "sec-fetch-site": "same-origin" },
    ]) {
      expect(may(headers, "*")).toBe(true);
      expect(may(headers, [])).toBe(false);
    }
  });

  test("EIO-21 an Origin that came all the same decides alone", () => {
    const rest = { referer: `${good}/`, "sec-fetch-site": "same-origin" };
    expect(may({ ...rest, origin: good })).toBe(true);
    for (const origin of hostile.filter((text) => !/[^ -~]/.test(text) && text.trim() === text)) {
      expect(may({ ...rest, origin }), origin).toBe(false);
      expect(may({ ...rest, origin }, [good]), origin).toBe(false);
    }
  });

  test("EIO-21 the word of a browser about its page counts before the page's own address", () => {
    for (const site of ["same-site", "cross-site", "none", "", "x", "same-origin, same-origin"]) {
      expect(may({ "sec-fetch-site": site, referer: `${good}/` }), site).toBe(false);
      expect(may({ "sec-fetch-site": site, referer: `${good}/a` }, [good]), site).toBe(true);
    }
    expect(may({ "sec-fetch-site": "same-origin", referer: "https://evil.example/" })).toBe(true);
  });

  test("EIO-21 a Referer that only looks like one of a good page is none", () => {
    const referers = hostile.filter((text) => !/[^ -~]/.test(text) && text !== "https://good.example/");
    // What URLs mean alike is the same page: browsers never write it so.
    const alike = new Set(referers.filter((text) => URL.canParse(text) && new URL(text).origin === good));
    for (const referer of referers) {
      if (alike.has(referer)) continue;
      expect(may({ referer }), referer).toBe(false);
      expect(may({ referer }, [good]), referer).toBe(false);
    }
    expect(may({ referer: `${good}/page?x#y` })).toBe(true);
    expect(may({ referer: good }, [good])).toBe(true);
    expect(may({ referer: "http://good.example/" })).toBe(false);
  });
});
