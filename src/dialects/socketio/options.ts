// The socketio dialect's section of the config. Flags, environment names and the docs table are derived from it.

import { z } from "zod";
import { reservedEvents } from "../../codec/event-names.ts";
import { messageBytes, mountPath } from "../kit/options.ts";

/** A poll is held for pingInterval + pingTimeout, and Bun holds a request for 255 s at most. */
const maxSeconds = 120;

const seconds = (text: string, fallback: number): z.ZodDefault<z.ZodNumber> =>
  z.number().positive().max(maxSeconds).default(fallback).describe(text);

export const socketIoOptions = z
  .strictObject({
    path: mountPath("/socket.io/", "Where Engine.IO answers (EIO-01)"),
    pingInterval: seconds("Seconds between pings (EIO-04)", 25),
    pingTimeout: seconds("Seconds that a client may take to answer one (EIO-04)", 20),
    connectTimeout: seconds("Seconds until a client must have joined a namespace (SIO-06)", 45),
    upgradeTimeout: seconds("Seconds that an upgrade to websocket may take (EIO-13)", 10),
    maxPayload: messageBytes(
      1_000_000,
      "Largest message from a client, bytes (EIO-07, EIO-22)",
      [1_000, 100_000_000],
    ),
    allowEio3: z.boolean().default(true).describe("Serve socket.io-client 1 and 2 too (EIO-03)"),
    cookie: z
      .boolean()
      .default(false)
      .describe("Set the `io` cookie for EIO 3, for sticky load balancers (EIO-19)"),
    namespaces: z
      .array(z.string().startsWith("/").max(256))
      .optional()
      .describe("Namespaces that clients may join; all, if not set (SIO-05)"),
    aliases: z
      .boolean()
      .default(false)
      .describe("Answer redis2websocket's events too: watch, stopwatch, my_ping (WSE-10)"),
    serveClient: z
      .boolean()
      .default(true)
      .describe("Answer <path>/socket.io.js and its siblings with the official client for pages (EIO-01)"),
    joinAnswers: z
      .boolean()
      .default(false)
      .describe(
        'Acknowledge a join with {"ok":true} or {"ok":false,"reason":"secret"} instead of [], which says nothing (WSE-03)',
      ),
    recovery: z
      .boolean()
      .default(false)
      .describe("Clients that come back get what they missed; events have one more argument"),
    presenceEvent: z
      .string()
      .min(1)
      .max(100)
      .refine((name) => !reservedEvents.has(name), "a name that Socket.IO does not use itself")
      .default("presence")
      .describe(
        "The event by which pages ask who is in a room with presence; what changes comes as <name>:joined and <name>:left",
      ),
    channels: z
      .array(z.string().min(1).max(256))
      .min(1)
      .default(["flask-socketio", "socketio"])
      .describe("Redis channels of Flask-SocketIO and python-socketio; the first is published to (PSQ-01)"),
    key: z
      .string()
      .min(1)
      .max(256)
      .default("socket.io")
      .describe("Channel prefix of the Node emitters and adapters (NRE-01)"),
    node: z.boolean().default(true).describe("Receive from the Node emitters and adapters (NRE-01)"),
    pickle: z.boolean().default(true).describe("Read pickled queue messages, as data only (PSQ-04)"),
    strictEmit: z
      .boolean()
      .default(false)
      .describe("Refuse POST /emit with an empty room instead of broadcasting (WSE-23)"),
  })
  .describe("Socket.IO: browsers of every generation, Python and Node emitters");

export type SocketIoOptions = z.infer<typeof socketIoOptions>;
