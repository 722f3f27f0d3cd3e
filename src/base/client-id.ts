// Ids of clients that others may know: an id is a room of its own (SIO-16). It carries a mark by which every gateway
// recognises it, so that no client joins a room that is named like another client, wherever that client is (WSE-07).

const idBytes = 15;
/** The rest of an id's bytes marks it. */
const randomBytes = 13;

/** 20 characters of `A-Za-z0-9_-`: 104 random bits, and 16 that say what it is (SIO-02). */
export function createClientId(): string {
  const bytes = Buffer.from(crypto.getRandomValues(new Uint8Array(idBytes)));
  bytes.writeUInt16BE(markOf(bytes), randomBytes);
  return bytes.toString("base64url");
}

/**
 * The id of a client that a name in a namespace says, bare or in full: `/chat#<id>` in `/chat`. Undefined: it says none. Of other
 * names with 20 such characters, one in 65,536 looks like an id.
 */
export function clientIdIn(namespace: string, name: string): string | undefined {
  const id = name.startsWith(`${namespace}#`) ? name.slice(namespace.length + 1) : name;
  if (!/^[\w-]{20}$/.test(id)) return undefined;
  const bytes = Buffer.from(id, "base64url");
  return bytes.readUInt16BE(randomBytes) === markOf(bytes) ? id : undefined;
}

/** The low half of their CRC-32. */
function markOf(bytes: Uint8Array): number {
  let crc = -1;
  for (const byte of bytes.subarray(0, randomBytes)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (0xed_b8_83_20 & -(crc & 1));
  }
  return ~crc & 0xff_ff;
}
