// Answers of the Engine.IO endpoint over HTTP: error bodies in node's form (EIO-15), CORS (EIO-18), payloads in
// the form that the client takes (EIO-08, EIO-09, EIO-21), compressed where that pays (EIO-20).

import { acceptedEncodings } from "../../../base/http.ts";
import { promisify } from "node:util";
import { deflate, gzip } from "node:zlib";
import type { Exchange } from "../../../server/route.ts";
import { bodyOf } from "./poll-answer.ts";
import type { Sending } from "./poll-answer.ts";

/** Code, message and status of every refusal (EIO-15). The message is fixed: no input is reflected (SEC-05). */
const refusals = {
  transport_unknown: [0, "Transport unknown", 400],
  session_unknown: [1, "Session ID unknown", 400],
  handshake_method: [2, "Bad handshake method", 400],
  bad_request: [3, "Bad request", 400],
  origin_refused: [3, "Bad request", 400],
  upgrade_missing: [3, "Bad request", 400],
  forbidden: [4, "Forbidden", 403],
  version_unsupported: [5, "Unsupported protocol version", 400],
  payload_too_large: [3, "Payload too large", 413],
} as const;

export type Refusal = keyof typeof refusals;

const fixedHeaders = { "cache-control": "no-store", "x-content-type-options": "nosniff" } as const;

export function refusalResponse(refusal: Refusal, exchange: Exchange): Response {
  const [code, message, status] = refusals[refusal];
  const headers = { ...fixedHeaders, ...corsHeaders(exchange), "content-type": "application/json" };
  return new Response(JSON.stringify({ code, message }), { status, headers });
}

/** Reflected with credentials, because v1 and v2 browsers send credentialed requests; none for a refused Origin. */
function corsHeaders(exchange: Exchange): Record<string, string> {
  const { origin, isOriginAllowed } = exchange;
  if (origin === undefined) return { vary: "Origin" };
  if (!isOriginAllowed) return {};
  return {
    "access-control-allow-origin": origin,
    "access-control-allow-credentials": "true",
    vary: "Origin",
  };
}

export function preflightResponse(request: Request, exchange: Exchange): Response {
  const asked = request.headers.get("access-control-request-headers");
  const headers: Record<string, string> = {
    ...fixedHeaders,
    ...corsHeaders(exchange),
    "access-control-allow-methods": "OPTIONS, GET, POST",
  };
  if (asked !== null) headers["access-control-allow-headers"] = asked;
  return new Response(null, { status: 200, headers });
}

export interface PayloadAnswer {
  readonly body: string | Buffer<ArrayBuffer>;
  /** JSONP callback number, where the client asked for that form. */
  readonly jsonp: string | undefined;
  readonly cookie: string | undefined;
  /** Is told when it was sent. */
  readonly sending?: Sending | undefined;
}

/** A polling payload, or the `ok` of a POST. */
export async function payloadResponse(
  request: Request,
  exchange: Exchange,
  answer: PayloadAnswer,
): Promise<Response> {
  const headers: Record<string, string> = { ...fixedHeaders, ...corsHeaders(exchange) };
  if (answer.cookie !== undefined) headers["set-cookie"] = answer.cookie;
  let { body } = answer;
  if (answer.jsonp !== undefined) {
    body = jsonpBody(answer.jsonp, body.toString());
    headers["content-type"] = "text/javascript; charset=UTF-8";
  } else {
    headers["content-type"] =
      typeof body === "string" ? "text/plain; charset=UTF-8" : "application/octet-stream";
  }
  const packed = await compress(request, body);
  if (packed) headers["content-encoding"] = packed.encoding;
  const bytes = packed?.bytes ?? body;
  return new Response(answer.sending ? bodyOf(bytes, answer.sending) : bytes, { headers });
}

/** Smaller answers are not worth compressing (EIO-20). */
const compressFrom = 1024;
const gzipAsync = promisify(gzip);
const deflateAsync = promisify(deflate);

async function compress(
  request: Request,
  body: string | Buffer<ArrayBuffer>,
): Promise<{ encoding: string; bytes: Buffer<ArrayBuffer> } | undefined> {
  if (body.length < compressFrom) return undefined;
  const takes = acceptedEncodings(request);
  if (takes("gzip")) return { encoding: "gzip", bytes: Buffer.from(await gzipAsync(body)) };
  if (takes("deflate")) return { encoding: "deflate", bytes: Buffer.from(await deflateAsync(body)) };
  return undefined;
}

/** A JavaScript string literal, also where old engines end lines at U+2028 and U+2029 (EIO-21). */
function jsonpBody(index: string, payload: string): string {
  const literal = JSON.stringify(payload)
    .replaceAll("\u2028", "\\u2028")
    .replaceAll("\u2029", "\\u2029")
    .replaceAll("<", "\\u003c");
  return `___eio[${index}](${literal});`;
}

/** The payload of a JSONP POST: form field `d`, its backslash-n pairs are line feeds (EIO-21). */
export function jsonpPayload(body: string): string | undefined {
  // One `?` in front is left out by the reader of forms, so that a `?` of the body's own stays.
  const data = new URLSearchParams(`?${body}`).get("d");
  return data?.replaceAll(/(\\)?\\n/g, (match, escaped?: string) =>
    escaped === undefined ? "\n" : match.slice(1),
  );
}
