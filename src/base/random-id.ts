// Names that no other has: of gateways, of logs, of what sends markers.

/** @param length up to 32 digits and small letters: 122 of their bits are random. @default 32 */
export function randomId(length = 32): string {
  const id = crypto.randomUUID();
  // Its last group has that many, without a hyphen.
  return length <= 12 ? id.slice(-length) : id.replaceAll("-", "").slice(0, length);
}
