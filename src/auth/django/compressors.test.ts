// The five compressors: what Python's libraries wrote, what is cut, what is far larger inside than outside.

import { describe, expect, test } from "bun:test";
import { constants, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import type { Compression } from "./compressors.ts";
import { decompress, detectCompression, maxSessionBytes } from "./compressors.ts";
import { readLz4Frame } from "./lz4.ts";
import vectors from "./session-vectors.json";
import { readXz } from "./xz.ts";

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(" ", ""), "hex");
const stored = new Map(vectors.sessions.map(({ name, value }) => [name, Buffer.from(value ?? "", "base64")]));

const compressions: readonly (readonly [Compression, string])[] = [
  ["zlib", "zlib"],
  ["gzip", "gzip"],
  ["zstd", "zstd"],
  ["lz4", "lz4"],
  ["xz", "lzma"],
];

/** What django-redis 7 wrote with this compressor. */
function sample(compressor: string): Buffer {
  return stored.get(`5.2.19 django-redis ${compressor} json plain`) ?? Buffer.alloc(0);
}

describe("django-redis' compressors", () => {
  test.each(compressions)(
    "DJS-04 %s is known by its first bytes and undone",
    async (compression, compressor) => {
      const value = sample(compressor);
      expect(detectCompression(value)).toBe(compression);
      const text = (await decompress(value))?.toString();
      expect(text).toStartWith('{"_auth_user_id": "7"');
      expect(text).toEndWith("}");
    },
  );

  test("DJS-04 what is not compressed stays as it is", async () => {
    for (const text of ['{"a":1}', "x", "xyz", "", "(dp0\n.", "\u0080\u0004}."]) {
      const value = Buffer.from(text, "latin1");
      expect(detectCompression(value)).toBeUndefined();
      expect(await decompress(value)).toBe(value);
    }
  });

  test.each(compressions)(
    "DJS-04 DJS-05 %s truncated at each byte gives no whole session",
    async (_, compressor) => {
      const value = sample(compressor);
      const whole = await decompress(value);
      for (let length = 6; length < value.length; length++) {
        const part = await decompress(value.subarray(0, length));
        // Trailers that only check may be missing; content may not.
        if (part !== undefined && whole?.equals(part)) expect(value.length - length).toBeLessThanOrEqual(8);
        else if (part !== undefined) expect(part.length).toBeLessThan(whole?.length ?? 0);
      }
    },
  );

  test.each(compressions)("DJS-04 T8 %s: junk after the first bytes is refused", async (_, compressor) => {
    for (const junk of ["", "00", "ff".repeat(40), "00".repeat(40), "7f".repeat(200)]) {
      const part = await decompress(Buffer.concat([sample(compressor).subarray(0, 6), bytes(junk)]));
      expect(part?.length ?? 0).toBeLessThan(1_000);
    }
  });
});

function lz4Bomb(): Buffer {
  // One literal, then a match of offset 1 as long as 255 * 400,000 bytes.
  const block = Buffer.concat([bytes("1f 00 0100"), Buffer.alloc(400_000, 0xff), bytes("00")]);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(block.length);
  return Buffer.concat([bytes("04224d18 60 70 73"), size, block, bytes("00000000")]);
}

/** One letter in a zstd frame whose window is so large (RFC 8878 3.1.1.1.2). */
const frame = (window: string): Buffer => bytes(`28b52ffd 00 ${window} 090000 61`);

