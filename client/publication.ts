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

/** `{"base64":"…"}` and nothing else in an object is bytes. */
function withBytes(data: unknown): unknown {
  return JSON.parse(JSON.stringify(data), (_name, value: { readonly base64?: unknown } | null) => {
    const text = value?.base64;
    return typeof text === "string" && Object.keys(value ?? {}).length === 1 ? bytesOf(text) : value;
  });
}

function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

export function base64Of(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}
