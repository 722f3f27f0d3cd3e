import { describe, expect, test } from "bun:test";
import { encode } from "@msgpack/msgpack";
import fc from "fast-check";
import { readMsgpack } from "./msgpack.ts";
import type { MsgpackValue } from "./msgpack.ts";

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");
const read = (text: string): MsgpackValue => {
  const result = readMsgpack(hex(text));
  if (!result.isValid) throw new Error(`Expected ${text} to be read, got ${result.reason}`);
  return result.value;
};
const reason = (bytes: string | Buffer): string | undefined => {
  const result = readMsgpack(typeof bytes === "string" ? hex(bytes) : bytes);
  return result.isValid ? undefined : result.reason;
};

/** A number boxed so many times, each ext inside the one before. */
function boxed(times: number): string {
  const heads = Array.from({ length: times }, (_, index) => {
    const head = Buffer.of(0xc9, 0, 0, 0, 0, 0x0f);
    head.writeUInt32BE(6 * (times - index - 1) + 1, 1);
    return head;
  });
  return Buffer.concat([...heads, Buffer.of(1)]).toString("hex");
}

describe("single values", () => {
  const cases: readonly (readonly [string, MsgpackValue])[] = [
    ["00", 0],
    ["7f", 127],
    ["e0", -32],
    ["ff", -1],
    ["c0", null],
    ["c2", false],
    ["c3", true],
    ["cc ff", 255],
    ["cd ffff", 65_535],
    ["ce ffffffff", 4_294_967_295],
    ["cf 001fffffffffffff", Number.MAX_SAFE_INTEGER],
    ["cf 0020000000000001", 9_007_199_254_740_993n],
    ["cf ffffffffffffffff", 18_446_744_073_709_551_615n],
    ["d0 80", -128],
    ["d1 8000", -32_768],
    ["d2 80000000", -2_147_483_648],
    ["d3 ffffffff00000000", -4_294_967_296],
    ["d3 8000000000000000", -9_223_372_036_854_775_808n],
    ["ca 3fc00000", 1.5],
    ["cb 3ff8000000000000", 1.5],
    ["cb 7ff8000000000000", Number.NaN],
    ["a2 c3a9", "é"],
    ["d9 02 c3a9", "é"],
    ["da 0002 c3a9", "é"],
    ["db 00000002 c3a9", "é"],
    ["90", []],
    ["dc 0001 05", [5]],
    ["dd 00000001 05", [5]],
    ["80", new Map()],
    ["de 0001 a161 05", new Map([["a", 5]])],
    ["df 00000001 a161 05", new Map([["a", 5]])],
    ["c4 00", Buffer.alloc(0)],
    ["c4 02 01ff", Buffer.of(1, 255)],
    ["c5 0002 01ff", Buffer.of(1, 255)],
    ["c6 00000002 01ff", Buffer.of(1, 255)],
  ];
  test.each(cases)("SIO-15 %s is read exactly", (bytes, value) => {
    expect(read(bytes)).toEqual(value);
  });

  test("SIO-15 a text keeps its byte order mark, also a long one", () => {
    const text = `\ufeff${"x".repeat(300)}`;
    expect(readMsgpack(Buffer.from(encode(text)))).toEqual({
      isValid: true,
      value: text,
      hasBrokenText: false,
    });
  });

  test("SIO-15 a real U+FFFD is text, not a sign of bad bytes", () => {
    expect(read("a3 efbfbd")).toBe("\ufffd");
  });
});

