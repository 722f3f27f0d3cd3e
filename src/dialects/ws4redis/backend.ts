// The backend side of the ws4redis dialect: one pattern for each audience (W4R-03). RedisPublisher's messages, those of
// browsers and of other gateways all come in here; the payload goes through as it is.

import type { Canary } from "../../core/bus.ts";
import type { BackendContext, BackendSide, Feed } from "../../core/dialect.ts";
import type { Audience } from "./channels.ts";
import { audiences } from "./channels.ts";
import { createMessages } from "./messages.ts";
import type { Messages } from "./messages.ts";
import { currentPrefix, legacyBroadcasts } from "./names.ts";
import type { Ws4redisOptions } from "./options.ts";

export function createBackendSide(context: BackendContext, options: Ws4redisOptions): BackendSide {
  const messages = createMessages(context, options);
  const { naming, prefix } = options;
  const current = naming === "legacy" ? [] : audiences;
  const legacy = naming === "current" ? [] : [feed("broadcast", legacyBroadcasts, messages)];
  return {
    feeds: [
      ...current.map((audience) => feed(audience, currentPrefix(prefix, audience), messages)),
      ...legacy,
    ],
    routes: [],
  };
}

function feed(audience: Audience, start: string, messages: Messages): Feed {
  const pattern = `${start.replace(/[*?[\]\\]/g, String.raw`\$&`)}*`;
  return {
    filter: { kind: "pattern", name: pattern, canary: canaryBehind(start) },
    decode: ({ channel, payload }) => messages.read(audience, channel.slice(start.length), payload),
  };
}

const canaryForm = /^belfry-canary ([A-Za-z0-9]{1,64})$/;
/** Longer than any canary. */
const maxCanaryBytes = 100;

/** To a name that no visitor of any server can have: a control character in front of a colon. */
function canaryBehind(start: string): Canary {
  const name = `${start}\u0000belfry:`;
  return {
    channel: name,
    encode: (token) => `belfry-canary ${token}`,
    decode({ channel, payload }) {
      if (channel !== name || payload.length > maxCanaryBytes) return undefined;
      return canaryForm.exec(payload.toString("latin1"))?.[1];
    },
  };
}
