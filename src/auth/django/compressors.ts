// Undoes the compressors of django-redis, known by their first bytes (DJS-04). Stands between the bytes of a store
// and their serialiser; whatever a value announces, no more than 1 MiB comes out.

import { constants, gunzipSync, inflateSync, zstdDecompressSync } from "node:zlib";
import { readLz4Frame } from "./lz4.ts";
import { readXz } from "./xz.ts";

/** Largest session, compressed or not, bytes (DJS-04). */
export const maxSessionBytes = 1024 * 1024;

export type Compression = "zlib" | "gzip" | "zstd" | "lz4" | "xz";

/** The decoder gives itself a window of the announced size; 8 MiB is what RFC 8878 asks of everyone. */
const zstdWindowLog = 23;

const magics: readonly (readonly [Compression, Buffer])[] = [
  ["gzip", Buffer.from([0x1f, 0x8b])],
  ["zstd", Buffer.from([0x28, 0xb5, 0x2f, 0xfd])],
  ["lz4", Buffer.from([0x04, 0x22, 0x4d, 0x18])],
  ["xz", Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a])],
];

/** @returns undefined when the bytes are not compressed */
export function detectCompression(bytes: Buffer): Compression | undefined {
  // RFC 1950 2.2: both bytes together are a multiple of 31.
  if (bytes.length > 2 && bytes[0] === 0x78 && bytes.readUInt16BE(0) % 31 === 0) return "zlib";
  return magics.find(([, magic]) => bytes.subarray(0, magic.length).equals(magic))?.[0];
}

/** @returns the bytes themselves when they are not compressed, undefined when they are broken or too large */
export async function decompress(bytes: Buffer): Promise<Buffer | undefined> {
  if (bytes.length > maxSessionBytes) return undefined;
  const compression = detectCompression(bytes);
  if (compression === undefined) return bytes;
  try {
    return await inflate(bytes, compression);
  } catch {
    return undefined; // broken, or past the bound
  }
}

async function inflate(bytes: Buffer, compression: Compression): Promise<Buffer | undefined> {
  const bound = { maxOutputLength: maxSessionBytes };
  switch (compression) {
    case "zlib":
      return inflateSync(bytes, bound);
    case "gzip":
      return gunzipSync(bytes, bound);
    case "zstd": {
      const params = { [constants.ZSTD_d_windowLogMax]: zstdWindowLog };
      return zstdDecompressSync(bytes, { ...bound, params });
    }
    case "lz4":
      return readLz4Frame(bytes, maxSessionBytes);
    case "xz":
      return await readXz(bytes, maxSessionBytes);
    default:
      return compression satisfies never;
  }
}
