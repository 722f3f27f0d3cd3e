import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  asksFor,
  audiences,
  channelNames,
  isChannelName,
  isFacility,
  readFacility,
  readTokens,
} from "./query.ts";

describe("the facility in the path", () => {
  test.each([
    ["foobar", "foobar"],
    ["a/b", "a/b"],
    ["foobar/", "foobar/"],
    ["/foobar", "/foobar"],
    ["", ""],
    ["FooBar", "FooBar"],
    ["a+b", "a+b"],
    ["a%20b", "a b"],
    ["a%2Fb", "a/b"],
    ["a%2fb", "a/b"],
    ["%C3%A9t%C3%A9", "été"],
    ["%f0%9f%94%94", "\u{1f514}"],
    ["%EF%BB%BFx", "\u{FEFF}x"],
    ["%00", "\0"],
    ["%3A%3Asecret", "::secret"],
  ])("W4R-01 %p is %p", (encoded, facility) => {
    expect(readFacility(encoded)).toBe(facility);
  });

  test.each([
    ["%2541", "%41"],
    ["%252525", "%2525"],
    ["%25%34%31", "%41"],
  ])("W4R-01 %p is decoded once: %p", (encoded, facility) => {
    expect(readFacility(encoded)).toBe(facility);
  });

  test.each([
    ["%FF", "%FF"],
    ["%ff", "%ff"],
    ["%C3", "%C3"],
    ["%C3%28", "%C3("],
    ["%C3x", "%C3x"],
    ["%A9%C3%A9", "%A9é"],
    ["%FF%41", "%FFA"],
    ["%C0%AF", "%C0%AF"], // overlong slash
    ["%E0%80%AF", "%E0%80%AF"],
    ["%ED%A0%80", "%ED%A0%80"], // half a surrogate pair
    ["%F4%90%80%80", "%F4%90%80%80"], // beyond U+10FFFF
    ["%F0%9F%94", "%F0%9F%94"],
    ["%F8%88%80%80%80", "%F8%88%80%80%80"],
    ["%E2%82%C3%A9", "%E2%82é"],
  ])("W4R-01 bytes of %p that are no UTF-8 stay as they were written: %p", (encoded, facility) => {
    expect(readFacility(encoded)).toBe(facility);
  });

  test.each(["%", "%4", "%zz", "100%", "%%41".slice(0, 1), "%u0041", "%-1"])(
    "W4R-01 %p is no escape, and stays",
    (text) => {
      expect(readFacility(text)).toBe(text);
    },
  );

  test("W4R-01 S1 100,000 facilities come back as they were, however they were encoded", () => {
    const text = fc.string({ unit: "binary", maxLength: 12 });
    fc.assert(
      fc.property(text, fc.boolean(), (facility, isAll) => {
        const bytes = [...Buffer.from(facility)];
        const all = bytes.map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join("");
        expect(readFacility(isAll ? all : encodeURIComponent(facility))).toBe(facility);
      }),
      { numRuns: 100_000 },
    );
  }, 30_000);

  test("W4R-01 S1 100,000 runs of any bytes: what is UTF-8 is read, what is not stays, nothing throws", () => {
    // Lead bytes and continuations, so that most runs are nearly right.
    const byte = fc.oneof(
      fc.constantFrom(0xc3, 0xa9, 0xe2, 0x82, 0xac, 0xf0, 0x9f, 0x94, 0xed, 0xa0, 0xff, 0x41, 0x25),
      fc.integer({ min: 0, max: 255 }),
    );
    const hex = (value: number): string => `%${value.toString(16).toUpperCase().padStart(2, "0")}`;
    let broken = 0;
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 10 }), (bytes) => {
        const facility = readFacility(bytes.map(hex).join(""));
        // Reference: whatever a lenient decoder replaces, byte for byte.
        const expected = reference(bytes, hex);
        if (expected.includes("%")) broken++;
        return facility === expected;
      }),
      { numRuns: 100_000 },
    );
    expect(broken).toBeGreaterThan(10_000);
  }, 30_000);

  test("T21 a path of 100,000 broken escapes takes no time", () => {
    const path = "%E2%82".repeat(50_000);
    const start = performance.now();
    expect(readFacility(path)).toBe(path);
    expect(performance.now() - start).toBeLessThan(2_000);
  });
});

