// Bounds on everything that a peer can grow (SEC-06), with their defaults. config/ documents and overrides them.

export interface Limits {
  /** A message from the bus, bytes. @default 8_388_608 // 8 MiB */
  readonly busMessageBytes: number;
  /** An HTTP body, bytes. @default 1_048_576 // 1 MiB */
  readonly httpBodyBytes: number;
  /**
   * Bytes that may wait for a client that has not read 2 MiB yet, or has read nothing for 10 s; a client with more is
   * closed as `slow`. The kernels on both sides hold as much again. @default 4_194_304 // 4 MiB
   */
  readonly sendQueueBytes: number;
  /**
   * Bytes that may wait for a client that reads: the largest burst that a slow client survives. The clients of
   * a room share this memory. @default 134_217_728 // 128 MiB
   */
  readonly sendQueueMaxBytes: number;
  /** Rooms per connection. @default 1_000 */
  readonly roomsPerConnection: number;
  /** Length of a name, UTF-8 bytes: a namespace, a room, or the room-space in front of it. @default 256 */
  readonly nameBytes: number;
  /** Namespaces per client. @default 50 */
  readonly namespacesPerClient: number;
  /**
   * Messages, websocket pings and pongs, and packets of a POST that one client may send per second; a client that sends
   * more is closed as `flood`. @default 2_000
   */
  readonly packetsPerSecond: number;
  /** How many of them may come at once. @default 10_000 */
  readonly packetsBurst: number;
  /** Acknowledgements that may be outstanding for one client. @default 1_000 */
  readonly pendingAcks: number;
  /** Connections at once per client address (SEC-15). @default 1_000 */
  readonly connectionsPerAddress: number;
  /** New connections per second and client address (SEC-15); ten times as many may come in one burst. @default 100 */
  readonly handshakesPerAddress: number;
  /** Connections at once in all; keep it below the open-file limit. @default 19_000 */
  readonly connections: number;
  /** Failed joins per minute, per connection and per (client address, room-space) (WSE-08). @default 5 */
  readonly failedJoinsPerMinute: number;
  /** Wrong publish secrets and admin tokens per minute and client address (SEC-11, SEC-15). @default 10 */
  readonly wrongSecretsPerMinute: number;
}

export const defaultLimits: Limits = {
  busMessageBytes: 8 * 1024 * 1024,
  httpBodyBytes: 1024 * 1024,
  sendQueueBytes: 4 * 1024 * 1024,
  sendQueueMaxBytes: 128 * 1024 * 1024,
  roomsPerConnection: 1_000,
  nameBytes: 256,
  namespacesPerClient: 50,
  packetsPerSecond: 2_000,
  packetsBurst: 10_000,
  pendingAcks: 1_000,
  connectionsPerAddress: 1_000,
  handshakesPerAddress: 100,
  connections: 19_000,
  failedJoinsPerMinute: 5,
  wrongSecretsPerMinute: 10,
};
