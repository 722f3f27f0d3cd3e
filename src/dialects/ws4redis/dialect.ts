// The ws4redis dialect: django-websocket-redis' facilities for browsers, fed by its RedisPublisher.

import type { Dialect } from "../../core/dialect.ts";
import { createBackendSide } from "./backend.ts";
import { createBrowserSide } from "./browser.ts";
import { createMessages } from "./messages.ts";
import { redisNames, saidPrefix } from "./names.ts";
import type { Ws4redisOptions } from "./options.ts";
import { ws4redisOptions } from "./options.ts";
import { warnings, ws4redisProfile } from "./profile.ts";

export const ws4redisDialect = {
  name: "ws4redis",
  options: ws4redisOptions,
  needsIdentity: true,
  clientsSpeak: true,
  redisNames,
  warnings,
  profile: ws4redisProfile,
  commands: {
    tail: {
      options: ["prefix", "naming"],
      hiddenRooms: saidPrefix,
      example: "--as ws4redis --ws4redis-prefix site",
    },
  },
  usualPath: "/ws",
  open: (context, options) => {
    const speakers = { count: 0 };
    const messages = createMessages(context, options, speakers);
    return {
      browser: createBrowserSide({ context, options, messages, speakers }),
      backend: createBackendSide(messages, options),
    };
  },
} satisfies Dialect<Ws4redisOptions>;
