// Every way of speaking that Belfry has, one line per dialect. The config's sections, flags and environment names
// follow from `options`; the gateway takes the sides from here.

import { socketIoDialect } from "./socketio/dialect.ts";
import { websocketChannelsDialect } from "./websocket-channels/dialect.ts";
import { ws4redisDialect } from "./ws4redis/dialect.ts";
import { wsHubDialect } from "./ws-hub/dialect.ts";

export const dialects = {
  socketio: socketIoDialect,
  "ws-hub": wsHubDialect,
  ws4redis: ws4redisDialect,
  "websocket-channels": websocketChannelsDialect,
} as const;

export type DialectName = keyof typeof dialects;
