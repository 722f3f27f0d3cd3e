// GET and POST of a polling session (EIO-06, EIO-07): payloads between HTTP bodies and the session's frames.

import { setImmediate } from "node:timers/promises";
import { asBuffer } from "../../../base/bytes.ts";
import { readUtf8 } from "../../../codec/utf8.ts";
import type { Exchange } from "../../../server/route.ts";
import type { Frame } from "../../../core/carrier.ts";
import type { DisconnectReason } from "../../../vocabulary/reasons.ts";
import { readBody } from "../../../codec/body.ts";
import type { SocketIoContext } from "../context.ts";
import { jsonpPayload, payloadResponse, refusalResponse } from "./http.ts";
import type { Refusal } from "./http.ts";
import {
  decodePayloadV3Binary,
  decodePayloadV3Text,
  decodePayloadV4,
  encodePayloadV3Binary,
  encodePayloadV3Text,
  encodePayloadV4,
} from "./payload.ts";
import type { Sending } from "./poll-answer.ts";
import type { Session } from "./session.ts";

/** One polling request of a known session. */
export interface PollingRequest {
  readonly request: Request;
  readonly exchange: Exchange;
  readonly session: Session;
}

/** Answers with what is queued, or holds the request until something is. */
export async function answerPoll(context: SocketIoContext, polling: PollingRequest): Promise<Response> {
  const { request, exchange, session } = polling;
  exchange.hold(Math.ceil((context.pingIntervalMs + context.pingTimeoutMs) / 1000) + 5);
  const frames = session.poll();
  if (!frames) return refusalResponse("bad_request", exchange);
  if (!(frames instanceof Promise)) return framesResponse(polling, frames, { isPoll: true });
  const aborted = (): void => {
    session.pollAborted();
  };
  request.signal.addEventListener("abort", aborted, { once: true });
  const released = await frames;
  request.signal.removeEventListener("abort", aborted);
  if (!released) return refusalResponse("bad_request", exchange);
  return framesResponse(polling, released, { isPoll: true });
}

/** @param about `isPoll`: its session waits until it was sent. */
export function framesResponse(
  polling: PollingRequest,
  frames: readonly Frame[],
  { isPoll = false, cookie }: { readonly isPoll?: boolean; readonly cookie?: string | undefined },
): Promise<Response> {
  const { request, exchange, session } = polling;
  const jsonp = exchange.query.get("j") ?? undefined;
  const isText = jsonp !== undefined || session.isBase64 || isBase64(exchange);
  const body = encodePayload(session.version, frames, isText);
  const sending = isPoll ? sendingOf(polling, frames) : undefined;
  return payloadResponse(request, exchange, { body, jsonp, cookie, sending });
}

function sendingOf({ request, exchange, session }: PollingRequest, frames: readonly Frame[]): Sending {
  return {
    request,
    hold: (seconds) => {
      exchange.hold(seconds);
    },
    isWanted: () => !session.isOver,
    progressed: () => {
      session.pollProgressed();
    },
    sent: () => {
      session.pollSent(frames);
    },
    lost: () => {
      session.pollLost(frames);
    },
  };
}

/** Must binary be text? Old clients say so only at the handshake, others with each request (EIO-09). */
export function isBase64({ query }: Exchange): boolean {
  const asked = query.get("b64");
  return asked === "1" || asked === "true";
}

/** Version 3 in binary form though nothing is binary: browsers up to socket.io-client 1.3.7 read no other (EIO-09). */
function encodePayload(
  version: 3 | 4,
  frames: readonly Frame[],
  isText: boolean,
): string | Buffer<ArrayBuffer> {
  if (version === 4) return encodePayloadV4(frames);
  return isText ? encodePayloadV3Text(frames) : encodePayloadV3Binary(frames);
}

/** Takes the packets of a POST in their order and answers `ok`. */
export async function answerPost(context: SocketIoContext, polling: PollingRequest): Promise<Response> {
  const { request, exchange, session } = polling;
  const { posts } = session;
  if (!posts?.begin()) return endSession(polling, "protocol_error");
  try {
    const body = await readBody(request, context.options.maxPayload);
    if (!body) return endSession(polling, "too_large", "payload_too_large");
    const frames = decodePayload(polling, body, context.packetRate.burst);
    if (frames && !posts.admits(frames.length)) return endSession(polling, "flood");
    if (!frames || !(await receiveAll(session, frames))) return endSession(polling, "protocol_error");
    return await payloadResponse(request, exchange, { body: "ok", jsonp: undefined, cookie: undefined });
  } finally {
    posts.end();
  }
}

/** Refuses a request that ends its session. */
function endSession(
  { exchange, session }: PollingRequest,
  reason: DisconnectReason,
  refusal: Refusal = "bad_request",
): Response {
  session.refuse(reason);
  return refusalResponse(refusal, exchange);
}

/** A POST with more packets lets other clients have their turn in between. */
const packetsPerTurn = 100;

/** @returns false at the first packet that is a protocol error. */
async function receiveAll(session: Session, frames: readonly Frame[]): Promise<boolean> {
  for (const [index, frame] of frames.entries()) {
    if (index > 0 && index % packetsPerTurn === 0) await setImmediate();
    if (!session.receive(frame)) return false;
    // The client does not read the answers to its packets.
    if (session.isOverwhelmed) return false;
  }
  return true;
}

/** @param mostPackets one more than these is decoded, so that too many can be told; the rest is not. */
function decodePayload(
  polling: PollingRequest,
  body: Uint8Array,
  mostPackets: number,
): readonly Frame[] | undefined {
  const { request, exchange, session } = polling;
  const isBinary = request.headers.get("content-type")?.startsWith("application/octet-stream") ?? false;
  if (isBinary) return session.version === 3 ? decodePayloadV3Binary(asBuffer(body), mostPackets) : undefined;
  const sent = readUtf8(body);
  const text = sent !== undefined && exchange.query.has("j") ? jsonpPayload(sent) : sent;
  if (text === undefined) return undefined;
  return session.version === 4 ? decodePayloadV4(text, mostPackets) : decodePayloadV3Text(text, mostPackets);
}