/** Byte by byte: the longest character that is valid UTF-8 on its own, else the byte as it was written. */
function reference(bytes: readonly number[], hex: (byte: number) => string): string {
  let text = "";
  for (let at = 0; at < bytes.length;) {
    const length = [4, 3, 2, 1].find((size) => {
      const part = Buffer.from(bytes.slice(at, at + size));
      return (
        part.length === size &&
        Array.from(part.toString()).length === 1 &&
        Buffer.from(part.toString()).equals(part)
      );
    });
    text += length === undefined ? hex(bytes[at] ?? 0) : Buffer.from(bytes.slice(at, at + length)).toString();
    at += length ?? 1;
  }
  return text;
}

describe("which facilities there can be", () => {
  test("SEC-06 W4R-01 256 bytes, not characters", () => {
    expect(isFacility("x".repeat(256), 256)).toBe(true);
    expect(isFacility("x".repeat(257), 256)).toBe(false);
    expect(isFacility("é".repeat(128), 256)).toBe(true);
    expect(isFacility("é".repeat(129), 256)).toBe(false);
  });

  test("T19 U+FFFD and half surrogates stand for many names, so they are none", () => {
    for (const text of ["\uFFFD", "a\uFFFDb", "\uD83D", "x\uDD14"]) expect(isFacility(text, 256)).toBe(false);
  });

  test("W4R-01 the empty one, slashes, colons and controls are facilities", () => {
    for (const text of ["", "/", "a//b", "a:b", "\0", "\r\n", "*"]) expect(isFacility(text, 256)).toBe(true);
  });
});

describe("the names in the query", () => {
  const tokens = (query: string): readonly string[] => [...readTokens(new URLSearchParams(query))].sort();

  test("W4R-02 the eight names and `echo`, in any order", () => {
    expect(channelNames).toHaveLength(8);
    expect(tokens([...channelNames, "echo"].join("&"))).toEqual([...channelNames, "echo"].sort());
  });

  test.each([
    ["values are ignored", "subscribe-user=0&echo=false", ["echo", "subscribe-user"]],
    ["so is case", "Subscribe-User&SUBSCRIBE-GROUP&eChO", ["echo", "subscribe-group", "subscribe-user"]],
    ["and white space around them", "%20subscribe-user+&%09%0A%E3%80%80echo=", ["echo", "subscribe-user"]],
    ["a name twice is one", "echo&echo=1&ECHO", ["echo"]],
    ["unknown ones are nothing", "subscribe&subscribe-users&session_key=x&subscribe-all", []],
    ["none is legal", "", []],
    ["inner white space is another name", "subscribe-+user&subscribe -user", []],
    ["values hold no names", "x=subscribe-user&=echo", []],
    ["escapes are read", "%73ubscribe%2Duser", ["subscribe-user"]],
    ["prototypes are no names", "__proto__&constructor&toString", []],
  ])("W4R-02 %s: %p", (_, query, expected) => {
    expect(tokens(query)).toEqual(expected);
  });

  test("W4R-02 S1 100,000 queries: only known names, each once", () => {
    const part = fc.oneof(
      fc.constantFrom(...channelNames, "echo", "ECHO", " echo ", "=", "&", "+", "%20", "%", "subscribe-"),
      fc.string({ unit: "binary", maxLength: 4 }),
    );
    const known: ReadonlySet<string> = new Set([...channelNames, "echo"]);
    let found = 0;
    fc.assert(
      fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
        const read = readTokens(new URLSearchParams(parts.join("")));
        found += read.size;
        return [...read].every((name) => known.has(name));
      }),
      { numRuns: 100_000 },
    );
    expect(found).toBeGreaterThan(1_000);
  }, 30_000);

  test("W4R-13 `echo` is no channel", () => {
    expect(isChannelName("subscribe-user")).toBe(true);
    for (const text of ["echo", "", "subscribe-", "Subscribe-User", "toString"])
      expect(isChannelName(text)).toBe(false);
  });

  test("W4R-02 each right of each audience is its own", () => {
    for (const audience of audiences) {
      expect(asksFor([`subscribe-${audience}`], "subscribe", audience)).toBe(true);
      expect(asksFor([`subscribe-${audience}`], "publish", audience)).toBe(false);
      expect(asksFor([], "subscribe", audience)).toBe(false);
    }
  });
});
