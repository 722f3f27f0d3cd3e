// The HTTP doors of backends: `POST /publish` with a map of channels to messages (WSC-06), and in root mode
// `POST /<channel>` with a bare message (WSC-07). Who may publish is judged first; everything is checked before
// anything is published; delivery comes back through `websocket:*`, on every gateway alike.

import { readBody } from "../../codec/body.ts";
import { readObject, readString } from "../../codec/json.ts";
import { readJsonText } from "../../codec/utf8.ts";
import type { BackendContext, Exchange, Route } from "../../core/dialect.ts";
import { GatewayError } from "../../core/errors.ts";
import { bearerToken, isUpgrade, textAnswer } from "../../core/http.ts";
import type { Outgoing } from "../../core/publication.ts";
import type { WebsocketChannelsOptions } from "./options.ts";
import { backendMark, decodePath, dialectName, maxSegments, readAddress, redisPrefix } from "./packet.ts";

type PublishOptions = Pick<WebsocketChannelsOptions, "openPublish">;

/** What a request wants to say, or a GatewayError that says why it is not understood. */
type Reader = (request: Request, exchange: Exchange) => Promise<readonly Outgoing[]>;

/** Python nests a thousand levels, too (T9). */
const bounds = { maxDepth: 1_000, maxItems: 1_000 } as const;

/** `POST /publish`. */
export function publishRoute(context: BackendContext, options: PublishOptions): Route {
  const door = createDoor(context, options, async (request) => readMap(context, request));
  return { path: "/publish", isPrefix: false, fetch: door };
}

/** `POST /<channel>`, behind everybody else on the port (RTE-01). */
export function rootPublishRoute(context: BackendContext, options: PublishOptions): Route {
  const door = createDoor(context, options, async (request, { path }) => {
    const channel = channelOf(context, decodePath(path.slice(1)));
    return [{ channel, payload: await readMessage(context, request) }];
  });
  return {
    path: "",
    isPrefix: true,
    accepts: (request) => (isUpgrade(request) ? "no" : "otherwise"),
    fetch(request, exchange) {
      if (withoutLeadingSlashes(exchange.path) !== "") return door(request, exchange);
      // There is no channel to speak to (WSC-07).
      context.observe.refused(dialectName, "method_not_allowed");
      return textAnswer(405, "Expected a channel in the path\n", { allow: "OPTIONS" });
    },
  };
}

function createDoor(context: BackendContext, options: PublishOptions, read: Reader): Route["fetch"] {
  const { observe } = context;
  return async (request, exchange) => {
    if (request.method === "OPTIONS") return textAnswer(200, "", allowed);
    if (request.method !== "POST") {
      observe.refused(dialectName, "method_not_allowed");
      return textAnswer(405, "Expected the method POST\n", allowed);
    }
    const refusal = await judge(context, options, { request, exchange });
    if (refusal) return refusal;
    try {
      const messages = await read(request, exchange);
      // In open mode anyone may have sent them.
      await publish(context, options.openPublish ? messages : messages.flatMap(withMarked));
      return textAnswer(200, "OK");
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      observe.refused(dialectName, error.code);
      return textAnswer(error.status, `${error.message}\n`);
    }
  };
}

/** The token, or in open mode the origin: any page could post to a gateway of the same machine (WSC-08, SEC-11). */
async function judge(
  { checkSecret, observe }: BackendContext,
  { openPublish }: PublishOptions,
  { request, exchange }: { readonly request: Request; readonly exchange: Exchange },
): Promise<Response | undefined> {
  if (openPublish) {
    if (exchange.isOriginAllowed) return undefined;
    observe.refused(dialectName, "origin");
    return textAnswer(403, "Expected an origin that may publish\n");
  }
  const verdict = (await checkSecret?.(bearerToken(request), exchange.countedAs)) ?? "wrong";
  if (verdict === "right") return undefined;
  if (verdict === "limited") {
    observe.refused(dialectName, "secret_limited");
    return textAnswer(429, "Expected fewer wrong secrets\n");
  }
  observe.refused(dialectName, "secret_wrong");
  return textAnswer(401, "Expected the header Authorization with Bearer and the publish secret\n", {
    "www-authenticate": "Bearer",
  });
}

/** Takes any Content-Type, so that plain `curl -d` works (WSC-06). */
async function readMessage({ limits }: BackendContext, request: Request): Promise<Buffer> {
  const encoding = request.headers.get("content-encoding")?.trim().toLowerCase() ?? "identity";
  if (encoding !== "identity") {
    throw new GatewayError("content_encoding", "Expected a body without Content-Encoding");
  }
  const maxBytes = Math.min(limits.httpBodyBytes, limits.busMessageBytes);
  const body = await readBody(request, maxBytes).catch((cause: unknown) => {
    throw new GatewayError("body_invalid", "Expected a complete body", { cause });
  });
  if (!body) throw new GatewayError("body_too_large", `Expected a body of at most ${maxBytes} bytes`);
  return body;
}

/** The pairs in the order of the text; a repeated name has its last value at its first place (WSC-06). */
async function readMap(context: BackendContext, request: Request): Promise<readonly Outgoing[]> {
  const body = await readMessage(context, request);
  const json = readJsonText(body);
  const members = json === undefined ? undefined : readObject(json, bounds);
  if (!members) {
    const { maxDepth, maxItems } = bounds;
    const text = `Expected a JSON object in UTF-8 of at most ${maxItems} members and ${maxDepth} levels`;
    throw new GatewayError("body_invalid", text);
  }
  // What is no string goes out as its JSON text, digit for digit.
  return [...members].map(([name, raw]) => ({
    channel: channelOf(context, name),
    payload: readString(raw) ?? raw,
  }));
}

/**
 * The Redis channel of a name. Slashes in front mean nothing: two of them are a base path too many, and one alone would
 * be everyone in Redis (WSC-07).
 */
function channelOf({ limits }: BackendContext, name: string | undefined): string {
  const rest = name && withoutLeadingSlashes(name);
  if (rest === "") throw new GatewayError("body_invalid", "Expected a channel, got an empty name");
  if (rest !== undefined && typeof readAddress(rest, limits.nameBytes) !== "string") {
    return `${redisPrefix}${rest}`;
  }
  const bound = `${limits.nameBytes} bytes and ${maxSegments} segments`;
  throw new GatewayError("body_invalid", `Expected channels in UTF-8 of at most ${bound}`);
}

function withoutLeadingSlashes(name: string): string {
  return name.replace(/^\/+/, "");
}

/** A message with the secret is a backend's: it is for the clients of every dialect (backend.ts). */
function withMarked({ channel, payload }: Outgoing): readonly Outgoing[] {
  const name = channel.slice(redisPrefix.length);
  const isTree = name.endsWith("/");
  const marked = { channel: `${redisPrefix}${backendMark}${name}`, payload };
  return isTree ? [{ channel, payload }] : [{ channel, payload }, marked];
}

/** All in one turn: the bus keeps their order. */
async function publish({ bus }: BackendContext, messages: readonly Outgoing[]): Promise<void> {
  if (!bus.state().isReady) throw unavailable();
  const sent = await Promise.allSettled(
    messages.map(async ({ channel, payload }) => bus.publish(channel, payload)),
  );
  const failed = sent.find((result) => result.status === "rejected");
  if (failed) throw unavailable(failed.reason);
}

/** The bus itself says more, with addresses: that is not for the caller. */
function unavailable(cause?: unknown): GatewayError {
  return new GatewayError("bus_unavailable", "Expected the message bus to be ready, got one that is not", {
    cause,
  });
}

const allowed = { allow: "OPTIONS, POST" } as const;
