// The websocket-channels dialect: plain websockets on a tree of channels, fed by Redis and HTTP publishes.

import type { DialectEntry } from "../entry.ts";
import { namePrefix } from "../../base/redis-name.ts";
import { createBackendSide } from "./backend.ts";
import { createBrowserSide } from "./browser.ts";
import type { WebsocketChannelsOptions } from "./options.ts";
import { websocketChannelsOptions } from "./options.ts";
import { redisPrefix } from "./names.ts";
import { warnings, websocketChannelsProfile } from "./profile.ts";

const publishSentence =
  "Not found. Channels are published to by POST /publish; websocket-channels.root (--root) brings POST /<channel> back";

export const websocketChannelsDialect = {
  name: "websocket-channels",
  options: websocketChannelsOptions,
  isForAllPages: true,
  clientsSpeak: true,
  publishesToBroker: true,
  redisNames: () => [namePrefix(redisPrefix)],
  takesSecret: ({ openPublish }) => !openPublish,
  warnings,
  profile: websocketChannelsProfile,
  usualPath: "/ws",
  open: (context, options) => ({
    browser: createBrowserSide(context, options),
    backend: createBackendSide(context, options),
    explain: (method) => (method === "POST" && !options.root ? { text: publishSentence } : undefined),
  }),
} satisfies DialectEntry<WebsocketChannelsOptions>;
