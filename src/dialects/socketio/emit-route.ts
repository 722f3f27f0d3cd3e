// `POST /emit`: how a backend without a queue rings (compat WSE-20..27). The request is checked, published to the
// first queue channel, and delivered from there by every gateway, this one included: one order for all (WSE-26).

import { readBody } from "../../codec/body.ts";
import { readArray, readMembers, readString, stringMember } from "../../codec/json.ts";
import type { Members } from "../../codec/json.ts";
import { readJsonText } from "../../codec/utf8.ts";
import type { BackendContext, Route } from "../../core/dialect.ts";
import { GatewayError } from "../../core/errors.ts";
import { textAnswer } from "../../core/http.ts";
import type { SocketIoOptions } from "./options.ts";
import { reservedEvents } from "./packet.ts";
import { encodeEmit } from "./python/encode.ts";

export const emitPath = "/emit";

type EmitOptions = Pick<SocketIoOptions, "channels" | "strictEmit">;

/** Python nests a thousand levels; on the queue there are a few more around them (T9). */
const bounds = { maxDepth: 1_000, maxItems: 1_000 } as const;

/** @returns undefined without a publish secret: there is no unauthenticated mode (WSE-20, WSE-27). */
export function emitRoute(context: BackendContext, options: EmitOptions): Route | undefined {
  const { checkSecret } = context;
  if (!checkSecret) return undefined;
  return {
    path: emitPath,
    isPrefix: false,
    async fetch(request, { countedAs }) {
      if (request.method === "OPTIONS") return textAnswer(200, "", allowed);
      if (request.method !== "POST") {
        context.observe.refused("socketio", "method_not_allowed");
        return textAnswer(405, "Expected the method POST\n", allowed);
      }
      try {
        const fields = await readFields(request, context.limits.httpBodyBytes);
        // Before anything else is judged: a stranger learns nothing about the rest (WSE-22).
        const verdict = await checkSecret(stringMember(fields, "secret"), countedAs);
        if (verdict === "wrong") throw new GatewayError("secret_wrong", "Incorrect secret");
        if (verdict === "limited") throw new GatewayError("secret_limited", "Too many incorrect secrets");
        await publish(context, options, fields);
        return textAnswer(200, "OK\n");
      } catch (error) {
        return refuse(context, error);
      }
    },
  };
}

/** Takes any Content-Type, so that plain `curl -d` works (WSE-25). */
async function readFields(request: Request, maxBytes: number): Promise<Members> {
  const encoding = request.headers.get("content-encoding")?.trim().toLowerCase() ?? "identity";
  if (encoding !== "identity") {
    throw new GatewayError("content_encoding", "Expected a body without Content-Encoding");
  }
  const body = await readBody(request, maxBytes).catch((cause: unknown) => {
    throw invalid("Expected a complete body", cause);
  });
  if (!body) throw new GatewayError("body_too_large", `Expected a body of at most ${maxBytes} bytes`);
  const json = readJsonText(body);
  if (json === undefined) throw invalid("Expected the body to be UTF-8");
  const fields = readMembers(json, bounds);
  if (!fields) {
    const { maxDepth, maxItems } = bounds;
    throw invalid(`Expected a JSON object of at most ${maxItems} members and ${maxDepth} levels`);
  }
  return fields;
}

async function publish(context: BackendContext, options: EmitOptions, fields: Members): Promise<void> {
  const event = stringMember(fields, "event");
  if (typeof event !== "string") throw invalid("Expected `event` to be a string");
  if (reservedEvents.has(event)) {
    throw new GatewayError("event_reserved", "Expected `event` not to be a reserved name of Socket.IO");
  }
  const namespace = stringMember(fields, "namespace");
  if (namespace === undefined) throw invalid("Expected `namespace` to be a string or null");
  const room = readRoom(context, options, fields.get("room") ?? "null");
  const data = fields.get("data") ?? "null";
  const message = encodeEmit({
    event,
    namespace: namespace ?? "/",
    room,
    args: data === "null" ? [] : [data],
    attachments: [],
    hostId: context.gatewayId,
  });
  if (Buffer.byteLength(message) > context.limits.busMessageBytes) {
    throw new GatewayError("body_too_large", "Expected a smaller message: the bus does not carry it");
  }
  if (!context.bus.state().isReady) throw unavailable();
  const channel = options.channels[0] ?? "flask-socketio";
  await context.bus.publish(channel, message).catch((cause: unknown) => {
    throw unavailable(cause);
  });
}

/** The bus itself says more, with addresses: that is for the log. */
function unavailable(cause?: unknown): GatewayError {
  return new GatewayError("bus_unavailable", "Expected the message bus to be ready, got one that is not", {
    cause,
  });
}

/** null, "" and [] are everybody in the namespace (WSE-23); null is what goes on the queue for that. */
function readRoom(
  context: BackendContext,
  options: EmitOptions,
  raw: string,
): string | readonly string[] | null {
  if (raw === "null") return null;
  const rooms = raw.startsWith("[") ? readArray(raw)?.map(readString) : readString(raw);
  if (rooms === undefined || (Array.isArray(rooms) && rooms.includes(undefined))) {
    throw invalid("Expected `room` to be a string, a list of strings or null");
  }
  if (rooms.length > 0) return rooms as string | readonly string[];
  // Usually an unset variable, about to tell everybody what was meant for one.
  if (options.strictEmit) throw invalid("Expected `room` not to be empty; null is everybody");
  context.observe.log("warn", "emit_room_empty", { dialect: "socketio" });
  return null;
}

function invalid(message: string, cause?: unknown): GatewayError {
  return new GatewayError("body_invalid", message, { cause });
}

/** A sentence that repeats nothing of the request (SEC-05). Anything but a refusal is the listener's to report. */
function refuse({ observe }: BackendContext, error: unknown): Response {
  if (!(error instanceof GatewayError)) throw error;
  observe.refused("socketio", error.code);
  return textAnswer(error.status, `${error.message}\n`);
}

const allowed = { allow: "OPTIONS, POST" } as const;
