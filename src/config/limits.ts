// The `limits` section: core/limits.ts with bounds and a sentence for each (SEC-06, SEC-15, WSE-08).

import { z } from "zod";
import { defaultLimits } from "../core/limits.ts";
import type { Limits } from "../core/limits.ts";

type Ranges = Readonly<Record<keyof Limits, readonly [min: number, max: number, description: string]>>;

const kib = 1024;
const gib = kib * kib * kib;

const ranges: Ranges = {
  busMessageBytes: [kib, gib, "Largest message from Redis, bytes; larger ones are dropped and counted"],
  httpBodyBytes: [kib, gib, "Largest HTTP body, bytes"],
  sendQueueBytes: [
    64 * kib,
    gib,
    "Bytes that may wait for a client that has not read 2 MiB yet, or has read nothing for 10 s (with polling: 1 s); a client with more is closed as `slow`. Each message counts 256 bytes more",
  ],
  sendQueueMaxBytes: [
    64 * kib,
    4 * gib,
    "Bytes that may wait for a client that reads: the largest burst that a slow client survives",
  ],
  roomsPerConnection: [1, 1_000_000, "Rooms per connection"],
  nameBytes: [
    16,
    64 * kib,
    "Length of a name, UTF-8 bytes: a namespace, a room, or the room-space in front of it",
  ],
  namespacesPerClient: [1, 10_000, "Namespaces per client"],
  packetsPerSecond: [
    1,
    10_000_000,
    "Messages, websocket pings and pongs, and packets of a POST that one client may send per second; a client that sends more is closed as `flood`",
  ],
  packetsBurst: [10, 10_000_000, "How many of these a client may send at once"],
  pendingAcks: [1, 1_000_000, "Acknowledgements that may be outstanding for one client"],
  connectionsPerAddress: [
    1,
    1_000_000,
    "Connections at once per client address; loopback and trusted proxies are exempt",
  ],
  handshakesPerAddress: [
    1,
    1_000_000,
    "New connections per second and client address; ten times as many may come in one burst",
  ],
  connections: [1, 10_000_000, "Connections at once in total; keep it below the open-file limit"],
  failedJoinsPerMinute: [
    1,
    1_000_000,
    "Wrong room secrets per minute, per connection and per client address and room-space",
  ],
  wrongSecretsPerMinute: [
    1,
    1_000_000,
    "Wrong publish secrets and admin tokens per minute and client address; further ones are answered 429 without a comparison, or late on loopback and behind trusted proxies",
  ],
};

function limit(name: keyof Limits): z.ZodDefault<z.ZodNumber> {
  const [min, max, description] = ranges[name];
  return z.number().int().min(min).max(max).default(defaultLimits[name]).describe(description);
}

const shape = Object.fromEntries(
  (Object.keys(ranges) as (keyof Limits)[]).map((name) => [name, limit(name)]),
);

export const limitsSchema = z
  .strictObject(shape as { [Name in keyof Limits]: z.ZodDefault<z.ZodNumber> })
  .refine((limits) => limits.sendQueueMaxBytes >= limits.sendQueueBytes, {
    path: ["sendQueueMaxBytes"],
    message: "at least as large as `limits.sendQueueBytes`",
  })
  .describe("Bounds on everything that a peer can grow");
