// The ws-hub dialect's section of the config. The names and defaults are those of WS-HUB's own sample file; flags,
// environment names and the docs table are derived from it.

import { z } from "zod";
import { messageBytes, mountPath } from "../kit/options.ts";

const seconds = (text: string, fallback: number): z.ZodDefault<z.ZodNumber> =>
  z.number().positive().max(86_400).default(fallback).describe(text);

export const wsHubOptions = z
  .strictObject({
    serverUrl: mountPath("/ws", "Path that clients connect to, with or without a slash behind it (HUB-01)"),
    clientKey: z
      .string()
      .regex(/^[\w.~-]{1,100}$/)
      .default("session_key")
      .describe("Query parameter that carries a client's key (HUB-01)"),
    fromHeader: z
      .boolean()
      .default(false)
      .describe("Take the key from the request header of that name; without one, from the query (HUB-03)"),
    channelPrefix: z
      .string()
      .max(100)
      .default("ws-hub:")
      .describe("What the names of all its Redis channels begin with (HUB-04)"),
    pongWait: seconds("Seconds without an answer to pings until a client is dropped (HUB-11)", 60),
    writeWait: seconds("Seconds that a client may read nothing of what waits for it (HUB-16)", 10),
    maxMessageSize: messageBytes(128, "Largest message from a client, bytes (HUB-10)", [1, 16_777_216]),
    groupsMode: z
      .enum(["add", "replace"])
      .default("add")
      .describe("Whether newly assigned groups join those that a client has, or replace them (HUB-06)"),
    announceGone: z
      .boolean()
      .default(false)
      .describe("Also publish `<prefix>client-gone` when a key has left (HUB-04)"),
    checkOrigin: z
      .boolean()
      .default(false)
      .describe("Only pages of the listener's origins may connect; the key alone decides otherwise (HUB-01)"),
    connectsPerKey: z
      .number()
      .positive()
      .max(60_000)
      .default(60)
      .describe("New connections of one key per minute; ten may come at once (SEC-09)"),
    adminToken: z
      .string()
      .min(16)
      .max(4_096)
      .meta({ writeOnly: true })
      .optional()
      .describe(
        "Opens /status, /clients, /groups, /sessions and /details to requests that carry it as a Bearer token (HUB-18)",
      ),
  })
  .describe("WS-HUB: clients with a key, groups from a backend on Redis");

export type WsHubOptions = z.infer<typeof wsHubOptions>;
