// Session dicts in each serialiser, by hand; what real Djangos wrote is in sessions.test.ts.

import { describe, expect, test } from "bun:test";
import { encode } from "@msgpack/msgpack";
import fc from "fast-check";
import { readSessionFields } from "./session-value.ts";
import type { SessionField } from "./session-value.ts";
import vectors from "./session-vectors.json";

const latin1 = (text: string): Buffer => Buffer.from(text, "latin1");
const field = (bytes: Buffer, name = "a"): SessionField | undefined => readSessionFields(bytes)?.(name);
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const msgpack = (value: unknown): Buffer => Buffer.from(encode(value));

describe("the serialiser is known by the bytes", () => {
  test("DJS-04 pickle by its mark, protocols 0 and 1 without one", () => {
    expect(field(latin1("\x80\x02}q\0X\x01\0\0\0aX\x01\0\0\0bs."))).toBe("b");
    expect(field(latin1("(dp0\nVa\np1\nVb\np2\ns."))).toBe("b");
    expect(field(latin1("}X\x01\0\0\0aX\x01\0\0\0bs."))).toBe("b");
  });

  test("DJS-04 JSON by its brace, MessagePack by its map", () => {
    expect(field(json({ a: "b" }))).toBe("b");
    expect(field(msgpack({ a: "b" }))).toBe("b");
    const many = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`k${index}`, index]));
    expect(field(msgpack({ ...many, a: "b" }))).toBe("b");
  });

  test("DJS-04 what is no dict is no session, a bare integer least of all", () => {
    const others = ["1", "-12", "3.5", "null", "[1]", '"{}"', "x", "", " {}", "{", "{}x", "\x80\x04]."];
    for (const text of others) expect(readSessionFields(latin1(text))).toBeUndefined();
    for (const value of [1, "a", [1], null]) expect(readSessionFields(msgpack(value))).toBeUndefined();
    expect(readSessionFields(latin1("{}"))).toBeDefined();
    expect(readSessionFields(latin1("\x80"))).toBeDefined(); // the empty map of MessagePack
  });
});

describe("what can be read", () => {
  test.each([
    ["JSON", json],
    ["MessagePack", msgpack],
  ])("DJS-05 texts, whole numbers and lists of texts, from %s", (_, write) => {
    const read = (value: unknown): SessionField | undefined => field(write({ a: value }));
    expect(read("Zürich")).toBe("Zürich");
    expect(read(7)).toBe(7n);
    expect(read(-7)).toBe(-7n);
    expect(read(["a", "b"])).toEqual(["a", "b"]);
    expect(read(["a", 1, null, ["b"], { c: "c" }, "d"])).toEqual(["a", "d"]);
    for (const nothing of [null, true, 1.5, { a: "b" }]) expect(read(nothing)).toBeUndefined();
  });

  test("DJS-05 an object of any kind is neither text nor list, and what is put into it is gone", () => {
    const lazy = "cdjango.utils.functional\n_lazy_proxy_unpickle\n(Va\ntR";
    for (const made of [
      lazy,
      `${lazy}(dVb\nVc\nsb`,
      `(lp1\n0${lazy}Vgroup\na`,
      "c__builtin__\nset\n((lVx\natR",
    ]) {
      expect(readSessionFields(latin1(`(dVa\n${made}s.`))).toBeDefined();
      expect(field(latin1(`(dVa\n${made}s.`))).toBeUndefined();
    }
  });

  test("DJS-05 SEC-01 extension codes, persistent ids and buffers reject the session", () => {
    for (const code of ["\x82\x01", "\x83\x01\0", "\x84\x01\0\0\0", "P1\n", "NQ", "\x97", "N\x98"]) {
      expect(readSessionFields(latin1(`(dVa\n${code}s.`))).toBeUndefined();
    }
  });

  test("T20 names of Object's own members are absent", () => {
    for (const bytes of [json({}), msgpack({}), latin1("(d.")]) {
      for (const name of ["__proto__", "constructor", "toString"]) expect(field(bytes, name)).toBeUndefined();
    }
    expect(field(latin1('{"__proto__":{"a":"b"}}'))).toBeUndefined();
  });

  test("DJS-05 nests and announcements without end are refused soon", () => {
    const start = performance.now();
    const hostile = [
      `{"a":${"[".repeat(500_000)}`,
      `{"a":${"[".repeat(500_000)}${"]".repeat(500_000)}}`,
      "\xdf\xff\xff\xff\xff",
      `\x81\xa1a${"\x91".repeat(500_000)}`,
      `(dVa\n${"(".repeat(500_000)}`,
      `\x80\x04}\x8c\x01a${"]\x94".repeat(300)}${"a".repeat(300)}s.`,
    ];
    for (const text of hostile) expect(readSessionFields(latin1(text))).toBeUndefined();
    expect(performance.now() - start).toBeLessThan(2_000);
  });
});

describe("noise", () => {
  const seeds = vectors.sessions
    .filter(({ name }) => /core rich|pickle [025] dated|(json|msgpack) plain/.test(name))
    .map(({ value }) => Buffer.from(value ?? "", "base64"));

  test("DJS-05 SEC-01 100,000 changed sessions: each is read or refused, never thrown at", () => {
    expect(seeds.length).toBeGreaterThan(5);
    const changed = fc
      .tuple(fc.constantFrom(...seeds), fc.nat(5_000), fc.nat(255), fc.nat(5_000))
      .map(([seed, at, byte, cut]) => {
        const bytes = Buffer.from(cut % 3 === 0 ? seed.subarray(0, cut % seed.length) : seed);
        if (bytes.length > 0) bytes.writeUInt8(byte, at % bytes.length);
        return bytes;
      });
    const heads = fc.constantFrom("", "\x80\x04", "{", "\x81", "(dp0\n").map(latin1);
    const noise = fc
      .tuple(heads, fc.uint8Array({ maxLength: 40 }))
      .map(([head, rest]) => Buffer.concat([head, rest]));
    fc.assert(
      fc.property(fc.oneof(changed, noise), (bytes) => {
        const groups = field(bytes, "ws4redis:memberof");
        if (Array.isArray(groups)) expect(groups.every((group) => typeof group === "string")).toBe(true);
        else expect(["undefined", "string", "bigint"]).toContain(typeof groups);
      }),
      { numRuns: 100_000 },
    );
  }, 60_000);
});
