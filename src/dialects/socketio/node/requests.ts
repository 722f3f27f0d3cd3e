// Requests between socket.io servers, `socket.io-request#<nsp>#`: what is asked about sockets becomes orders, a broadcast
// that wants acknowledgements becomes a plain one, and questions stay unanswered, because Node servers do not
// wait for answers of ours (compat NRE-06, NRE-07).

import { parseJson } from "../../../base/json.ts";
import type { SkipReason } from "../../../vocabulary/reasons.ts";
import type { BusMessage } from "../../../core/bus.ts";
import { junk, notForUs } from "../../../core/publication.ts";
import type { BackendMessage, Outgoing, Single, Target } from "../../../core/publication.ts";
import { readMsgpack } from "../../../codec/msgpack.ts";
import { isMisread, field, isRecord, readPublication, readTarget, roomName, roomNames } from "./envelope.ts";

const requestType = { remoteJoin: 2, remoteLeave: 3, remoteDisconnect: 4, broadcast: 7 } as const;

/** Real ones have 6 characters. It is sent back, so its length is bounded. */
const maxRequestIdLength = 200;

/** What is needed to read requests. */
interface Requests {
  readonly key: string;
  readonly gatewayId: string;
}

/** Never throws. */
export function decodeRequest(parts: Requests, message: BusMessage): BackendMessage {
  const prefix = `${parts.key}-request#`;
  const { channel, payload } = message;
  if (!channel.startsWith(`${prefix}/`) || !channel.endsWith("#")) return notForUs("node_request_channel");
  const namespace = channel.slice(prefix.length, -1);
  const read = payload[0] === 0x7b ? readJson(payload) : readMsgpack(payload);
  if (!read.isValid) return junk(read.reason);
  const request = read.value;
  if (!isRecord(request)) return junk("node_request");
  if (field(request, "uid") === parts.gatewayId) return notForUs("own_message");
  switch (field(request, "type")) {
    case requestType.remoteJoin:
      return membership("join", request, addressee(parts, namespace, request));
    case requestType.remoteLeave:
      return membership("leave", request, addressee(parts, namespace, request));
    case requestType.remoteDisconnect:
      return disconnection(request, addressee(parts, namespace, request));
    case requestType.broadcast:
      return isMisread(field(request, "packet"), read.hasBrokenText)
        ? junk("msgpack_utf8")
        : broadcast(namespace, request);
    default:
      return notForUs("node_request_type");
  }
}

type Read =
  | { readonly isValid: true; readonly value: unknown; readonly hasBrokenText: boolean }
  | { readonly isValid: false; readonly reason: SkipReason };

function readJson(payload: Buffer): Read {
  const value = parseJson(payload.toString());
  if (value === undefined) return { isValid: false, reason: "not_json" };
  return { isValid: true, value, hasBrokenText: false };
}

/** Which sockets an order is about, and the answer to it when that is a single socket of ours. */
interface Addressee {
  readonly target: Target | Single;
  readonly done?: Outgoing;
}

/**
 * `opts` name rooms; `sid` names one socket, and only then an answer is due (NRE-07). Without `requestId` it is
 * no order: socket.io-redis before 6 spelled it `requestid` and gave the types other meanings.
 */
function addressee({ key }: Requests, namespace: string, request: object): Addressee | undefined {
  const options = field(request, "opts");
  if (options !== undefined && options !== null) {
    const target = readTarget(namespace, options);
    return target && { target };
  }
  const id = field(request, "sid");
  const requestId = field(request, "requestId");
  if (typeof id !== "string" || typeof requestId !== "string") return undefined;
  if (requestId.length > maxRequestIdLength) return undefined;
  return {
    target: { namespace, id },
    done: { channel: `${key}-response#${namespace}#`, payload: JSON.stringify({ requestId }) },
  };
}

function membership(kind: "join" | "leave", request: object, to: Addressee | undefined): BackendMessage {
  if (!to) return junk("node_request");
  const room = roomName(field(request, "room"));
  const one = room === undefined ? undefined : [room];
  const rooms = "id" in to.target ? one : roomNames(field(request, "rooms"));
  return rooms ? { kind, ...to, rooms } : junk("node_request");
}

function disconnection(request: object, to: Addressee | undefined): BackendMessage {
  if (!to) return junk("node_request");
  return { kind: "disconnect", ...to, closeClient: field(request, "close") === true };
}

/** Only the asking server's own clients are asked for acknowledgements: ours get a plain broadcast. */
function broadcast(namespace: string, request: object): BackendMessage {
  const options = field(request, "opts");
  const target = readTarget(namespace, options);
  return target ? readPublication(field(request, "packet"), target, options) : junk("node_target");
}
