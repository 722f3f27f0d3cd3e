// The socketio dialect: Socket.IO browsers of every generation, fed by Python and Node emitters and `POST /emit`.

import type { DialectEntry } from "../entry.ts";
import { createBackendSide } from "./backend.ts";
import { createBrowserSide } from "./browser.ts";
import { commands } from "./commands.ts";
import { emitPath } from "./emit-route.ts";
import { redisNames } from "./names.ts";
import type { SocketIoOptions } from "./options.ts";
import { socketIoOptions } from "./options.ts";
import { warnings, wsEmit } from "./profile.ts";

/** The default path of the official clients. */
const usualPath = "/socket.io";

const emitIsOff = `Not found. POST ${emitPath} is off, because this gateway has no publish secret: --secret-file or BELFRY_SECRET_FILE gives it one`;

export const socketIoDialect = {
  name: "socketio",
  options: socketIoOptions,
  isDefault: true,
  redisNames,
  takesSecret: () => true,
  warnings,
  profile: wsEmit,
  commands,
  usualPath,
  open: (context, options) => ({
    browser: createBrowserSide(context, options),
    backend: createBackendSide(context, options),
    explain(method, path) {
      if (method === "POST" && path === emitPath && !context.checkSecret) return { text: emitIsOff };
      return `${path}/`.startsWith(`${usualPath}/`)
        ? { text: `Not found. Socket.IO is at ${options.path}` }
        : undefined;
    },
  }),
} satisfies DialectEntry<SocketIoOptions>;
