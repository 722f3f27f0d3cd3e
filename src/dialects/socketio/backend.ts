// The backend side of the socketio dialect: the queue channels of Python, the channels of Node's emitters and
// adapters, and `POST /emit`. Only a list; each way in has its own file.

import type { BackendContext, BackendSide } from "../dialect.ts";
import { emitRoute } from "./emit-route.ts";
import { nodeFeeds } from "./node/broadcasts.ts";
import type { SocketIoOptions } from "./options.ts";
import { pythonFeed } from "./python/queue.ts";

export function createBackendSide(context: BackendContext, options: SocketIoOptions): BackendSide {
  const { gatewayId } = context;
  const emit = emitRoute(context, options);
  return {
    feeds: [
      ...options.channels.map((channel) => pythonFeed({ channel, gatewayId, pickle: options.pickle })),
      ...(options.node ? nodeFeeds({ key: options.key, gatewayId }) : []),
    ],
    routes: emit ? [emit] : [],
  };
}
