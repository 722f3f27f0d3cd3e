// Ids of the socketio dialect: 20 characters of `A-Za-z0-9_-` (EIO-05, SIO-02). An Engine.IO sid is a credential: all
// of its 15 bytes are random. A Socket.IO id is an address that others may know, so it carries a mark by which every
// gateway recognises it: nobody may join a room that is named like another client's id, wherever that client is
// connected (WSE-07).

import { crc32 } from "node:zlib";

const idBytes = 15;
/** The rest of an id's bytes marks it. */
const randomBytes = 13;

/** An Engine.IO sid. */
export function createSid(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(idBytes))).toString("base64url");
}

/** A Socket.IO id: 104 random bits, and 16 that say what it is. */
export function createClientId(): string {
  const bytes = Buffer.from(crypto.getRandomValues(new Uint8Array(idBytes)));
  bytes.writeUInt16BE(markOf(bytes), randomBytes);
  return bytes.toString("base64url");
}

/** Could this be somebody's Socket.IO id? Of other names with 20 such characters, one in 65,536 looks like one. */
export function isClientId(name: string): boolean {
  if (!/^[\w-]{20}$/.test(name)) return false;
  const bytes = Buffer.from(name, "base64url");
  return bytes.readUInt16BE(randomBytes) === markOf(bytes);
}

function markOf(bytes: Buffer): number {
  return crc32(bytes.subarray(0, randomBytes)) & 0xff_ff;
}
