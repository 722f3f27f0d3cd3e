// What the name of a room says. The room-space is the text before the first `::`: rooms without one are public, the others need
// the secret of the space (WSE-03) or an identity that it names; who may join is decided behind the Access port
// (proofs/access.ts).

/** The room-space of a room: `dir` of `dir::a::b`, the empty string of `::x`, undefined for a public room. */
export function roomSpace(room: string): string | undefined {
  const end = room.indexOf("::");
  return end === -1 ? undefined : room.slice(0, end);
}

/**
 * May a room be called so? Half surrogates and U+FFFD are what several names would become on their way; control characters
 * cannot be seen in a name.
 */
export function isRoomName(room: string): boolean {
  return room !== "" && room.isWellFormed() && !/[\p{Cc}\uFFFD]/u.test(room);
}

/** Is a part of the name, its room-space or the rest, over this many bytes (SEC-06)? */
export function isRoomTooLong(room: string, maxBytes: number): boolean {
  const space = roomSpace(room);
  if (space === undefined) return Buffer.byteLength(room) > maxBytes;
  const rest = room.slice(space.length + "::".length);
  return Buffer.byteLength(space) > maxBytes || Buffer.byteLength(rest) > maxBytes;
}
