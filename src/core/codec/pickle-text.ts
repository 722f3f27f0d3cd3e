// The text forms inside a pickle: UTF-8 that may hold half surrogates, the escapes of protocol 0, numbers in
// digits. Pure functions for pickle-opcodes.ts; each gives undefined for what Python would not read either.

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const replacement = "\ufffd";

/** Text of valid UTF-8, undefined otherwise: what tells text from bytes in a Python 2 string (PSQ-04). */
export function decodeUtf8(bytes: Buffer): string | undefined {
  const text = bytes.toString("utf8");
  // Only a replacement character leaves open whether it was there or stands for junk.
  if (!text.includes(replacement)) return text;
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return undefined;
  }
}

/** UTF-8 as Python pickles it: half surrogates are written like any other character ("surrogatepass"). */
export function decodePythonText(bytes: Buffer): string | undefined {
  const plain = decodeUtf8(bytes);
  if (plain !== undefined) return plain;
  let text = "";
  let from = 0;
  // 0xED is only ever a lead byte, and only with 0xA0-0xBF behind it that of a surrogate.
  for (let at = bytes.indexOf(0xed); at !== -1; at = bytes.indexOf(0xed, at + 1)) {
    const second = bytes[at + 1] ?? 0;
    const third = bytes[at + 2] ?? 0;
    if (second < 0xa0 || second > 0xbf || third < 0x80 || third > 0xbf) continue;
    const before = decodeUtf8(bytes.subarray(from, at));
    if (before === undefined) return undefined;
    text += before + String.fromCharCode(0xd000 | ((second & 0x3f) << 6) | (third & 0x3f));
    from = at + 3;
  }
  const rest = decodeUtf8(bytes.subarray(from));
  return rest === undefined ? undefined : text + rest;
}

/** Characters up to U+00FF as bytes; undefined when there are others. */
export function encodeLatin1(text: string): Uint8Array | undefined {
  return /[\u0100-\uffff]/.test(text) ? undefined : Buffer.from(text, "latin1");
}

const simpleEscapes: Readonly<Record<string, string>> = {
  "\n": "",
  "\\": "\\",
  "'": "'",
  '"': '"',
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};

/** The bytes of a STRING line: a quoted Python literal with its escapes. */
export function decodeQuoted(line: string): Buffer | undefined {
  const quote = line.at(0);
  if (line.length < 2 || (quote !== "'" && quote !== '"') || line.at(-1) !== quote) return undefined;
  let isValid = true;
  const text = line.slice(1, -1).replace(/\\([0-7]{1,3}|x[0-9A-Fa-f]{2}|[^]?)/g, (whole, escape: string) => {
    if (escape === "" || escape === "x") isValid = false;
    if (/^[0-7]/.test(escape)) return String.fromCharCode(Number.parseInt(escape, 8) & 0xff);
    if (escape.length === 3) return String.fromCharCode(Number.parseInt(escape.slice(1), 16));
    return simpleEscapes[escape] ?? whole;
  });
  return isValid ? Buffer.from(text, "latin1") : undefined;
}

/** A UNICODE line ("raw-unicode-escape"): Latin-1, and only `\u` and `\U` are escapes. */
export function decodeRawUnicode(line: string): string | undefined {
  let isValid = true;
  const text = line.replace(/\\(u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|[^]?)/g, (whole, escape: string) => {
    if (escape === "u" || escape === "U") isValid = false;
    if (escape.length < 5) return whole;
    const point = Number.parseInt(escape.slice(1), 16);
    if (point <= 0x10_ffff) return String.fromCodePoint(point);
    isValid = false;
    return whole;
  });
  return isValid ? text : undefined;
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
