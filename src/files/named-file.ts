// Reads a file that a setting names: the config, a secret, a certificate. It may be a pipe, as `<(pass show belfry)` makes
// one. It may be anything else by mistake, and then the start neither waits for ever nor fills its memory.

import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";

/** How long a pipe may take until all is said, ms. The start waits that long, and does nothing else. */
const patienceMs = 5_000;
const pauseMs = 10;
const chunkBytes = 64 * 1024;

/** @throws as node:fs does; with the code EFBIG over `maxBytes`, ETIMEDOUT when a pipe or a device did not end. */
export function readNamedFile(path: string, maxBytes: number): Buffer {
  // Without waiting for the writer of a pipe.
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    return readToEnd(file, maxBytes);
  } finally {
    closeSync(file);
  }
}

function readToEnd(file: number, maxBytes: number): Buffer {
  const isPipe = fstatSync(file).isFIFO();
  const deadline = performance.now() + patienceMs;
  const chunks: Buffer[] = [];
  for (let length = 0; ;) {
    const chunk = readChunk(file);
    if (chunk && chunk.length > 0) {
      chunks.push(chunk);
      length += chunk.length;
      if (length > maxBytes) throw failure("EFBIG", `Expected at most ${maxBytes} bytes, got more`);
      continue;
    }
    // A pipe says its end before the first writer is there, too.
    if (chunk && (length > 0 || !isPipe)) return Buffer.concat(chunks, length);
    if (performance.now() > deadline) throw failure("ETIMEDOUT", "Expected an end, got none");
    Bun.sleepSync(pauseMs);
  }
}

/** @returns undefined when nothing is there yet, nothing of length when it ended. */
function readChunk(file: number): Buffer | undefined {
  const chunk = Buffer.allocUnsafe(chunkBytes);
  try {
    return chunk.subarray(0, readSync(file, chunk));
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EAGAIN") return undefined;
    throw error;
  }
}

function failure(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

/** Why a file could not be read, for people. */
export function describeFileError(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT") return "no such file";
  if (code === "EACCES") return "no permission to read it";
  if (code === "EISDIR") return "a directory";
  if (code === "EFBIG") return "a file that is too long";
  if (code === "ETIMEDOUT") return `something that did not end within ${patienceMs / 1000} s`;
  return typeof code === "string" ? code : "an unreadable file";
}
