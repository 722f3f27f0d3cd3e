// Bytes that may be text: the one strict reader of UTF-8 (RFC 3629), for messages, JSON and pickles. A byte order mark
// is a character like any other, but in front of JSON.

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The text, or undefined when the bytes are not valid UTF-8. */
export function readUtf8(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes);
  } catch {
    return undefined; // the caller takes it as bytes, or as junk
  }
}

/** The text of a JSON document, or undefined: a byte order mark in front is no part of it (RFC 8259 section 8.1). */
export function readJsonText(bytes: Uint8Array): string | undefined {
  const start = startOfJson(bytes);
  return readUtf8(start === 0 ? bytes : bytes.subarray(start));
}

/** Where it begins: some writers (.NET's among them) put a mark there, and Python reads on behind it. */
export function startOfJson(bytes: Uint8Array): number {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
}
