// What raw dialects hear on the bus: everything under a prefix, which is cut off as it stands; and the canary that proves
// such a subscription alive, one line of text.

import type { Canary } from "./bus.ts";
import type { Feed } from "./dialect.ts";
import type { BackendMessage } from "./publication.ts";

export interface PrefixFeed {
  /** What the names of its channels begin with, taken literally (HUB-14). */
  readonly prefix: string;
  readonly canary: Canary;
  /** @param name what follows the prefix. */
  readonly decode: (name: string, payload: Buffer) => BackendMessage;
}

export function prefixFeed({ prefix, canary, decode }: PrefixFeed): Feed {
  const pattern = `${prefix.replace(/[*?[\]\\]/g, String.raw`\$&`)}*`;
  return {
    filter: { kind: "pattern", name: pattern, canary },
    decode: ({ channel, payload }) => decode(channel.slice(prefix.length), payload),
  };
}

const tokenForm = /^[A-Za-z0-9]{1,64}$/;
const maxTokenBytes = 64;

/**
 * A canary that is its mark and its token.
 * @param channel a name under which nobody, in whichever server, can be.
 */
export function textCanary(channel: string, mark: string): Canary {
  const start = `${mark} `;
  return {
    channel,
    encode: (token) => start + token,
    decode(message) {
      if (message.channel !== channel || message.payload.length > start.length + maxTokenBytes)
        return undefined;
      const text = message.payload.toString("latin1");
      const token = text.startsWith(start) ? text.slice(start.length) : "";
      return tokenForm.test(token) ? token : undefined;
    },
  };
}
