// The backend side of the socketio dialect: the queue channels of Python, the channels of Node's emitters and
// adapters, and `POST /emit`. Only a list; each way in has its own file.

import type { BackendContext, BackendSide } from "../dialect.ts";
import type { Feed } from "../../core/bus.ts";
import { emitRoute } from "./emit-route.ts";
import { withPlainIds } from "./ids.ts";
import { nodeFeeds } from "./node/broadcasts.ts";
import type { SocketIoOptions } from "./options.ts";
import { pythonFeed } from "./python/queue.ts";

export function createBackendSide(context: BackendContext, options: SocketIoOptions): BackendSide {
  const { gatewayId } = context;
  const emit = emitRoute(context, options);
  const feeds: readonly Feed[] = [
    ...options.channels.map((channel) => pythonFeed({ channel, gatewayId, pickle: options.pickle })),
    ...(options.node ? nodeFeeds({ key: options.key, gatewayId }) : []),
  ];
  return {
    feeds: feeds.map((feed) => ({
      filter: feed.filter,
      decode: (message) => withPlainIds(feed.decode(message)),
    })),
    routes: emit ? [emit] : [],
  };
}
