// The browser side of the native dialect: websockets and event streams at one path. It judges who may come in (Origin,
// rooms, limits); member.ts and stream-client.ts have the client from there on.

import type { BrowserContext, BrowserSide } from "../dialect.ts";
import type { Exchange, Route } from "../../server/route.ts";
import type { CredentialError } from "../../proofs/credentials.ts";
import { answeringSubprotocol, credentialError, handshakeOf } from "../../proofs/credentials.ts";
import { anonymous } from "../../core/identity.ts";
import type { Identity } from "../../core/identity.ts";
import type { DisconnectReason } from "../../vocabulary/reasons.ts";
import type { RoomName } from "../../core/publication.ts";
import type { SocketHandler, StreamHandler } from "../../server/socket.ts";
import { textAnswer } from "../../base/http.ts";
import { RawConnection } from "../raw/raw-connection.ts";
import type { RawDialect } from "../raw/raw-connection.ts";
import { Refusals } from "../raw/refusals.ts";
import { clientRoutes } from "./client-bundle.ts";
import { faultOfStream, roomsOf } from "./asked-rooms.ts";
import { cursorOf, markOf, narrowed, readCursor } from "./cursor.ts";
import { createSocketFormat, createStreamFormat, eventOf, idLine } from "./format.ts";
import { Joins } from "./joins.ts";
import { StreamClient } from "./stream-client.ts";
import type { NativeStreams } from "./stream-client.ts";
import { Member } from "./member.ts";
import { MissedTexts } from "./missed-texts.ts";
import type { NativeOptions } from "./options.ts";
import { NativePresence } from "./presence.ts";
import type { NativeError } from "./packet.ts";
import { dialectName, gapMessage, mayRetry, refusedMessage, sentenceOf } from "./packet.ts";
import { judgeRoom, refuse } from "./rooms.ts";
import type { AskedRoom, Asking } from "./rooms.ts";

/** Two websocket pings and a half: who answered neither is gone. */
const pongTimeouts = 2.5;

const waysIn = `Expected a websocket, or a request for an event stream: it has the header "Accept: text/event-stream", as in
curl -N -H "Accept: text/event-stream" "http://.../connect?room=<name>"
`;

/** A stream that is refused for a while comes back after so long, ms. */
const refusedRetryMs = 5_000;

/** What both transports of one gateway share. */
interface Native {
  readonly context: BrowserContext;
  readonly sockets: RawDialect;
  readonly joins: Joins;
  readonly streams: NativeStreams;
  readonly refusals: Refusals;
}

export function createBrowserSide(context: BrowserContext, options: NativeOptions): BrowserSide {
  const heartbeatMs = options.heartbeat * 1000;
  const shared = { presence: new NativePresence(context), texts: new MissedTexts() };
  const sockets: RawDialect = {
    context,
    format: createSocketFormat(),
    clients: new Set(),
    pingIntervalMs: heartbeatMs,
    pongTimeoutMs: heartbeatMs * pongTimeouts,
    maxMessageBytes: options.maxMessage,
    closeCode,
  };
  const streams: NativeStreams = {
    context,
    ...shared,
    format: createStreamFormat(context.rules.hasHistory),
    clients: new Set(),
    heartbeatMs,
  };
  const refusals = new Refusals(context.observe, dialectName);
  const native = { context, sockets, joins: new Joins(context, shared), streams, refusals };
  context.recovery.onGap((rooms, only) => {
    if (rooms) tellGapIn(native, rooms, only);
    else tellGap(native);
  });
  return {
    routes: [createRoute(native, options.path), ...clientRoutes(options.path)],
    maxMessageBytes: options.maxMessage,
    shortestDelayMs: heartbeatMs,
    tick(now) {
      for (const client of sockets.clients) client.tick(now);
      for (const client of streams.clients) client.tick(now);
    },
    *clients() {
      yield* sockets.clients;
      yield* streams.clients;
    },
  };
}

/** In rooms with a log. @param only to these clients; undefined: to all in them */
function tellGapIn(
  { context, sockets, streams }: Native,
  rooms: readonly RoomName[],
  only: ReadonlySet<object> | undefined,
): void {
  for (const { namespace, room } of rooms) {
    const at = context.recovery.here(namespace, room);
    const gap = gapMessage(room, at);
    // A stream without a new place keeps the one that it has: its next return is told.
    const place = at === undefined ? "" : idLine(markOf(room, at, false));
    for (const member of context.hub.room(namespace, room)?.members() ?? []) {
      if (only?.has(member) === false) continue;
      const { format, carrier } = member;
      if (format === sockets.format) carrier.send([gap]);
      else if (format === streams.format) carrier.send([place + eventOf(gap, "gap")]);
    }
  }
}

