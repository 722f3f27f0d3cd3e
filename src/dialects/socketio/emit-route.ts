// `POST /emit`: how a backend without a queue publishes (compat WSE-20..27). The request is checked, published to the
// first queue channel, and delivered from there by every gateway, this one included: one order for all (WSE-26).

import { goOn } from "../../base/go-on.ts";
import { readArray, readMembers, readString, stringMember } from "../../codec/json.ts";
import type { Members } from "../../codec/json.ts";
import type { BackendContext } from "../dialect.ts";
import type { Route } from "../../server/route.ts";
import { GatewayError } from "../../vocabulary/errors.ts";
import type { Outgoing } from "../../core/publication.ts";
import { backendPost, bodyInvalid, demandRight, readJsonBody } from "../kit/backend-post.ts";
import type { SocketIoOptions } from "./options.ts";
import { reservedEvents } from "../../codec/event-names.ts";
import { encodeEmit } from "./python/encode.ts";

export const emitPath = "/emit";

/** One for all: `/emit` leaves no client out. */
const none: readonly string[] = [];

type EmitOptions = Pick<SocketIoOptions, "channels" | "strictEmit">;

/** @returns undefined without a publish secret: there is no unauthenticated mode (WSE-20, WSE-27). */
export function emitRoute(context: BackendContext, options: EmitOptions): Route | undefined {
  const { checkSecret } = context;
  if (!checkSecret) return undefined;
  const channel = options.channels[0] ?? "flask-socketio";
  const post = backendPost(context, {
    dialect: "socketio",
    maxBytes: context.limits.httpBodyBytes,
    success: "OK\n",
    read(body, exchange) {
      const fields = readJsonBody(body, readMembers);
      // Before anything else: a sender without the secret learns nothing about the rest (WSE-22).
      return goOn(checkSecret(stringMember(fields, "secret"), exchange), (verdict) => {
        demandRight(verdict);
        return [{ channel, ...queueMessage(context, options, { fields, bytes: body.length }) }];
      });
    },
  });
  return { path: emitPath, isPrefix: false, fetch: post };
}

/**
 * What goes on the queue is at most twice the body (NaN becomes null) and so many bytes: names of fields, and our own id. It
 * is measured only where that could be too much.
 */
const queueBytes = 512;

interface EmitBody {
  readonly fields: Members;
  /** Its length. */
  readonly bytes: number;
}

/** What goes on the queue for the body of a POST, and what the feed of that queue (python/queue.ts) would read in it. */
function queueMessage(
  context: BackendContext,
  options: EmitOptions,
  { fields, bytes }: EmitBody,
): Omit<Outgoing, "channel"> {
  const event = stringMember(fields, "event");
  if (typeof event !== "string") throw bodyInvalid("Expected `event` to be a string");
  if (reservedEvents.has(event)) {
    throw new GatewayError("event_reserved", "Expected `event` not to be a reserved name of Socket.IO");
  }
  const namespace = readNamespace(fields);
  if (namespace === undefined) throw bodyInvalid("Expected `namespace` to be a string or null");
  const room = readRoom(context, options, fields.get("room") ?? "null");
  const data = fields.get("data") ?? "null";
  const said = { event, namespace, args: data === "null" ? [] : [data], attachments: [] };
  const payload = (): string => encodeEmit({ ...said, room, hostId: context.gatewayId });
  const { busMessageBytes } = context.limits;
  if (2 * bytes + queueBytes > busMessageBytes && Buffer.byteLength(payload()) > busMessageBytes) {
    throw new GatewayError("body_too_large", "Expected a smaller message: the bus does not carry it");
  }
  const rooms = typeof room === "string" ? [room] : (room ?? undefined);
  const publication = {
    kind: "publication",
    ...said,
    rooms,
    except: none,
    skip: none,
    volatile: false,
  } as const;
  return { payload, meaning: { dialect: "socketio", publication, bytes } };
}

function readNamespace(fields: Members): string | undefined {
  const namespace = stringMember(fields, "namespace");
  return namespace === null ? "/" : namespace;
}

/** null, "" and [] are everyone in the namespace (WSE-23); null is what goes on the queue for that. */
function readRoom(
  context: BackendContext,
  options: EmitOptions,
  raw: string,
): string | readonly string[] | null {
  if (raw === "null") return null;
  const rooms = raw.startsWith("[") ? readArray(raw)?.map(readString) : readString(raw);
  if (rooms === undefined || (Array.isArray(rooms) && rooms.includes(undefined))) {
    throw bodyInvalid("Expected `room` to be a string, a list of strings or null");
  }
  if (rooms.length > 0) return rooms as string | readonly string[];
  // Usually an unset variable: the message was meant for one room.
  if (options.strictEmit) throw bodyInvalid("Expected `room` not to be empty; null is everybody");
  context.observe.log("warn", "emit_room_empty", { dialect: "socketio" });
  return null;
}