describe("NRE-05 dialects", () => {
  const cases: readonly (readonly [string, string, MsgpackValue])[] = [
    ["notepack 3 and later: timestamp of 32 bits", "d6ff 00000001", new Date(1_000)],
    ["notepack 3: timestamp of 64 bits", "d7ff 1d53d600 6553f100", new Date(1_700_000_000_123)],
    ["notepack 3: timestamp of 96 bits", "c70cff 00000000 ffffffffffffffff", new Date(-1_000)],
    ["notepack 1 and 2: date", "d700 0000018bcfe5687b", new Date(1_700_000_000_123)],
    ["notepack 1 and 2: date before 1970", "d700 ffffffffffffffff", new Date(-1)],
    ["notepack 1 and 2: undefined", "d40000", undefined],
    ["notepack 2: ArrayBuffer", "c70200 0102", Buffer.of(1, 2)],
    ["notepack 2: ArrayBuffer of one byte", "c70100 07", Buffer.of(7)],
    ["notepack 2: ArrayBuffer of 300 bytes", `c8012c00${"00".repeat(300)}`, Buffer.alloc(300)],
    ["msgpack-js: long text as raw", `da0028${"79".repeat(40)}`, "y".repeat(40)],
  ];
  test.each(cases)("NRE-05 %s", (_name, bytes, value) => {
    expect(read(bytes)).toEqual(value);
  });

  test("NRE-05 the forms of dates and ArrayBuffers end with their bytes", () => {
    for (const whole of ["d6ff00000001", "d7ff1d53d6006553f100", "d7000000018bcfe5687b", "c702000102"]) {
      for (let size = 2; size < whole.length; size += 2) {
        expect(reason(whole.slice(0, size))).toBe("msgpack_truncated");
      }
    }
  });

  test.each([
    ["an unknown ext", "d41001"],
    ["an unknown ext with a length", "c702100102"],
    ["msgpack-lite: a date of two values", "c7020d0102"],
    ["msgpack-lite: a date of a text", "d50da178"],
    ["msgpack-lite: a boxed value longer than its ext", "d40fcb3ff8000000000000"],
    ["msgpack-lite: a type that it leaves out", "d41c01"],
    ["a fixext of type 0 that no emitter writes", "d5000102"],
    ["msgpack-js: binary under d8", `d8000201ff${"00".repeat(13)}`],
    ["a timestamp of 5 bytes", "c705ff0000000000"],
    ["a timestamp with more than a second of nanoseconds", "d7ff ee6b2800 00000000"],
  ])("NRE-05 %s rejects the message", (_name, bytes) => {
    expect(reason(bytes)).toBe("msgpack_ext");
  });

  test("NRE-05 text that is no UTF-8 has U+FFFD in its place, and is told", () => {
    const broken = (text: string): unknown => {
      const result = readMsgpack(hex(text));
      return result.isValid && result.hasBrokenText ? result.value : "whole";
    };
    expect(broken("a3 61e4b8")).toBe("a\ufffd");
    expect(broken("a2 c328")).toBe("\ufffd(");
    expect(broken("a3 eda080")).toBe("\ufffd\ufffd\ufffd");
    expect(broken("81 a1ff 01")).toEqual(new Map([["\ufffd", 1]]));
    expect(broken("92 a3efbfbd a0")).toBe("whole");
  });

  test("NRE-05 msgpack-lite: what the real package wrote", () => {
    expect(read("d40d00")).toEqual(new Date(0));
    expect(read("c7090dcb4276f5e66e800000")).toEqual(new Date(1_577_836_800_000));
    expect(Number(read("c7090dcb7ff8000000000000"))).toBe(Number.NaN);
    expect(read("d5120102")).toEqual(Buffer.of(1, 2));
    expect(read("c70012")).toEqual(Buffer.alloc(0));
    expect(read("d5140100")).toEqual(Buffer.of(1, 0));
    expect(read("d718000000000000f03f")).toEqual(Buffer.from(Float64Array.of(1).buffer));
    expect(read(`c8012c12${"07".repeat(300)}`)).toEqual(Buffer.alloc(300, 7));
    expect(read("c7031a000000")).toEqual(Buffer.alloc(3));
    expect(read("d51d0000")).toEqual(Buffer.alloc(2));
    for (let type = 0x11; type <= 0x1b; type++)
      expect(read(`d5${type.toString(16)}0102`)).toEqual(Buffer.of(1, 2));
  });

  test("NRE-05 msgpack-lite: members of other classes are what JSON shows of them", () => {
    expect(read("d40bc3")).toBe(true);
    expect(read("d50ca173")).toBe("s");
    expect(read("c7090fcb3ff8000000000000")).toBe(1.5);
    expect(read("c7050a92a161a167")).toEqual(new Map());
    for (const type of ["01", "02", "03", "04", "05", "06", "0e"]) {
      expect(read(`c703${type}81a0c0`)).toEqual(new Map());
    }
  });

  test("NRE-05 T3 boxed values are bounded in depth", () => {
    expect(reason(boxed(1_023))).toBe(undefined);
    expect(reason(boxed(1_025))).toBe("msgpack_depth");
    expect(reason(boxed(50_000))).toBe("msgpack_depth");
  });

  test("NRE-05 msgpack-js: undefined under c4 does not pass as something else", () => {
    expect(reason("93a178c4b8313937302d30312d30315430303a30303a30302e3030305a")).toBe("msgpack_truncated");
  });
});

