// Bytes that may be text: the one strict reader of UTF-8 (RFC 3629). A BOM is a character like any other.

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The text, or undefined when the bytes are not valid UTF-8. */
export function readUtf8(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes);
  } catch {
    return undefined; // the caller sends binary instead
  }
}
