// From a publication on the wire to what a page's listeners get: base64 becomes bytes, the rest stays as it is.

import type { WirePublication } from "./messages.ts";

/** One message in a room. */
export interface Publication<Data = unknown> {
  readonly room: string;
  /** Undefined: a bare payload. */
  readonly event: string | undefined;
  readonly data: Data;
  /** The room's position after it; undefined: nothing is kept there now. */
  readonly at: string | undefined;
}

export function readPublication({ room, event, data, binary, hasBinary, at }: WirePublication): Publication {
  const bare = binary === undefined ? data : bytesOf(binary);
  return { room, event, data: hasBinary ? withBytes(data) : bare, at };
}

function withBytes(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(withBytes);
  const entries = Object.entries(value);
  const [[name, text] = []] = entries;
  if (entries.length === 1 && name === "base64" && typeof text === "string") return bytesOf(text);
  return Object.fromEntries(entries.map(([key, item]) => [key, withBytes(item)]));
}

function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

/** Arguments of one call are limited in number. */
const chunkBytes = 8_192;

export function base64Of(bytes: Uint8Array): string {
  let text = "";
  for (let start = 0; start < bytes.length; start += chunkBytes)
    text += String.fromCharCode(...bytes.subarray(start, start + chunkBytes));
  return btoa(text);
}
