// The backend side of the ws4redis dialect: one pattern for each audience (W4R-03). RedisPublisher's messages, those of
// browsers and of other gateways all come in here; the payload goes through as it is.

import type { BackendSide, Feed } from "../../core/dialect.ts";
import { prefixFeed } from "../raw/prefix-feed.ts";
import { textCanary } from "../../core/canary.ts";
import type { Audience } from "./channels.ts";
import { audiences } from "./channels.ts";
import type { Messages } from "./messages.ts";
import { currentPrefix, legacyBroadcasts } from "./names.ts";
import type { Ws4redisOptions } from "./options.ts";

export function createBackendSide(messages: Messages, options: Ws4redisOptions): BackendSide {
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

/** Its canary goes to a name that no visitor of any server can have: a control character in front of a colon. */
function feed(audience: Audience, prefix: string, messages: Messages): Feed {
  return prefixFeed({
    prefix,
    canary: textCanary(`${prefix}\u0000belfry:`, "belfry-canary"),
    decode: (rest, payload) => messages.read(audience, rest, payload),
  });
}
