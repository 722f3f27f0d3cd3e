// The native dialect: plain websockets and event streams at one URL, fed by Redis, HTTP and the command line.

import type { DialectEntry } from "../entry.ts";
import { namePrefix } from "../../base/redis-name.ts";
import { createBackendSide, redisPrefix } from "./backend.ts";
import { createBrowserSide } from "./browser.ts";
import { commands } from "./commands.ts";
import type { NativeOptions } from "./options.ts";
import { described } from "./operations.ts";
import { nativeOptions } from "./options.ts";
import { dialectName } from "./packet.ts";
import { apiPath, roomsPath } from "./publish-route.ts";

const usualPath = "/connect";

const closed =
  "Not found. Publishing over HTTP is off, because this gateway has no publish secret: --secret-file or BELFRY_SECRET_FILE gives it one";

const wanted =
  "Expected POST /rooms/<room>, which publishes to a room. Pages listen at /connect, with ?room=<room>";

export const nativeDialect = {
  name: dialectName,
  options: nativeOptions,
  isDefault: true,
  publishesToBroker: true,
  redisNames: () => [namePrefix(redisPrefix)],
  takesSecret: () => true,
  commands,
  described,
  usualPath,
  open: (context, options) => ({
    browser: createBrowserSide(context, options),
    backend: createBackendSide(context, options),
    explain(_method, path) {
      if (path === usualPath)
        return { text: `Not found. Websockets and event streams are at ${options.path}` };
      const isRoom = path.startsWith(`${roomsPath}/`);
      if (!context.checkSecret) return isRoom || path === apiPath ? { text: closed } : undefined;
      if (path === roomsPath || path === `${roomsPath}/`) return { text: wanted };
      // A POST was taken.
      return isRoom ? { text: wanted, allow: "POST" } : undefined;
    },
  }),
} satisfies DialectEntry<NativeOptions>;
