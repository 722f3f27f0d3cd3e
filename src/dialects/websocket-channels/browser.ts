// The browser side of the websocket-channels dialect: a websocket at `/ws/<channel>` (compat section 9). It turns the path
// into a channel and admits the client (client.ts).

import type { BrowserContext, BrowserSide } from "../dialect.ts";
import type { Exchange, Route } from "../../server/route.ts";
import type { DisconnectReason } from "../../vocabulary/reasons.ts";
import { isUpgrade, textAnswer, withoutEndSlashes } from "../../base/http.ts";
import { answeringSubprotocol, handshakeOf } from "../../proofs/credentials.ts";
import { anonymous } from "../../core/identity.ts";
import { createRawBrowserSide } from "../raw/browser-side.ts";
import { createRawFormat } from "../raw/format.ts";
import { RawConnection, usualHeartbeat } from "../raw/raw-connection.ts";
import type { RawDialect } from "../raw/raw-connection.ts";
import { admitProven, isCookieShown } from "../raw/proof.ts";
import { Refusals } from "../raw/refusals.ts";
import { ChannelClient } from "./client.ts";
import type { ChannelClientParts } from "./client.ts";
import { ancestorsOf, decodePath, dialectName, maxSegments, readChannel } from "./names.ts";
import type { WebsocketChannelsOptions } from "./options.ts";

/** What handshakes are judged with. */
interface Endpoint {
  readonly context: BrowserContext;
  readonly options: WebsocketChannelsOptions;
  readonly dialect: RawDialect;
  readonly refusals: Refusals;
}

export function createBrowserSide(context: BrowserContext, options: WebsocketChannelsOptions): BrowserSide {
  const dialect: RawDialect = {
    context,
    format: createRawFormat(dialectName),
    clients: new Set(),
    ...usualHeartbeat,
    maxMessageBytes: options.maxMessage,
    closeCode,
  };
  const refusals = new Refusals(context.observe, dialectName);
  const endpoint = { context, options, dialect, refusals };
  const mount = withoutEndSlashes(options.path);
  return createRawBrowserSide(dialect, {
    routes: [
      ...(mount === "" ? [] : [mountRoute(endpoint, mount)]),
      ...(options.root || mount === "" ? [rootRoute(endpoint)] : []),
    ],
  });
}

/** `/ws/<channel>`; `/ws` itself is no channel's path (RTE-02). */
function mountRoute(endpoint: Endpoint, mount: string): Route {
  return {
    path: mount,
    isPrefix: true,
    // A channel has no parameters: other dialects on the port know theirs (RTE-02, RTE-03).
    accepts: (_request, { path }) => (path === mount ? "no" : "likely"),
    // The same for every method (RTE-04, WSC-09).
    fetch(request) {
      const headers = { upgrade: "websocket", connection: "Upgrade" };
      const answer = textAnswer(426, "Expected a websocket handshake\n", headers);
      return endpoint.refusals.refusePlain(request, "upgrade_required", answer);
    },
    upgrade: (request, exchange) =>
      judge(endpoint, { request, exchange }, exchange.path.slice(mount.length + 1)),
  };
}

/** `/<channel>`, behind everything else on the port (RTE-01, RTE-07). */
function rootRoute(endpoint: Endpoint): Route {
  return {
    path: "",
    isPrefix: true,
    accepts: (request) => (isUpgrade(request) ? "otherwise" : "no"),
    // Never asked: requests without an upgrade are for the backend side, if for any.
    fetch: () => textAnswer(404, "Not found\n"),
    upgrade: (request, exchange) => judge(endpoint, { request, exchange }, exchange.path.slice(1)),
  };
}

interface Handshake {
  readonly request: Request;
  readonly exchange: Exchange;
}

type Answer = RawConnection | Response;

/** @param encoded the channel as it stands in the path. */
function judge(endpoint: Endpoint, handshake: Handshake, encoded: string): Answer | Promise<Answer> {
  const { context, options, refusals } = endpoint;
  const { request, exchange } = handshake;
  const checksOrigin = options.checkOrigin || isCookieShown(context.credentials, request);
  if (checksOrigin && !exchange.isOriginAllowed) return refusals.refuseOrigin(exchange);
  const channel = channelOf(endpoint, encoded);
  if (channel instanceof Response) return channel;
  const release = context.admit(exchange.countedAs);
  if (!release) return refusals.refuseFull();
  const shown = context.credentials.ofHandshake(handshakeOf(request, exchange));
  return admitProven({ shown, refusals, release }, (identity) =>
    admit(endpoint, handshake, { channel, identity, release }),
  );
}

/** @returns its path, or what is wrong with it. */
function channelOf({ context, refusals }: Endpoint, encoded: string): string | Response {
  const { nameBytes, roomsPerConnection } = context.limits;
  const name = decodePath(encoded);
  const channel = name === undefined ? "name_invalid" : readChannel(name, nameBytes);
  if (typeof channel === "string") {
    const text = `Expected a channel in UTF-8 of at most ${nameBytes} bytes and ${maxSegments} segments\n`;
    return refusals.refuse(channel, textAnswer(400, text));
  }
  if (ancestorsOf(channel.path).length < roomsPerConnection) return channel.path;
  const text = `Expected fewer than ${roomsPerConnection} segments\n`;
  return refusals.refuse("too_many_rooms", textAnswer(400, text));
}

function admit(
  { context, dialect, refusals }: Endpoint,
  { request, exchange }: Handshake,
  parts: Omit<ChannelClientParts, "protocol" | "address">,
): Answer {
  const { channel: room, identity = anonymous } = parts;
  const asked = { identity, secret: undefined, address: exchange.countedAs, client: exchange };
  const verdict = context.access.judge({ namespace: "/", room, ...asked });
  if (verdict !== "allowed") {
    // The same words for each verdict: they must not tell which rooms exist (T16).
    const answer = textAnswer(403, "Expected a channel that anyone may join\n");
    return refusals.refuse(verdict === "secret_wrong" ? "secret_needed" : verdict, answer);
  }
  const protocol = parts.identity && answeringSubprotocol(request);
  return new RawConnection(
    dialect,
    new ChannelClient(context, { ...parts, address: exchange.countedAs, protocol }),
  );
}

function closeCode(reason: DisconnectReason): { readonly code: number; readonly reason: string } {
  if (reason === "too_large") return { code: 1009, reason: "Message too large" };
  if (reason === "expired") return { code: 4001, reason: "Token expired" };
  if (reason === "denied") return { code: 4501, reason: "Token refused" };
  return reason === "shutdown" ? { code: 1001, reason: "Shutting down" } : { code: 1000, reason: "" };
}