describe("bombs of 1000:1 and worse", () => {
  const zeros = Buffer.alloc(100 * 1024 * 1024);
  const xzBomb = Buffer.from(vectors.xzBomb, "base64");
  const bombs: readonly (readonly [string, Buffer])[] = [
    ["zlib", deflateSync(zeros)],
    ["gzip", gzipSync(zeros)],
    ["zstd", zstdCompressSync(zeros)],
    [
      "zstd with a window of 128 MiB",
      zstdCompressSync(zeros, { params: { [constants.ZSTD_c_windowLog]: 27 } }),
    ],
    ["lz4", lz4Bomb()],
    ["xz", xzBomb],
    ["many empty gzip members", Buffer.concat(Array<Buffer>(50_000).fill(gzipSync("")))],
  ];

  test.each(bombs)("DJS-04 T8 %s is refused soon", async (name, bomb) => {
    expect(bomb.length).toBeLessThanOrEqual(maxSessionBytes);
    const start = performance.now();
    expect((await decompress(bomb))?.length).toBe(name.startsWith("many") ? 0 : undefined);
    expect(performance.now() - start).toBeLessThan(1_000);
  });

  test("DJS-04 T8 zstd: a window over 8 MiB is refused, however little is in it", async () => {
    expect((await decompress(frame("68")))?.toString()).toBe("a");
    expect(await decompress(frame("70"))).toBeUndefined();
  });

  test("DJS-04 the bound is 1 MiB to the byte", async () => {
    for (const compress of [deflateSync, gzipSync, zstdCompressSync]) {
      expect(await decompress(compress(Buffer.alloc(maxSessionBytes, "a")))).toHaveLength(maxSessionBytes);
      expect(await decompress(compress(Buffer.alloc(maxSessionBytes + 1, "a")))).toBeUndefined();
    }
    expect(await decompress(Buffer.alloc(maxSessionBytes + 1))).toBeUndefined();
    const { length } = (await decompress(sample("lzma"))) ?? [];
    expect(await readXz(sample("lzma"), length ?? 0)).toHaveLength(length ?? 1);
    expect(await readXz(sample("lzma"), (length ?? 1) - 1)).toBeUndefined();
    expect(readLz4Frame(sample("lz4"), length ?? 0)).toHaveLength(length ?? 1);
    expect(readLz4Frame(sample("lz4"), (length ?? 1) - 1)).toBeUndefined();
  });
});

describe("lz4 frames", () => {
  const frames = new Map(Object.entries(vectors.lz4));

  test.each([...frames.keys()])("DJS-04 %s", (name) => {
    const frame = Buffer.from(frames.get(name) ?? "", "base64");
    const text = readLz4Frame(frame, maxSessionBytes)?.toString("latin1");
    expect(text).toBe(vectors.lz4Text.repeat(name.startsWith("long") ? vectors.lz4Repeats : 1));
  });

  test("DJS-04 what no frame may hold is refused", () => {
    const refused = [
      "",
      "04224d18",
      "04224d18 60 70",
      "04224d18 20 70 73 00000000", // another version
      "04224d18 61 70 73 00000000 00000000 00", // a dictionary
      "04224d18 60 70 73", // no end
      "04224d18 60 70 73 01000000", // a block without content
      "04224d18 60 70 73 05000000 10 61 0000 00 00000000", // a match at offset 0
      "04224d18 60 70 73 04000000 10 61 0200 00000000", // a match before the beginning
      "04224d18 60 70 73 02000000 f0 ff 00000000", // a length that never ends
      "04224d18 60 70 73 02000000 20 61 00000000", // fewer literals than said
      "04224d18 60 70 73 03000000 10 61 01 00000000", // half an offset
    ];
    for (const frame of refused) expect(readLz4Frame(bytes(frame), 100)).toBeUndefined();
    expect(readLz4Frame(bytes("04224d18 60 70 73 00000000"), 100)).toHaveLength(0);
    expect(readLz4Frame(bytes("04224d18 60 70 73 01000080 61 00000000"), 100)?.toString()).toBe("a");
  });

  test("DJS-04 SEC-02 100,000 frames of noise: none is thrown at, none grows past its bound", () => {
    const head = bytes("04224d18 60 70 73");
    const noise = fc.uint8Array({ maxLength: 60 }).map((block) => {
      const size = Buffer.alloc(4);
      size.writeUInt32LE(block.length);
      return Buffer.concat([head, size, block, Buffer.alloc(4)]);
    });
    const good = sample("lz4");
    const mutated = fc
      .tuple(fc.nat(good.length - 1), fc.nat(255))
      .map(([at, byte]) => Buffer.concat([good.subarray(0, at), Buffer.of(byte), good.subarray(at + 1)]));
    fc.assert(
      fc.property(fc.oneof(noise, mutated, fc.uint8Array({ maxLength: 40 })), (frame) => {
        expect(readLz4Frame(Buffer.from(frame), 512)?.length ?? 0).toBeLessThanOrEqual(512);
      }),
      { numRuns: 100_000 },
    );
  }, 60_000);

  test("DJS-04 SEC-02 xz and the engine's own: 5,000 changed values each are read or refused, never thrown at", async () => {
    for (const [, compressor] of compressions) {
      const good = sample(compressor);
      await fc.assert(
        fc.asyncProperty(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length), async (at, byte, end) => {
          const value = Buffer.from(good.subarray(0, end));
          if (at < end) value.writeUInt8(byte, at);
          expect((await decompress(value))?.length ?? 0).toBeLessThanOrEqual(maxSessionBytes);
        }),
        { numRuns: 5_000 },
      );
    }
  }, 60_000);
});
