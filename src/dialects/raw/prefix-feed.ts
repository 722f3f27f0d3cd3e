// What raw dialects subscribe on the bus: all names under a prefix, which is cut off as it stands.

import { escapeGlob } from "../../base/glob.ts";
import type { Canary, Feed } from "../../core/bus.ts";
import type { BackendMessage } from "../../core/publication.ts";

export interface PrefixFeed {
  /** What the names of its channels begin with, taken literally (HUB-14). */
  readonly prefix: string;
  readonly canary: Canary;
  /** @param name what follows the prefix. */
  readonly decode: (name: string, payload: Buffer) => BackendMessage;
}

export function prefixFeed({ prefix, canary, decode }: PrefixFeed): Feed {
  const pattern = `${escapeGlob(prefix)}*`;
  return {
    filter: { kind: "pattern", name: pattern, canary },
    decode: ({ channel, payload }) => decode(channel.slice(prefix.length), payload),
  };
}
