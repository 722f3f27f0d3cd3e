// The plain canary: one line of text, for channels on which no other program reads (bus.ts says what a canary is).

import type { Canary } from "../core/bus.ts";

const tokenForm = /^[A-Za-z0-9]{1,64}$/;
const maxTokenBytes = 64;

/**
 * A canary that is its mark and its token.
 * @param channel a name that no client of any server can have.
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
