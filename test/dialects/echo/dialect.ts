// The echo dialect: proof that a dialect is one folder and one line.

import type { DialectEntry } from "../../../src/dialects/entry.ts";
import { namePrefix } from "../../../src/base/redis-name.ts";
import { createBackendSide } from "./backend.ts";
import { createBrowserSide } from "./browser.ts";
import { dialectName, redisPrefix } from "./names.ts";
import { echoOptions } from "./options.ts";
import type { EchoOptions } from "./options.ts";

export const echoDialect = {
  name: dialectName,
  options: echoOptions,
  publishesToBroker: true,
  redisNames: () => [namePrefix(redisPrefix)],
  open: (context, options) => ({
    browser: createBrowserSide(context, options),
    backend: createBackendSide(context, options),
  }),
} satisfies DialectEntry<EchoOptions>;
