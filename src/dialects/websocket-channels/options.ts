// The websocket-channels dialect's section of the config. Flags, environment names and the docs table are derived
// from it.

import { z } from "zod";
import { messageBytes, mountPath } from "../kit/options.ts";

export const websocketChannelsOptions = z
  .strictObject({
    path: mountPath(
      "/ws",
      "Websockets are at <path>/<channel> (WSC-01); `/` with `root` makes every path a channel",
    ),
    root: z
      .boolean()
      .default(false)
      .describe("Take websockets and POST at /<channel> too, as the older versions did (WSC-01, WSC-07)"),
    openPublish: z
      .boolean()
      .default(false)
      .describe("HTTP publishes need no secret; pages of a foreign origin are still refused (WSC-08)"),
    maxMessage: messageBytes(1024 * 1024, "Largest message from a client, bytes (SEC-06)"),
    checkOrigin: z
      .boolean()
      .default(false)
      .describe("Refuse websockets of pages from an origin that the listener does not allow"),
  })
  .describe("websocket-channels: plain websockets on a tree of channels");

export type WebsocketChannelsOptions = z.infer<typeof websocketChannelsOptions>;
