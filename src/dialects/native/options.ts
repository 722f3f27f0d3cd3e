// The native dialect's section of the config. Flags, environment names and the docs table are derived from it.

import { z } from "zod";
import { messageBytes, mountPath } from "../kit/options.ts";

export const nativeOptions = z
  .strictObject({
    path: mountPath("/connect", "Websockets and event streams are at this path", /^\/[\w./-]*[\w.-]$/),
    maxMessage: messageBytes(64 * 1024, "Largest message from a client, bytes (SEC-06)"),
    heartbeat: z
      .number()
      .min(0.05)
      .max(120)
      .default(25)
      .describe("Quiet event streams say something this often, and websockets are pinged, seconds"),
    queue: z
      .boolean()
      .default(true)
      .describe("Publish what backends leave in the Redis stream `belfry:publish`"),
  })
  .describe("native: plain websockets and event streams at one URL");

export type NativeOptions = z.infer<typeof nativeOptions>;