describe("maps", () => {
  test("SIO-15 keys that are no text become text", () => {
    expect(read("86 01a161 c3a162 c2a163 c0a164 cb3ff8000000000000a165 cfffffffffffffffffa166")).toEqual(
      new Map([
        ["1", "a"],
        ["true", "b"],
        ["false", "c"],
        ["null", "d"],
        ["1.5", "e"],
        ["18446744073709551615", "f"],
      ]),
    );
  });

  test("T20 keys of prototypes are keys like others", () => {
    const map = read("82 a95f5f70726f746f5f5f 81a1780a ab636f6e7374727563746f72 01") as ReadonlyMap<
      string,
      MsgpackValue
    >;
    expect([...map.keys()]).toEqual(["__proto__", "constructor"]);
    expect(({} as Record<string, unknown>)["x"]).toBeUndefined();
  });

  test.each(["81 90 01", "81 80 01", "81 c40161 01", "81 d40000 01", "81 d6ff00000001 01"])(
    "T3 the key of %s is refused",
    (bytes) => {
      expect(reason(bytes)).toBe("msgpack_key");
    },
  );
});

/** An array of so many values, each of them the one byte `fill`. */
function array(count: number, fill: number): Buffer {
  const bytes = Buffer.alloc(5 + count, fill);
  bytes[0] = 0xdd;
  bytes.writeUInt32BE(count, 1);
  return bytes;
}

describe("bounds", () => {
  test.each([
    ["an array", "dd ffffffff"],
    ["a map", "df ffffffff"],
    ["a text", "db ffffffff"],
    ["a binary", "c6 ffffffff"],
    ["an ext", "c9 ffffffff 00"],
    ["an array in an array", "91 dd ffffffff 00"],
    ["nothing", ""],
    ["half a map", "81 a161"],
  ])("T3 %s that ends early is refused", (_name, bytes) => {
    expect(reason(bytes)).toBe("msgpack_truncated");
  });

  test("T3 bytes behind the value are refused", () => {
    expect(reason("00 00")).toBe("msgpack_trailing");
  });

  test("T3 the byte that means nothing is refused", () => {
    expect(reason("c1")).toBe("msgpack_byte");
  });

  test("T3 depth ends at 1,024", () => {
    expect(reason(Buffer.from("91".repeat(1_024) + "00", "hex"))).toBeUndefined();
    expect(reason(Buffer.from("91".repeat(1_025) + "00", "hex"))).toBe("msgpack_depth");
    expect(reason(Buffer.from("8100".repeat(1_025) + "00", "hex"))).toBe("msgpack_depth");
  });

  test("T3 values end at a million, also spread over many arrays", () => {
    expect(reason(array(999_999, 0x00))).toBeUndefined();
    expect(reason(array(1_000_000, 0x00))).toBe("msgpack_size");
    expect(reason(Buffer.concat([hex("92"), array(600_000, 0), array(600_000, 0)]))).toBe("msgpack_size");
    expect(reason(Buffer.concat([hex("df000927c0"), Buffer.alloc(1_200_000)]))).toBe("msgpack_size");
    expect(reason(array(600_000, 0x91))).toBe("msgpack_depth");
  });

  test("T3 8 MiB of headers that announce 65,535 elements each cost no time and no memory", () => {
    const bomb = Buffer.alloc(8 * 1024 * 1024, hex("dcffff"));
    const before = process.memoryUsage.rss();
    const started = performance.now();
    for (let i = 0; i < 100; i++) expect(reason(bomb)).toBe("msgpack_depth");
    expect(performance.now() - started).toBeLessThan(1_000);
    expect(process.memoryUsage.rss() - before).toBeLessThan(64 * 1024 * 1024);
  });
});

