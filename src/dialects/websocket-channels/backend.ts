// The backend side of the websocket-channels dialect: the one pattern `websocket:*` (WSC-03), on which backends, HTTP
// publishes and browsers of every gateway meet. The name of a Redis channel becomes a room or a tree of the hub; the
// payload goes through as it is. The HTTP doors are in publish-route.ts.

import type { BackendContext, BackendSide, Feed } from "../../core/dialect.ts";
import { prefixFeed } from "../raw/prefix-feed.ts";
import { textCanary } from "../../core/canary.ts";
import { junk, notForUs } from "../../core/publication.ts";
import { toRooms, toTree } from "../raw/format.ts";
import { RawPublication } from "../../codec/raw-publication.ts";
import type { WebsocketChannelsOptions } from "./options.ts";
import { backendMark, dialectName, readAddress, redisPrefix } from "./packet.ts";
import { publishRoute, rootPublishRoute } from "./publish-route.ts";

export function createBackendSide(context: BackendContext, options: WebsocketChannelsOptions): BackendSide {
  return {
    feeds: [channelsFeed(context)],
    routes: [publishRoute(context, options), ...(options.root ? [rootPublishRoute(context, options)] : [])],
  };
}

function channelsFeed({ limits, isOpenRoom }: BackendContext): Feed {
  return prefixFeed({
    prefix: redisPrefix,
    canary,
    decode(name, payload) {
      const isBackends = name.startsWith(backendMark);
      const address = readAddress(isBackends ? name.slice(backendMark.length) : name, limits.nameBytes);
      if (typeof address === "string") return junk(address);
      if (address.kind === "nobody") return notForUs("nobody");
      const { kind, path } = address;
      const isOpen = kind === "channel" && isOpenRoom(path);
      // What a backend proved to be its own comes twice; an open room heard the first.
      if (isBackends && (isOpen || kind === "tree")) return notForUs("heard_already");
      if (isBackends) return new RawPublication(toRooms([path]), payload, { not: dialectName });
      const target = kind === "tree" ? toTree(path) : toRooms([path]);
      // Browsers speak here too, and nothing tells them from backends: it stays in the dialect (SEC-16).
      return new RawPublication(target, payload, isOpen ? {} : { only: dialectName });
    },
  });
}

/** On the empty name, which reaches nobody, in this gateway as in the original (WSC-03). */
const canary = textCanary(redisPrefix, "belfry canary");
