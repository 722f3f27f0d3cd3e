// The ws4redis dialect: django-websocket-redis' facilities for browsers, fed by its RedisPublisher.

import type { DialectEntry } from "../entry.ts";
import { createBackendSide, createDecoder } from "./backend.ts";
import { createBrowserSide } from "./browser.ts";
import { LastMessages } from "./last-messages.ts";
import { dialectName, redisNames } from "./names.ts";
import type { Ws4redisOptions } from "./options.ts";
import { ws4redisOptions } from "./options.ts";
import { warnings, ws4redisProfile } from "./profile.ts";

export const ws4redisDialect = {
  name: dialectName,
  options: ws4redisOptions,
  isForAllPages: true,
  needsIdentity: true,
  clientsSpeak: true,
  redisNames,
  warnings,
  profile: ws4redisProfile,
  commands: {
    tail: {
      options: ["prefix", "naming"],
      example: "--as ws4redis --ws4redis-prefix site",
    },
  },
  usualPath: "/ws",
  open: (context, options) => {
    const lastMessages = new LastMessages();
    const decoder = createDecoder(context, options, lastMessages);
    return {
      browser: createBrowserSide({ context, options, decoder, lastMessages }),
      backend: createBackendSide(decoder, options),
    };
  },
} satisfies DialectEntry<Ws4redisOptions>;
