// Reads xz data, the form of Python's lzma: one of the compressors of stored sessions (DJS-04). The library streams,
// so that the bound holds while it inflates.

import { XzReadableStream } from "xz-decompress";

/** @returns undefined when it is no whole xz stream, or holds more than `maxBytes` */
export async function readXz(bytes: Buffer, maxBytes: number): Promise<Buffer | undefined> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    const reader = new XzReadableStream(new Blob([new Uint8Array(bytes)]).stream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return Buffer.concat(chunks, length);
      length += value.length;
      if (length > maxBytes) {
        await reader.cancel();
        return undefined;
      }
      chunks.push(value);
    }
  } catch {
    return undefined; // its error names no more than a number
  }
}
