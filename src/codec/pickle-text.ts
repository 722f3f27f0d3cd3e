// The text forms inside a pickle: UTF-8 that may hold half surrogates, the escapes of protocol 0, numbers in
// digits. Pure functions for pickle-opcodes.ts; each gives undefined for what Python would not read either.

import { readUtf8 } from "./utf8.ts";

/** UTF-8 as Python pickles it: half surrogates are written like any other character ("surrogatepass"). */
export function decodePythonText(bytes: Buffer): string | undefined {
  const plain = readUtf8(bytes);
  if (plain !== undefined) return plain;
  let text = "";
  let from = 0;
  // 0xED is only ever a lead byte, and only with 0xA0-0xBF behind it that of a surrogate.
  for (let at = bytes.indexOf(0xed); at !== -1; at = bytes.indexOf(0xed, at + 1)) {
    const second = bytes[at + 1] ?? 0;
    const third = bytes[at + 2] ?? 0;
    if (second < 0xa0 || second > 0xbf || third < 0x80 || third > 0xbf) continue;
    const before = readUtf8(bytes.subarray(from, at));
    if (before === undefined) return undefined;
    text += before + String.fromCharCode(0xd000 | ((second & 0x3f) << 6) | (third & 0x3f));
    from = at + 3;
  }
  const rest = readUtf8(bytes.subarray(from));
  return rest === undefined ? undefined : text + rest;
}

/** Characters up to U+00FF as bytes; undefined when there are others. */
export function encodeLatin1(text: string): Uint8Array | undefined {
  return /[\u0100-\uffff]/.test(text) ? undefined : Buffer.from(text, "latin1");
}

/** What a backslash and one more character mean in a Python literal; others mean both characters. */
const simpleEscapes: ReadonlyMap<string, number> = new Map([
  ["\\", 0x5c],
  ["'", 0x27],
  ['"', 0x22],
  ["a", 0x07],
  ["b", 0x08],
  ["f", 0x0c],
  ["n", 0x0a],
  ["r", 0x0d],
  ["t", 0x09],
  ["v", 0x0b],
]);

/** The bytes of a STRING line: a quoted Python literal with its escapes. */
export function decodeQuoted(line: string): Buffer | undefined {
  const quote = line.at(0);
  if (line.length < 2 || (quote !== "'" && quote !== '"') || line.at(-1) !== quote) return undefined;
  const end = line.length - 1;
  const bytes = Buffer.alloc(end);
  let length = 0;
  let at = 1;
  while (at < end) {
    // A loop, because Python 2 writes whole images like this: a replacing function per escape takes ten times longer.
    const next = line.charAt(at + 1);
    if (line.charCodeAt(at) !== 0x5c) bytes[length++] = line.charCodeAt(at++);
    else if (at + 1 === end) return undefined;
    else if (next === "x") {
      const byte = parseHex(line.slice(at + 2, Math.min(at + 4, end)), 2);
      if (byte === undefined) return undefined;
      bytes[length++] = byte;
      at += 4;
    } else if (next >= "0" && next <= "7") {
      const digits = octalDigits(line, at + 1, end);
      bytes[length++] = Number.parseInt(digits, 8) & 0xff;
      at += 1 + digits.length;
    } else {
      const simple = simpleEscapes.get(next);
      bytes[length++] = simple ?? 0x5c;
      at += simple === undefined ? 1 : 2;
    }
  }
  return bytes.subarray(0, length);
}

/** One to three digits. */
function octalDigits(line: string, from: number, end: number): string {
  let to = from;
  while (to < Math.min(from + 3, end) && line.charAt(to) >= "0" && line.charAt(to) <= "7") to++;
  return line.slice(from, to);
}

/** The number of exactly so many hexadecimal digits. */
function parseHex(digits: string, length: number): number | undefined {
  return digits.length === length && /^[0-9A-Fa-f]+$/.test(digits) ? Number.parseInt(digits, 16) : undefined;
}

const unicodeDigits: ReadonlyMap<string, number> = new Map([
  ["u", 4],
  ["U", 8],
]);

/** A UNICODE line ("raw-unicode-escape"): Latin-1, and only `\u` and `\U` are escapes. */
export function decodeRawUnicode(line: string): string | undefined {
  let text = "";
  let from = 0;
  for (let at = line.indexOf("\\"); at !== -1; at = line.indexOf("\\", at)) {
    const digits = unicodeDigits.get(line.charAt(at + 1));
    if (digits === undefined) {
      // Itself and the character behind it, which may be another backslash.
      at += 2;
      continue;
    }
    const end = at + 2 + digits;
    const point = parseHex(line.slice(at + 2, end), digits);
    if (point === undefined || point > 0x10_ffff) return undefined;
    text += line.slice(from, at) + String.fromCodePoint(point);
    from = end;
    at = end;
  }
  return text + line.slice(from);
}

/** Digits of an integer that Python itself converts (its own bound is 4300). */
const maxDigits = 4300;

/** @returns "limit" for an integer that is too long. */
export function parseInteger(line: string): bigint | "limit" | undefined {
  if (!/^-?\d+$/.test(line)) return undefined;
  return line.length > maxDigits ? "limit" : BigInt(line);
}

/** Little-endian two's complement. @returns "limit" as above. */
export function decodeInteger(bytes: Uint8Array): bigint | "limit" {
  // 4300 digits take 1786 bytes.
  if (bytes.length > 1786) return "limit";
  if (bytes.length === 0) return 0n;
  const value = BigInt(`0x${Buffer.from(bytes.toReversed()).toString("hex")}`);
  return BigInt.asIntN(bytes.length * 8, value);
}

/** A FLOAT line as Python's repr writes it. */
export function parseFloatLine(line: string): number | undefined {
  if (line.length > 400) return undefined;
  if (/^-?\d+(?:\.\d*)?(?:e[+-]?\d+)?$/.test(line)) return Number(line);
  const named = { nan: Number.NaN, inf: Infinity, "-inf": -Infinity } as const;
  return Object.hasOwn(named, line) ? named[line as keyof typeof named] : undefined;
}