/** In all other rooms, in one turn: in front of what comes next. It takes as long as one publication to all of them. */
function tellGap({ context, sockets, streams }: Native): void {
  const gap = gapMessage(undefined, context.recovery.here("/", undefined));
  for (const client of sockets.clients) if ((client.connection?.roomCount ?? 0) > 0) client.send(gap);
  for (const client of streams.clients) client.tellGap();
}

function createRoute(native: Native, path: string): Route {
  return {
    path,
    isPrefix: false,
    fetch: (request) => refusePlain(native, request),
    upgrade: (request, exchange) => openSocket(native, request, exchange),
    stream(request, exchange) {
      const accepts = request.headers.get("accept") ?? "";
      return accepts.includes("text/event-stream") ? openStream(native, request, exchange) : undefined;
    },
  };
}

function refusePlain({ refusals }: Native, request: Request): Response {
  if (request.method !== "GET" && request.method !== "HEAD")
    return refusals.refuse(
      "method_not_allowed",
      textAnswer(405, "Expected the method GET\n", { allow: "GET, HEAD" }),
    );
  const answer = textAnswer(426, waysIn, { upgrade: "websocket", connection: "Upgrade" });
  return refusals.refusePlain(request, "upgrade_required", answer);
}

function openSocket(
  { context, sockets, joins, refusals }: Native,
  request: Request,
  exchange: Exchange,
): SocketHandler | Response | Promise<SocketHandler> {
  if (!exchange.isOriginAllowed) return refusals.refuseOrigin(exchange);
  const asked = roomsOf(request, exchange);
  const release = context.admit(exchange.countedAs);
  if (!release) return refusals.refuseFull();
  const shown = context.credentials.ofHandshake(handshakeOf(request, exchange));
  const open = (who: Identity | CredentialError): SocketHandler =>
    new RawConnection(
      sockets,
      new Member({
        context,
        joins,
        asked,
        address: exchange.countedAs,
        who,
        protocol: answeringSubprotocol(request),
        release,
      }),
    );
  if (!shown) return open(anonymous);
  return shown.then((found) => open(found.kind === "identity" ? found : credentialError(found)));
}

function openStream(
  native: Native,
  request: Request,
  exchange: Exchange,
): StreamHandler | Response | Promise<StreamHandler | Response> {
  const { context } = native;
  if (!exchange.isOriginAllowed) return native.refusals.refuseOrigin(exchange);
  const headers = corsHeaders(context, exchange);
  const asked = roomsOf(request, exchange);
  const fault = faultOfStream(context, asked);
  if (fault) return native.refusals.refuse(fault.reason, textAnswer(400, fault.expected, headers));
  const release = context.admit(exchange.countedAs);
  if (!release)
    return retryLater(
      asked.map(({ room }) => tooMany(room)),
      headers,
    );
  const handshake = { request, exchange, asked, headers, release };
  const shown = context.credentials.ofHandshake(handshakeOf(request, exchange));
  if (!shown) return admitStream(native, handshake, anonymous);
  return shown.then((found) => {
    if (found.kind === "identity") return admitStream(native, handshake, found);
    release();
    return refuseCredential(native, handshake, credentialError(found));
  });
}

/** A request for a stream that has a place. */
interface StreamHandshake {
  readonly request: Request;
  readonly exchange: Exchange;
  readonly asked: readonly AskedRoom[];
  readonly headers: Readonly<Record<string, string>>;
  /** Gives back its place. */
  readonly release: () => void;
}

