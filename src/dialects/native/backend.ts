// The backend side of the native dialect: `belfry:<room>` on the bus, where anybody who may publish in Redis speaks with a
// bare payload, and the queue `belfry:publish`. The HTTP doors are in publish-route.ts.

import { RawPublication } from "../../codec/raw-publication.ts";
import { isRoomName, isRoomTooLong } from "../../core/room-name.ts";
import { textCanary } from "../../codec/canary.ts";
import type { BackendContext, BackendSide, QueueFeed } from "../dialect.ts";
import type { Feed } from "../../core/bus.ts";
import { junk } from "../../core/publication.ts";
import { toRooms } from "../raw/format.ts";
import { prefixFeed } from "../raw/prefix-feed.ts";
import { readEntry } from "./entry.ts";
import type { NativeOptions } from "./options.ts";
import { publishRoutes } from "./publish-route.ts";

/** What the dialect's channels in Redis begin with. */
export const redisPrefix = "belfry:";

/** The stream in Redis in which backends leave what is to be published. */
export const queueName = `${redisPrefix}publish`;

/** No room has a name with a NUL in front of it that a client could join by. */
const canary = textCanary(`${redisPrefix}\u0000canary`, "belfry canary");

export function createBackendSide(
  context: BackendContext,
  { queue }: Pick<NativeOptions, "queue">,
): BackendSide {
  return {
    feeds: [roomsFeed(context)],
    routes: publishRoutes(context),
    queues: queue ? [publishQueue(context)] : [],
  };
}

/** As large as the body of a POST may be: it travels the same way. */
function publishQueue({ limits }: BackendContext): QueueFeed {
  return {
    name: queueName,
    maxEntryBytes: limits.httpBodyBytes,
    decode: (fields) => readEntry(fields, limits.nameBytes),
  };
}

function roomsFeed({ limits }: BackendContext): Feed {
  return prefixFeed({
    prefix: redisPrefix,
    canary,
    decode(name, payload) {
      if (!isRoomName(name)) return junk("room_name_invalid");
      if (isRoomTooLong(name, limits.nameBytes)) return junk("room_name_too_long");
      return new RawPublication(toRooms([name]), payload);
    },
  });
}
