// Bounds on everything that a peer can grow (SEC-06, SEC-15, WSE-08): default, range and meaning of each, once. The
// `limits` section of the config is made of this table (config/limits.ts).

const kib = 1024;
const mib = 1024 * kib;
const gib = 1024 * mib;

export interface LimitRow {
  readonly default: number;
  readonly min: number;
  readonly max: number;
  readonly description: string;
}

export const limitTable = {
  busMessageBytes: {
    default: 8 * mib,
    min: kib,
    max: gib,
    description: "Largest message from Redis, bytes; larger ones are dropped and counted",
  },
  httpBodyBytes: { default: mib, min: kib, max: gib, description: "Largest HTTP body, bytes" },
  // The kernels on both sides hold as much again.
  sendQueueBytes: {
    default: 4 * mib,
    min: 64 * kib,
    max: gib,
    description:
      "Bytes that may wait for a client that has not read 2 MiB yet, or has read nothing for 10 s (with polling: 1 s); a client with more is closed as `slow`. Each message counts 256 bytes more",
  },
  // The clients of a room share this memory.
  sendQueueMaxBytes: {
    default: 128 * mib,
    min: 64 * kib,
    max: 4 * gib,
    description: "Bytes that may wait for a client that reads: the largest burst that a slow client survives",
  },
  roomsPerConnection: { default: 1_000, min: 1, max: 1_000_000, description: "Rooms per connection" },
  nameBytes: {
    default: 256,
    min: 16,
    max: 64 * kib,
    description: "Length of a name, UTF-8 bytes: a namespace, a room, or the room-space in front of it",
  },
  namespacesPerClient: { default: 50, min: 1, max: 10_000, description: "Namespaces per client" },
  packetsPerSecond: {
    default: 2_000,
    min: 1,
    max: 10_000_000,
    description:
      "Messages, websocket pings and pongs, and packets of a POST that one client may send per second; a client that sends more is closed as `flood`",
  },
  packetsBurst: {
    default: 10_000,
    min: 10,
    max: 10_000_000,
    description: "How many of these a client may send at once",
  },
  pendingAcks: {
    default: 1_000,
    min: 1,
    max: 1_000_000,
    description: "Acknowledgements that may be outstanding for one client",
  },
  connectionsPerAddress: {
    default: 1_000,
    min: 1,
    max: 1_000_000,
    description: "Connections at once per client address; loopback and trusted proxies are exempt",
  },
  handshakesPerAddress: {
    default: 100,
    min: 1,
    max: 1_000_000,
    description: "New connections per second and client address; ten times as many may come in one burst",
  },
  connections: {
    default: 19_000,
    min: 1,
    max: 10_000_000,
    description: "Connections at once in total; keep it below the open-file limit",
  },
  failedJoinsPerMinute: {
    default: 5,
    min: 1,
    max: 1_000_000,
    description: "Wrong room secrets per minute, per connection and per client address and room-space",
  },
  wrongSecretsPerMinute: {
    default: 10,
    min: 1,
    max: 1_000_000,
    description:
      "Wrong publish secrets and admin tokens per minute and client address; further ones are answered 429 without a comparison, or late on loopback and behind trusted proxies",
  },
} as const satisfies Readonly<Record<string, LimitRow>>;

export type Limits = { readonly [Name in keyof typeof limitTable]: number };

export const defaultLimits: Limits = Object.fromEntries(
  Object.entries(limitTable).map(([name, row]) => [name, row.default]),
) as { [Name in keyof Limits]: number };