function admitStream(
  { context, streams }: Native,
  { request, exchange, asked, headers, release }: StreamHandshake,
  identity: Identity,
): StreamHandler | Response {
  const rooms: string[] = [];
  const refused: { readonly room: string; readonly code: NativeError }[] = [];
  for (const { room, fault } of asked) {
    const code = fault ? refuse(context, fault) : judgeStreamRoom(context, exchange, { room, identity });
    if (code === undefined) rooms.push(room);
    else refused.push({ room, code });
  }
  const refusals = refused.map(({ room, code }) => eventOf(refusedMessage(room, code), "refused"));
  if (rooms.length === 0) {
    release();
    return refuseAll(refused, refusals, headers);
  }
  const wanted = new Set(asked.filter(({ presence }) => presence).map(({ room }) => room));
  const watched = rooms.filter((room) => wanted.has(room) && streams.presence.isTold(room));
  const shown = readCursor(request.headers.get("last-event-id") ?? exchange.query.get("cursor"));
  const cursor = shown ?? cursorOf(asked.map(({ room, at }) => [room, at]));
  const names = asked.map(({ room }) => room);
  return new StreamClient(streams, {
    identity,
    rooms,
    watched,
    refusals,
    // A room that is refused now may be asked for again.
    cursor: cursor && narrowed(cursor, names),
    headers,
    address: exchange.countedAs,
    release,
  });
}

/** Nothing secret stands in a URL, so nothing is looked up, and the answer is there at once. */
function judgeStreamRoom(
  context: BrowserContext,
  exchange: Exchange,
  asking: Pick<Asking, "room" | "identity">,
): NativeError | undefined {
  const verdict = judgeRoom(context, {
    ...asking,
    secret: undefined,
    address: exchange.countedAs,
    client: exchange,
  });
  return verdict instanceof Promise ? "unavailable" : verdict;
}

/** Only what may be better in a moment is a stream that ends: an `EventSource` comes back from nothing else. */
function refuseCredential(
  { refusals }: Native,
  { asked, headers }: StreamHandshake,
  code: CredentialError,
): Response {
  const answer =
    code === "unavailable"
      ? retryLater(
          asked.map(({ room }) => eventOf(refusedMessage(room, code), "refused")),
          headers,
        )
      : textAnswer(401, `${sentenceOf(code)}\n`, headers);
  return refusals.refuse(code, answer);
}

function refuseAll(
  refused: readonly { readonly code: NativeError }[],
  refusals: readonly string[],
  headers: Readonly<Record<string, string>>,
): Response {
  if (refused.some(({ code }) => mayRetry(code))) return retryLater(refusals, headers);
  const [first] = refused;
  // A secret has no place in a URL, and a stream says nothing.
  const instead =
    first?.code === "secret_wrong" ? ": join over a websocket, or show a ticket or a token" : "";
  return textAnswer(403, `${first ? sentenceOf(first.code) : "Expected a room"}${instead}\n`, headers);
}

/** Counted by who gave no place. */
const tooMany = (room: string): string => eventOf(refusedMessage(room, "too_many_connections"), "refused");

/** An `EventSource` never comes back from another status than 200. */
function retryLater(refusals: readonly string[], headers: Readonly<Record<string, string>>): Response {
  const stream = {
    ...headers,
    "cache-control": "no-store",
    "content-type": "text/event-stream; charset=utf-8",
  };
  return new Response(`retry: ${refusedRetryMs}\n${refusals.join("")}`, { headers: stream });
}

/** One for all: each idle stream keeps it. */
const noOrigin: Readonly<Record<string, string>> = { vary: "Origin" };

/**
 * A page of a listed origin may read the stream; with its cookies where those say who comes, and then the config refuses `*`
 * (`new EventSource(url, { withCredentials: true })`).
 */
function corsHeaders(
  { credentials }: BrowserContext,
  { origin }: Exchange,
): Readonly<Record<string, string>> {
  if (origin === undefined) return noOrigin;
  const headers = { "access-control-allow-origin": origin, vary: "Origin" };
  return credentials.readsCookies ? { ...headers, "access-control-allow-credentials": "true" } : headers;
}

/** README.md says which of them mean: do not come back. */
const closeCodes = new Map<DisconnectReason, { readonly code: number; readonly reason: string }>([
  ["shutdown", { code: 1001, reason: "Shutting down" }],
  ["too_large", { code: 1009, reason: "Message too large" }],
  ["expired", { code: 4001, reason: "Token expired" }],
  ["denied", { code: 4501, reason: "Token refused" }],
  ["server", { code: 4500, reason: "Disconnected" }],
]);
const unavailable = { code: 4000, reason: "Unavailable" };

function closeCode(reason: DisconnectReason): { readonly code: number; readonly reason: string } {
  return closeCodes.get(reason) ?? unavailable;
}
