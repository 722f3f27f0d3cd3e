// Every way of speaking that Belfry has, one line per dialect. The config's sections, flags, environment names and
// profiles follow from here, and the gateway takes the sides; whatever uses it can be given another table.

import type { DialectEntry } from "./entry.ts";
import { nativeDialect } from "./native/dialect.ts";
import { socketIoDialect } from "./socketio/dialect.ts";
import { websocketChannelsDialect } from "./websocket-channels/dialect.ts";
import { ws4redisDialect } from "./ws4redis/dialect.ts";
import { wsHubDialect } from "./ws-hub/dialect.ts";

/** A table of dialects by name. */
export type Dialects = Readonly<Record<string, DialectEntry<unknown>>>;

export const dialects = {
  socketio: socketIoDialect,
  "ws-hub": wsHubDialect,
  ws4redis: ws4redisDialect,
  "websocket-channels": websocketChannelsDialect,
  native: nativeDialect,
} as const satisfies Dialects;

export type DialectName = keyof typeof dialects;
