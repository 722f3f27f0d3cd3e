// Names of the websocket-channels dialect: from the path of a request, or the name of a Redis channel, to the channel or the
// tree that it means (WSC-01, WSC-03, WSC-04). Pure. A name that cannot be read exactly is refused, so that no client gets
// another channel than it asked for. A message itself is bare bytes (codec/raw-publication.ts).

import { readUtf8 } from "../../codec/utf8.ts";

/** The dialect's name: in the config, in metrics, and in `Publication.only`. */
export const dialectName = "websocket-channels";

/** What all Redis channels of the dialect begin with (WSC-03). */
export const redisPrefix = "websocket:";

/** Each segment costs its client a topic (WSC-04). */
export const maxSegments = 32;

/** Empty segments are skipped, but not without end. */
const maxNameLength = 65_536;

/** Why a name means nothing; a reason code. */
export type NameFault = "name_invalid" | "name_too_long" | "too_many_segments";

/**
 * What a name after `websocket:` addresses (WSC-03): one channel, all channels below a path (below the empty path are all
 * that there are), or no channel.
 */
export type Address = Place | { readonly kind: "none" };

/** One that has clients. */
export interface Place {
  readonly kind: "channel" | "tree";
  readonly path: string;
}

/** Percent-decodes a path once, `+` stays; undefined when the bytes are not UTF-8 (WSC-01). */
export function decodePath(path: string): string | undefined {
  if (!path.includes("%")) return path;
  const source = Buffer.from(path);
  const decoded = Buffer.alloc(source.length);
  let length = 0;
  for (let at = 0; at < source.length; at++) {
    const code = source[at] === percent ? hexPair(source, at + 1) : undefined;
    if (code !== undefined) at += 2;
    decoded[length++] = code ?? source[at] ?? 0;
  }
  return readUtf8(decoded.subarray(0, length));
}

/**
 * The channel of a client: the name without empty segments (WSC-04). The empty one is the root channel.
 * @param maxBytes longest channel, UTF-8.
 */
export function readChannel(name: string, maxBytes: number): { readonly path: string } | NameFault {
  if (name.length > maxNameLength) return "name_too_long";
  // U+FFFD stands for bytes that were no UTF-8: Redis names and paths of several channels would become this one.
  if (!name.isWellFormed() || name.includes("\uFFFD")) return "name_invalid";
  const segments = name.split("/").filter((segment) => segment !== "");
  if (segments.length > maxSegments) return "too_many_segments";
  const path = segments.join("/");
  return Buffer.byteLength(path) > maxBytes ? "name_too_long" : { path };
}

/** What a publish to this name addresses: a slash at its end means all channels below, and not the channel (WSC-03). */
export function readAddress(name: string, maxBytes: number): Address | NameFault {
  if (name === "") return { kind: "none" };
  const channel = readChannel(name, maxBytes);
  if (typeof channel === "string") return channel;
  return { kind: name.endsWith("/") ? "tree" : "channel", path: channel.path };
}

/** The paths that a channel is below, the empty one first; the root channel gets what is sent to everyone, too. */
export function ancestorsOf(channel: string): readonly string[] {
  const ancestors = [""];
  for (let end = channel.indexOf("/"); end !== -1; end = channel.indexOf("/", end + 1)) {
    ancestors.push(channel.slice(0, end));
  }
  return ancestors;
}

const percent = 0x25;

/** The byte that two hexadecimal digits mean; undefined when they are none: then the percent sign is only itself. */
function hexPair(bytes: Uint8Array, at: number): number | undefined {
  const high = hexDigit(bytes[at]);
  const low = hexDigit(bytes[at + 1]);
  return high === undefined || low === undefined ? undefined : high * 16 + low;
}

function hexDigit(byte = 0): number | undefined {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x61 + 10 : undefined;
}
