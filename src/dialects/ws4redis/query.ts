// What a handshake asks for: the facility in its path (W4R-01) and the names in its query (W4R-02), and the rules of
// `allowedChannels` for both (W4R-13). Pure.

import { readUtf8 } from "../../codec/utf8.ts";
import { compileGlob } from "../../base/glob.ts";

export const audiences = ["broadcast", "group", "user", "session"] as const;

/** Who gets a message of a facility. */
export type Audience = (typeof audiences)[number];
export type Right = "subscribe" | "publish";
export type ChannelName = `${Right}-${Audience}`;

/** All names that open a channel. */
export const channelNames: readonly ChannelName[] = (["subscribe", "publish"] as const).flatMap((right) =>
  audiences.map((audience): ChannelName => `${right}-${audience}`),
);

const tokens: ReadonlySet<string> = new Set([...channelNames, "echo"]);

/** The names of a query that mean something, each once: values, case and white space mean nothing (W4R-02). */
export function readTokens(query: URLSearchParams): ReadonlySet<string> {
  const names = [...query.keys()].map((name) => name.trim().toLowerCase());
  return new Set(names.filter((name) => tokens.has(name)));
}

export function isChannelName(token: string): token is ChannelName {
  return token !== "echo" && tokens.has(token);
}

/** Is this audience among them, with this right? */
export function asksFor(channels: readonly ChannelName[], right: Right, audience: Audience): boolean {
  return channels.includes(`${right}-${audience}`);
}

/** Percent-decodes a facility once, `+` stays; bytes that are not UTF-8 stay as they were written (W4R-01). */
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

/** The length of a character by its first byte (RFC 3629 section 3); the reader checks what follows. */
function sequenceLength(first: number): number {
  if (first < 0xc0) return 1;
  if (first < 0xe0) return 2;
  return first < 0xf0 ? 3 : 4;
}

/** May it be a facility? It is text in bounds, without U+FFFD: that stands for bytes of several names that are not UTF-8. */
export function isFacility(facility: string, maxBytes: number): boolean {
  return facility.isWellFormed() && !facility.includes("\u{FFFD}") && Buffer.byteLength(facility) <= maxBytes;
}

/** The permitted part of what was asked; undefined: no client may connect to this facility. */
export type AllowedChannels = (
  facility: string,
  asked: readonly ChannelName[],
) => readonly ChannelName[] | undefined;

/** May this text stand behind a glob of `allowedChannels`? */
export function isRule(text: string): boolean {
  return splitRule(text).every(isChannelName);
}

/**
 * The static form of WS4REDIS_ALLOWED_CHANNELS (W4R-13).
 * @param rules glob of facilities -> names; the first glob that matches decides, without rules all is allowed.
 */
export function compileAllowed(rules: Readonly<Record<string, string>>): AllowedChannels {
  const compiled = Object.entries(rules).map(([glob, text]) => ({
    matches: compileGlob(glob),
    names: new Set<string>(splitRule(text)),
  }));
  return (facility, asked) => {
    if (compiled.length === 0) return asked;
    const rule = compiled.find(({ matches }) => matches(facility));
    return rule && rule.names.size > 0 ? asked.filter((name) => rule.names.has(name)) : undefined;
  };
}

function splitRule(text: string): readonly string[] {
  return text.split(/[\s,]+/).filter((name) => name !== "");
}
