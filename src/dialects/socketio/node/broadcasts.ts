// The backend side for `@socket.io/redis-emitter`, its ports, and socket.io servers with a Redis adapter on the
// same Redis: bytes of their channels -> Publication or Order (compat NRE-01..07, NRE-10). The gateway only
// listens, and by patterns: Node servers count exact subscribers and would wait for our answers (NRE-07).

import { escapeGlob } from "../../../base/glob.ts";
import type { BusMessage, Canary, Feed } from "../../../core/bus.ts";
import { junk, notForUs } from "../../../core/publication.ts";
import type { BackendMessage, Target } from "../../../core/publication.ts";
import { readMsgpack } from "../../../codec/msgpack.ts";
import type { MsgpackValue } from "../../../codec/msgpack.ts";
import { field, isMisread, readPublication, readTarget } from "./envelope.ts";
import { decodeRequest } from "./requests.ts";

export interface NodeParts {
  /** Channel prefix, `socket.io` unless the emitters say otherwise. */
  readonly key: string;
  /** A message that carries it as `uid` is our own. */
  readonly gatewayId: string;
}

/**
 * The feeds of Node's emitters and adapters: broadcasts and requests.
 *
 * Two patterns, and no channel matches both, or its messages would come twice: all broadcasts, whatever the form of
 * their channel (NRE-04), and the requests between servers (NRE-06).
 */
export function nodeFeeds(parts: NodeParts): readonly Feed[] {
  const key = escapeGlob(parts.key);
  return [
    {
      filter: { kind: "pattern", name: `${key}#*`, canary: broadcastCanary(parts) },
      decode: (message) => decodeBroadcast(parts, message),
    },
    {
      filter: { kind: "pattern", name: `${key}-request#/*`, canary: requestCanary(parts) },
      decode: (message) => decodeRequest(parts, message),
    },
  ];
}

/** `[uid, packet, opts]`; `[packet, opts]` before emitter 0.3 and from the PHP and Java ports (NRE-04). */
function decodeBroadcast(parts: NodeParts, message: BusMessage): BackendMessage {
  if (isMapHead(message.payload[0])) return notForUs("node_cluster_message");
  const read = readMsgpack(message.payload);
  if (!read.isValid) return junk(read.reason);
  if (!Array.isArray(read.value)) return junk("node_shape");
  const fields = read.value as readonly MsgpackValue[];
  if (fields.length !== 2 && fields.length !== 3) return junk("node_shape");
  const [uid, packet, options] = fields.length === 2 ? [undefined, ...fields] : fields;
  if (uid === parts.gatewayId) return notForUs("own_message");
  if (isMisread(packet, read.hasBrokenText)) return junk("msgpack_utf8");
  const name = field(packet, "nsp") ?? "/";
  if (typeof name !== "string") return junk("node_packet");
  // Emitters before 3.2 did not add the slash to `of("chat")` (NRE-04).
  const target = readTarget(name.startsWith("/") ? name : `/${name}`, options);
  if (!target) return junk("node_target");
  return readPublication(packet, narrow(target, roomOf(message.channel, `${parts.key}#${name}#`)), options);
}

/** The streams adapter sends ephemeral messages as maps on the same channels (NRE-09). */
function isMapHead(head: number | undefined): boolean {
  return head !== undefined && ((head >= 0x80 && head < 0x90) || head === 0xde || head === 0xdf);
}

/** `socket.io#/chat#room#` -> `room`; undefined for the channel of the whole namespace. */
function roomOf(channel: string, prefix: string): string | undefined {
  if (!channel.startsWith(prefix) || channel.length <= prefix.length) return undefined;
  return channel.slice(prefix.length, -1);
}

/**
 * Emitters 0.3 to 2.0 publish one message for several rooms once per room, on the channel of each; later ones
 * once, on the namespace's. So this copy is for the members of the channel's room, without those who get
 * another copy through a room earlier in the list: each client gets it once (NRE-02, NRE-04).
 */
function narrow(target: Target, room: string | undefined): Target {
  const { rooms } = target;
  if (room === undefined || rooms === undefined || rooms.length < 2) return target;
  const index = rooms.indexOf(room);
  if (index === -1) return target;
  return { ...target, rooms: [room], except: [...target.except, ...rooms.slice(0, index)] };
}

/** In a namespace and a room that do not exist: no server on this Redis decodes it (PSQ-17). */
function broadcastCanary({ key, gatewayId }: NodeParts): Canary {
  const prefix = `${key}#/belfry#canary-`;
  return {
    channel: `${prefix}${gatewayId}#`,
    // A well-formed `["belfry", {nsp, data: [token]}, {}]`, for servers that decode before they look at the channel.
    encode: (token) =>
      Buffer.concat([
        Buffer.of(0x93),
        packedText("belfry"),
        Buffer.of(0x82),
        packedText("nsp"),
        packedText("/belfry"),
        packedText("data"),
        Buffer.of(0x91),
        packedText(token),
        Buffer.of(0x80),
      ]),
    decode: ({ channel, payload }) => {
      if (!channel.startsWith(prefix)) return undefined;
      const read = readMsgpack(payload);
      if (!read.isValid || !Array.isArray(read.value)) return undefined;
      const [, packet] = read.value as readonly MsgpackValue[];
      const data = field(packet, "data");
      const token: unknown = Array.isArray(data) ? data[0] : undefined;
      return typeof token === "string" ? token : undefined;
    },
  };
}

/** On the request channel of a namespace that does not exist: servers subscribe to their own namespaces' channels. */
function requestCanary({ key }: NodeParts): Canary {
  const channel = `${key}-request#/belfry-canary#`;
  return {
    channel,
    encode: (token) => `{"canary":"${token}"}`,
    decode: (message) =>
      message.channel === channel
        ? /^\{"canary":"(\w+)"\}$/.exec(message.payload.toString("latin1"))?.[1]
        : undefined,
  };
}

/** MessagePack text of 16 bits length, which has the same bytes in the old and the new specification. */
function packedText(text: string): Buffer {
  const header = Buffer.of(0xda, 0, 0);
  header.writeUInt16BE(Buffer.byteLength(text), 1);
  return Buffer.concat([header, Buffer.from(text)]);
}
