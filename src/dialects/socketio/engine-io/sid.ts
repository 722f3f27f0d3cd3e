// The Engine.IO sid: 20 characters of `A-Za-z0-9_-` (EIO-05). It is a credential, so all of its 15 bytes are random. The
// Socket.IO id is another one, which other clients may know (base/client-id.ts).

const idBytes = 15;

/** An Engine.IO sid. */
export function createSid(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(idBytes))).toString("base64url");
}
