// The ws-hub dialect: clients of WS-HUB, each known by a key, in the groups that a backend on Redis gives them.

import type { DialectEntry } from "../entry.ts";
import { namePrefix } from "../../base/redis-name.ts";
import { createBackendSide } from "./backend.ts";
import { createBrowserSide } from "./browser.ts";
import { dialectName } from "./names.ts";
import type { WsHubOptions } from "./options.ts";
import { wsHubOptions } from "./options.ts";
import { wsHub } from "./profile.ts";
import { statusPaths, statusSentence } from "./status.ts";

export const wsHubDialect = {
  name: dialectName,
  options: wsHubOptions,
  isForAllPages: true,
  redisNames: ({ channelPrefix }) => [namePrefix(channelPrefix)],
  profile: wsHub,
  commands: { tail: { options: ["channelPrefix"] } },
  usualPath: "/ws",
  open: (context, options) => ({
    browser: createBrowserSide(context, options),
    backend: createBackendSide(context, options),
    explain: (_, path) => (statusPaths.includes(path) ? { text: statusSentence } : undefined),
  }),
} satisfies DialectEntry<WsHubOptions>;
