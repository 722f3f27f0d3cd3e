import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Address, NameFault } from "./names.ts";
import { ancestorsOf, decodePath, maxSegments, readAddress, readChannel } from "./names.ts";

const maxBytes = 256;
const read = (name: string): Address | NameFault => readAddress(name, maxBytes);

const channel = (path: string): Address => ({ kind: "channel", path });
const tree = (path: string): Address => ({ kind: "tree", path });

/** A path of so many segments. */
function path(segments: number): string {
  return Array.from({ length: segments }, () => "x").join("/");
}

describe("readAddress", () => {
  test("WSC-03 WSC-04 what a name addresses", () => {
    const cases: readonly (readonly [string, Address])[] = [
      ["", { kind: "none" }],
      ["/", tree("")],
      ["///", tree("")],
      ["users", channel("users")],
      ["users/", tree("users")],
      ["users//", tree("users")],
      ["/users//1", channel("users/1")],
      ["//users//1//", tree("users/1")],
      [" ", channel(" ")],
      ["a/ /b", channel("a/ /b")],
      ["../..", channel("../..")],
      ["a\\b", channel("a\\b")],
      ["%2F", channel("%2F")],
      ["*", channel("*")],
    ];
    for (const [name, address] of cases) expect(read(name)).toEqual(address);
  });

  test("WSC-04 SEC-06 names are bounded in segments and in bytes, after empty segments are dropped", () => {
    expect(read(path(maxSegments))).toMatchObject({ kind: "channel" });
    expect(read(`//${path(maxSegments)}//`)).toMatchObject({ kind: "tree" });
    expect(read(path(maxSegments + 1))).toBe("too_many_segments");
    expect(read(`${"/".repeat(10_000)}x`)).toEqual({ kind: "channel", path: "x" });
    expect(read("é".repeat(128))).toMatchObject({ kind: "channel" });
    expect(read("é".repeat(129))).toBe("name_too_long");
    expect(read("/".repeat(65_537))).toBe("name_too_long");
  });

  test("WSC-01 T15 a name that stands for several is none", () => {
    for (const name of ["\uFFFD", "a/\uFFFD/b", "\uD800", "x\uDFFF/"])
      expect(read(name)).toBe("name_invalid");
  });
});

describe("decodePath", () => {
  test("WSC-01 decodes once, keeps plus and stray percent signs, refuses what is not UTF-8", () => {
    const cases: readonly (readonly [string, string | undefined])[] = [
      ["", ""],
      ["a+b", "a+b"],
      ["a%2fb%2Fc", "a/b/c"],
      ["%2541", "%41"],
      ["%25", "%"],
      ["%", "%"],
      ["%4", "%4"],
      ["%%41", "%A"],
      ["%G1%1G%-1", "%G1%1G%-1"],
      ["%C3%A9", "é"],
      ["%EF%BB%BFx", "\uFEFFx"],
      ["%00", "\0"],
      ["%C3", undefined],
      ["%FF%FE", undefined],
      ["%C0%80", undefined],
      ["%ED%A0%80", undefined],
    ];
    for (const [path, name] of cases) expect(decodePath(path)).toBe(name);
  });
});

describe("ancestorsOf", () => {
  test("WSC-03 everyone is below the empty path, and below each shorter path, not below its own", () => {
    expect(ancestorsOf("")).toEqual([""]);
    expect(ancestorsOf("users")).toEqual([""]);
    expect(ancestorsOf("users/1/x")).toEqual(["", "users", "users/1"]);
  });
});

/** Names as an attacker makes them: slashes, percent signs, colons, bytes of every kind. */
const hostile = fc.string({
  unit: fc.oneof(
    fc.constantFrom(
      "/",
      "//",
      "%",
      "%2F",
      "%2f",
      "%25",
      "%FF",
      "%C3%A9",
      "::",
      "\0",
      "\uD800",
      "\uFFFD",
      "é",
    ),
    fc.constantFrom("a", "b", "..", ".", "+", "*", "?", "[", "\\", " ", "\r\n", "__proto__"),
  ),
  maxLength: 40,
});

describe("any name", () => {
  test("WSC-01 WSC-03 T15 100,000 hostile names mean what a plain reading of the rules says", () => {
    fc.assert(
      fc.property(hostile, (name) => {
        const address = read(name);
        const segments = name.split(/\/+/).filter((segment) => segment.length > 0);
        if (typeof address === "string") {
          const isReadable = !/[\p{Cs}\uFFFD]/u.test(name);
          const isInBounds =
            segments.length <= maxSegments && Buffer.byteLength(segments.join("/")) <= maxBytes;
          expect(isReadable && isInBounds).toBe(false);
          return;
        }
        if (address.kind === "none") expect(name).toBe("");
        else expect([address.kind, address.path]).toEqual([kindOf(name), segments.join("/")]);
      }),
      { numRuns: 100_000 },
    );
  }, 60_000);

  test("WSC-01 T15 100,000 hostile paths: encoding a channel and reading it gives that channel, or a refusal", () => {
    fc.assert(
      fc.property(hostile, (path) => {
        const decoded = decodePath(path.toWellFormed());
        expect(decoded).toBe(reference(path.toWellFormed()));
        if (decoded === undefined) return;
        const channel = readChannel(decoded, maxBytes);
        if (typeof channel === "string") return;
        // What a page makes of the channel with encodeURIComponent leads to the same one.
        const again = decodePath(encodeURIComponent(channel.path));
        expect(readChannel(again ?? "", maxBytes)).toEqual(channel);
        expect(read(`${channel.path}/`)).toEqual(tree(channel.path));
      }),
      { numRuns: 100_000 },
    );
  }, 60_000);

  test("WSC-03 whoever is below a path is exactly whoever its tree reaches", () => {
    const path = fc
      .array(fc.constantFrom("a", "b", "ab", "é"), { maxLength: 5 })
      .map((parts) => parts.join("/"));
    fc.assert(
      fc.property(path, path, (channel, target) => {
        const isBelow = target === "" || channel.startsWith(`${target}/`);
        expect(ancestorsOf(channel).includes(target)).toBe(isBelow);
      }),
      { numRuns: 10_000 },
    );
  });
});

function kindOf(name: string): string {
  return name.endsWith("/") ? "tree" : "channel";
}

/** The same by other means: escapes to bytes in one replacement, then a check that nothing was lost. */
function reference(path: string): string | undefined {
  const latin = Buffer.from(path)
    .toString("latin1")
    .replaceAll(/%([0-9A-Fa-f]{2})/g, (_all, digits: string) =>
      String.fromCharCode(Number.parseInt(digits, 16)),
    );
  const bytes = Buffer.from(latin, "latin1");
  const text = bytes.toString();
  return Buffer.from(text).equals(bytes) ? text : undefined;
}
