// Reads an LZ4 frame, as Python's lz4.frame writes it: one of the compressors of stored sessions (DJS-04). Own code,
// because what the libraries offer makes room for whatever a frame announces; here the output has a fixed bound.

const magic = 0x184d2204;
/** Matches are at least so long; their length is written less this. */
const minMatch = 4;

/**
 * The content of one frame; checksums are passed over, since a session that was hurt does not decode.
 * @returns undefined when it is no whole frame, needs a dictionary, or holds more than `maxBytes`
 */
export function readLz4Frame(bytes: Buffer, maxBytes: number): Buffer | undefined {
  const header = readHeader(bytes);
  if (!header) return undefined;
  const output: Output = { bytes: Buffer.allocUnsafe(maxBytes), length: 0 };
  let at = header.end;
  for (;;) {
    if (at + 4 > bytes.length) return undefined;
    const size = bytes.readUInt32LE(at);
    if (size === 0) return Buffer.from(output.bytes.subarray(0, output.length));
    const length = size & 0x7fffffff;
    const block = bytes.subarray(at + 4, at + 4 + length);
    const isPlain = size >= 0x80000000;
    if (block.length < length || !(isPlain ? copy(block, output) : expand(block, output))) return undefined;
    at += 4 + length + header.blockChecksum;
  }
}

interface Output {
  readonly bytes: Buffer;
  length: number;
}

/** Where the blocks begin, and what follows each of them. */
function readHeader(bytes: Buffer): { readonly end: number; readonly blockChecksum: number } | undefined {
  if (bytes.length < 7 || bytes.readUInt32LE(0) !== magic) return undefined;
  const flags = bytes.readUInt8(4);
  const hasDictionary = (flags & 0x01) !== 0;
  if (flags >> 6 !== 1 || hasDictionary) return undefined;
  const contentSize = (flags & 0x08) === 0 ? 0 : 8;
  return { end: 7 + contentSize, blockChecksum: (flags & 0x10) === 0 ? 0 : 4 };
}

function copy(bytes: Buffer, output: Output): boolean {
  if (bytes.length > output.bytes.length - output.length) return false;
  output.bytes.set(bytes, output.length);
  output.length += bytes.length;
  return true;
}

/** A block is a chain of sequences: literals, then a match in what was written before; the last has no match. */
function expand(block: Buffer, output: Output): boolean {
  let at = 0;
  while (at < block.length) {
    const token = block.readUInt8(at);
    const literals = readLength(block, at + 1, token >> 4);
    if (!literals) return false;
    const end = literals.end + literals.length;
    if (end > block.length || !copy(block.subarray(literals.end, end), output)) return false;
    if (end === block.length) return true;
    if (end + 2 > block.length) return false;
    const match = readLength(block, end + 2, token & 0x0f);
    if (!match || !repeat(output, block.readUInt16LE(end), match.length + minMatch)) return false;
    at = match.end;
  }
  return false;
}

/** A length of 15 goes on in the bytes that follow, as long as they are 255. */
function readLength(block: Buffer, start: number, nibble: number) {
  let length = nibble;
  let end = start;
  for (let byte = nibble === 15 ? 255 : 0; byte === 255; end++) {
    if (end >= block.length) return undefined;
    byte = block.readUInt8(end);
    length += byte;
  }
  return { length, end };
}

/** Byte by byte: a match may reach into what it writes itself. */
function repeat(output: Output, offset: number, length: number): boolean {
  const { bytes, length: start } = output;
  if (offset === 0 || offset > start || length > bytes.length - start) return false;
  for (let at = start; at < start + length; at++) bytes.writeUInt8(bytes.readUInt8(at - offset), at);
  output.length += length;
  return true;
}
