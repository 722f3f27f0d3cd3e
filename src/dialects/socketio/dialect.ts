// The socketio dialect: Socket.IO browsers of every generation, fed by Python and Node emitters and `POST /emit`.

import type { Dialect } from "../../core/dialect.ts";
import { createBackendSide } from "./backend.ts";
import { createBrowserSide } from "./browser.ts";
import { redisNames } from "./names.ts";
import type { SocketIoOptions } from "./options.ts";
import { socketIoOptions } from "./options.ts";

export const socketIoDialect = {
  name: "socketio",
  options: socketIoOptions,
  redisNames,
  open: (context, options) => ({
    browser: createBrowserSide(context, options),
    backend: createBackendSide(context, options),
  }),
} satisfies Dialect<SocketIoOptions>;
