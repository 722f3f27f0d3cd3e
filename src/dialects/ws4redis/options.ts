// The ws4redis dialect's section of the config. The names follow django-websocket-redis' settings; flags, environment
// names and the docs table are derived from it. Who a visitor is, is the section `identity`.

import { z } from "zod";
import { messageBytes, mountPath } from "../kit/options.ts";
import { isRule } from "./query.ts";
import { legacyBroadcasts } from "./names.ts";

const globs = z.array(z.string().min(1).max(256)).max(1_000);

export const ws4redisOptions = z
  .strictObject({
    path: mountPath("/ws/", "WEBSOCKET_URL: websockets are at <path><facility> (W4R-01)"),
    keepLeadingSlash: z
      .boolean()
      .default(false)
      .describe("Behind a proxy that strips the path, `/news` is the facility `/news`, not `news` (W4R-01)"),
    prefix: z
      .string()
      .max(100)
      .refine(
        (prefix) => !`${prefix}:`.startsWith(legacyBroadcasts),
        "other than `_broadcast_`, a name of 0.1 and 0.2",
      )
      .default("")
      .describe(
        "WS4REDIS_PREFIX: its Redis names begin with `<prefix>:`; set one in a shared Redis (SEC-03)",
      ),
    naming: z
      .enum(["current", "legacy", "both"])
      .default("current")
      .describe("Redis names: of 0.3 and later, of 0.1 and 0.2, or received under both (W4R-03)"),
    expire: z
      .number()
      .int()
      .min(0)
      .max(315_360_000)
      .default(3_600)
      .describe(
        "WS4REDIS_EXPIRE: seconds that what browsers publish is kept for newcomers; 0 keeps nothing (W4R-05)",
      ),
    heartbeat: z
      .string()
      .min(1)
      .max(1_000)
      .optional()
      .describe(
        "WS4REDIS_HEARTBEAT: the text that clients and gateway send each other as a sign of life (W4R-09)",
      ),
    echo: z
      .enum(["asked", "always"])
      .optional()
      .describe(
        "Whether a client receives its own messages: only if it asks with `echo`, or always, as 0.1 to 0.4.1 did; by default `always` with the legacy naming (W4R-08)",
      ),
    publish: globs
      .default([])
      .describe(
        "Globs of the facilities where clients may publish; `*` is all, as in django-websocket-redis itself: unsafe (W4R-17)",
      ),
    allowedChannels: z
      .record(
        z.string().min(1).max(256),
        z.string().max(1_000).refine(isRule, "names like subscribe-broadcast, separated by spaces or commas"),
      )
      .default({})
      .describe(
        "Per glob of facilities, the channels that clients may ask for, `news=subscribe-broadcast,subscribe-user`; the first glob that matches decides, and with any rule a facility without one is refused (W4R-13)",
      ),
    maxMessage: messageBytes(1024 * 1024, "Largest message from a client, bytes (W4R-18)"),
    takeBare: z
      .boolean()
      .default(false)
      .describe(
        "On a port shared with websocket-channels: `/ws/<x>` without a parameter of ws4redis is a facility too, if this dialect stands first (RTE-03)",
      ),
  })
  .describe("django-websocket-redis: facilities with broadcast, user, group and session audiences");

export type Ws4redisOptions = z.infer<typeof ws4redisOptions>;