/** Values that every encoder of MessagePack can write, and what reading them must give. */
const values = fc.letrec<{ any: unknown; leaf: unknown }>((tie) => ({
  leaf: fc.oneof(
    fc.constantFrom<unknown>(null, true, false, Number.NaN, Infinity, -Infinity),
    fc.integer(),
    fc.double({ noNaN: true }),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
    fc.string({ unit: "grapheme", maxLength: 40 }),
    fc.uint8Array({ maxLength: 40 }),
    fc.date({ noInvalidDate: true }),
  ),
  any: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    tie("leaf"),
    fc.array(tie("any"), { maxLength: 20 }),
    fc.dictionary(fc.string({ maxLength: 20 }), tie("any"), { maxKeys: 20, noNullPrototype: true }),
  ),
})).any;

/** The same value as `readMsgpack` gives it. */
function asRead(value: unknown): unknown {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  // The encoder writes -0 as the integer 0; JSON has no -0 either.
  if (value === 0) return 0;
  if (value instanceof Uint8Array) return Buffer.from(value);
  if (Array.isArray(value)) return value.map((item) => asRead(item));
  if (typeof value !== "object" || value === null || value instanceof Date) return value;
  return new Map(Object.entries(value).map(([key, item]) => [key, asRead(item)]));
}

const encoded = values.map((value) => Buffer.from(encode(value, { useBigInt64: true })));

describe("any bytes", () => {
  test("SIO-15 NRE-05 whatever another implementation writes is read back", () => {
    fc.assert(
      fc.property(values, (value) => {
        const result = readMsgpack(Buffer.from(encode(value, { useBigInt64: true })));
        expect(result.isValid && result.value).toEqual(asRead(value) as MsgpackValue);
      }),
      { numRuns: 5_000 },
    );
  });

  test("T3 a message cut at any byte is refused", () => {
    fc.assert(
      fc.property(encoded, (whole) => {
        const step = Math.ceil(whole.length / 50);
        for (let size = 0; size < whole.length; size += step) {
          expect(reason(whole.subarray(0, size))).toBe("msgpack_truncated");
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test("T3 100,000 random inputs give a value or a reason", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const result = readMsgpack(Buffer.from(bytes));
        return result.isValid || result.reason.startsWith("msgpack_");
      }),
      { numRuns: 100_000 },
    );
  }, 30_000);

  test("T3 100,000 damaged messages give a value or a reason", () => {
    const samples = fc.sample(encoded, 500).filter((bytes) => bytes.length > 0);
    fc.assert(
      fc.property(fc.nat(), fc.nat(), fc.nat(255), (which, where, byte) => {
        const bytes = Buffer.from(samples[which % samples.length] ?? []);
        bytes[where % bytes.length] = byte;
        const result = readMsgpack(bytes);
        return result.isValid || result.reason.startsWith("msgpack_");
      }),
      { numRuns: 100_000 },
    );
  }, 30_000);
});
