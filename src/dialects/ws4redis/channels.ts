// What a handshake asks for: the facility in its path (W4R-01) and the names in its query (W4R-02). Pure.

import { readUtf8 } from "../../codec/utf8.ts";

export const audiences = ["broadcast", "group", "user", "session"] as const;

/** For whom a message of a facility is. */
export type Audience = (typeof audiences)[number];
export type Right = "subscribe" | "publish";
export type ChannelName = `${Right}-${Audience}`;

/** All that there are. */
export const channelNames: readonly ChannelName[] = (["subscribe", "publish"] as const).flatMap((right) =>
  audiences.map((audience): ChannelName => `${right}-${audience}`),
);

const known: ReadonlySet<string> = new Set([...channelNames, "echo"]);

/** The known names of a query, each once: values mean nothing, case and white space neither (W4R-02). */
export function readTokens(query: URLSearchParams): ReadonlySet<string> {
  const tokens = [...query.keys()].map((name) => name.trim().toLowerCase());
  return new Set(tokens.filter((name) => known.has(name)));
}

export function isChannelName(token: string): token is ChannelName {
  return token !== "echo" && known.has(token);
}

/** Is this audience among them, with this right? */
export function asksFor(channels: readonly ChannelName[], right: Right, audience: Audience): boolean {
  return channels.includes(`${right}-${audience}`);
}

/** Percent-decodes a facility once, `+` stays; bytes that are no UTF-8 stay as they were written (W4R-01). */
export function readFacility(encoded: string): string {
  return encoded.replace(/(?:%[0-9a-f]{2})+/gi, decodeRun);
}

function decodeRun(run: string): string {
  const bytes = Buffer.from(run.replaceAll("%", ""), "hex");
  let text = "";
  for (let at = 0; at < bytes.length;) {
    const length = sequenceLength(bytes[at] ?? 0);
    const character = readUtf8(bytes.subarray(at, at + length));
    text += character ?? run.slice(at * 3, at * 3 + 3);
    at += character === undefined ? 1 : length;
  }
  return text;
}

/** By its first byte (RFC 3629 section 3); what follows is checked by the reader. */
function sequenceLength(first: number): number {
  if (first < 0xc0) return 1;
  if (first < 0xe0) return 2;
  return first < 0xf0 ? 3 : 4;
}

/** May it be a facility? Text in bounds; U+FFFD stands for several names that were none, so it is no name itself. */
export function isFacility(facility: string, maxBytes: number): boolean {
  return facility.isWellFormed() && !facility.includes("\u{FFFD}") && Buffer.byteLength(facility) <= maxBytes;
}
