// JSON text without a character outside ASCII, as Python writes it: what format.ts sends to clients of version 3
// (EIO-09). Such characters stand in strings alone, where `\u` escapes mean the same.

const outside = /[^\0-\x7f]/;
const digits = Buffer.from("0123456789abcdef", "latin1");
/** Characters at a time: what holds their escapes stays small, however long the text. */
const chunk = 16 * 1024;
const [backslash, lowerU] = [0x5c, 0x75];

/** @param json JSON text. */
export function toAscii(json: string): string {
  if (!outside.test(json)) return json;
  const bytes = Buffer.allocUnsafe(6 * Math.min(json.length, chunk));
  let text = "";
  for (let from = 0; from < json.length; from += chunk) {
    text += bytes.toString("latin1", 0, writeAscii(json.slice(from, from + chunk), bytes));
  }
  return text;
}

/** @returns how many bytes it wrote. */
function writeAscii(json: string, bytes: Buffer): number {
  let at = 0;
  for (let index = 0; index < json.length; index++) {
    const code = json.charCodeAt(index);
    if (code < 0x80) {
      bytes[at++] = code;
      continue;
    }
    bytes[at++] = backslash;
    bytes[at++] = lowerU;
    for (let shift = 12; shift >= 0; shift -= 4) bytes[at++] = digits[(code >> shift) & 0xf] ?? 0;
  }
  return at;
}
