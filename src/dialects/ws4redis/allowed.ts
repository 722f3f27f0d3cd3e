// The static form of WS4REDIS_ALLOWED_CHANNELS (W4R-13): per facility, the channels that clients may ask for at all.

import { compileGlob } from "../../core/glob.ts";
import type { ChannelName } from "./channels.ts";
import { isChannelName } from "./channels.ts";

/** The permitted part of what was asked; undefined: this facility is not for anybody. */
export type AllowedChannels = (
  facility: string,
  asked: readonly ChannelName[],
) => readonly ChannelName[] | undefined;

/** May this text stand behind a glob? */
export function isRule(text: string): boolean {
  return split(text).every(isChannelName);
}

/** @param rules glob of facilities -> names; the first glob that matches decides, without rules all is allowed. */
export function compileAllowed(rules: Readonly<Record<string, string>>): AllowedChannels {
  const compiled = Object.entries(rules).map(([glob, text]) => ({
    matches: compileGlob(glob),
    names: new Set<string>(split(text)),
  }));
  return (facility, asked) => {
    if (compiled.length === 0) return asked;
    const rule = compiled.find(({ matches }) => matches(facility));
    return rule && rule.names.size > 0 ? asked.filter((name) => rule.names.has(name)) : undefined;
  };
}

function split(text: string): readonly string[] {
  return text.split(/[\s,]+/).filter((name) => name !== "");
}
