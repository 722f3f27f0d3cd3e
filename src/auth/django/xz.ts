// Reads xz data, the form of Python's lzma: one of the compressors of stored sessions (DJS-04). The library streams,
// so that the bound holds while it inflates.

import { XzReadableStream } from "xz-decompress";
import { readStream } from "../../codec/body.ts";

/** @returns undefined when it is no whole xz stream, or holds more than `maxBytes` */
export async function readXz(bytes: Buffer, maxBytes: number): Promise<Buffer | undefined> {
  try {
    return await readStream(new XzReadableStream(new Blob([new Uint8Array(bytes)]).stream()), maxBytes);
  } catch {
    return undefined; // its error names no more than a number
  }
}
