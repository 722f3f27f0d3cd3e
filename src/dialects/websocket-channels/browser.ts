// The browser side of the websocket-channels dialect: a websocket at `/ws/<channel>` (compat section 9). It turns the
// path into a channel, admits the client, and publishes what the client says; everyone on the channel, the sender
// too, hears that through Redis and the hub (backend.ts).

import type { BrowserContext, BrowserSide, Exchange, Route } from "../../core/dialect.ts";
import type { DisconnectReason } from "../../core/disconnect.ts";
import { hasLostUpgrade, hintAtOrigin, hintAtUpgrade } from "../../core/hints.ts";
import { GatewayError } from "../../core/errors.ts";
import { anonymous } from "../../core/identity.ts";
import { isUpgrade, textAnswer, withoutEndSlashes } from "../../core/http.ts";
import { RawConnection } from "../raw/raw-connection.ts";
import type { RawConnectionParts, RawDialect } from "../raw/raw-connection.ts";
import { createRawClock } from "../raw/clock.ts";
import { createRawFormat } from "../raw/format.ts";
import type { Frame, SocketHandler } from "../../core/carrier.ts";
import type { WebsocketChannelsOptions } from "./options.ts";
import { ancestorsOf, decodePath, dialectName, maxSegments, readChannel, redisPrefix } from "./packet.ts";

/** WSC-10. */
const pingIntervalMs = 30_000;
/** Two pings and a half: who answered neither is gone (WSC-10). */
const pongTimeoutMs = 75_000;

/** What all clients of one gateway share. */
interface Channels {
  readonly context: BrowserContext;
  readonly options: WebsocketChannelsOptions;
  readonly dialect: RawDialect;
}

export function createBrowserSide(context: BrowserContext, options: WebsocketChannelsOptions): BrowserSide {
  const clients = new Set<RawConnection>();
  const dialect: RawDialect = {
    context,
    format: createRawFormat(dialectName),
    clients,
    pingIntervalMs,
    pongTimeoutMs,
    maxMessageBytes: options.maxMessage,
    closeCode,
  };
  const channels = { context, options, dialect };
  const mount = withoutEndSlashes(options.path);
  return {
    routes: [
      ...(mount === "" ? [] : [mountRoute(channels, mount)]),
      ...(options.root || mount === "" ? [rootRoute(channels)] : []),
    ],
    maxMessageBytes: options.maxMessage,
    shortestDelayMs: pingIntervalMs,
    tick: createRawClock(clients, context.now()),
    clients: () => clients,
  };
}

/** `/ws/<channel>`; `/ws` itself is no channel's path (RTE-02). */
function mountRoute(channels: Channels, mount: string): Route {
  return {
    path: mount,
    isPrefix: true,
    accepts(_request, { path, query }) {
      if (path === mount) return "no";
      // ws4redis on the same port knows its own parameters; no others mean anything here (RTE-02, RTE-03).
      return hasFacilityToken(query) ? "otherwise" : "yes";
    },
    fetch(request) {
      const { observe } = channels.context;
      const isLost = hasLostUpgrade(request);
      if (isLost) hintAtUpgrade(observe, dialectName);
      // Whatever the method (RTE-04, WSC-09).
      observe.refused(dialectName, isLost ? "upgrade_missing" : "upgrade_required");
      return textAnswer(426, "Expected a websocket handshake\n", {
        upgrade: "websocket",
        connection: "Upgrade",
      });
    },
    upgrade: (_request, exchange) => admit(channels, exchange, exchange.path.slice(mount.length + 1)),
  };
}

/** `/<channel>`, behind everybody else on the port (RTE-01, RTE-07). */
function rootRoute(channels: Channels): Route {
  return {
    path: "",
    isPrefix: true,
    accepts: (request) => (isUpgrade(request) ? "otherwise" : "no"),
    // Never asked: what is no upgrade is for the backend side, if for anyone.
    fetch: () => textAnswer(404, "Not found\n"),
    upgrade: (_request, exchange) => admit(channels, exchange, exchange.path.slice(1)),
  };
}

/** The parameters that make a handshake below `/ws/` one of ws4redis (W4R-02). */
const facilityToken = /^((subscribe|publish)-(broadcast|user|group|session)|echo)$/;

function hasFacilityToken(query: URLSearchParams): boolean {
  for (const name of query.keys()) if (facilityToken.test(name.trim().toLowerCase())) return true;
  return false;
}

/** @param encoded the name as it stands in the path. */
function admit(channels: Channels, exchange: Exchange, encoded: string): SocketHandler | Response {
  const { context, options, dialect } = channels;
  const { limits, observe } = context;
  const refuse = (status: number, reason: string, sentence: string): Response => {
    observe.refused(dialectName, reason);
    return textAnswer(status, `${sentence}\n`, status === 503 ? { "retry-after": "1" } : {});
  };
  if (options.checkOrigin && !exchange.isOriginAllowed) {
    hintAtOrigin(observe, dialectName, exchange);
    return refuse(403, "origin", "Expected an origin that may connect");
  }
  const name = decodePath(encoded);
  const channel = name === undefined ? "name_invalid" : readChannel(name, limits.nameBytes);
  if (typeof channel === "string") {
    const bounds = `${limits.nameBytes} bytes and ${maxSegments} segments`;
    return refuse(400, channel, `Expected a channel in UTF-8 of at most ${bounds}`);
  }
  const { path } = channel;
  if (ancestorsOf(path).length >= limits.roomsPerConnection) {
    return refuse(400, "too_many_rooms", `Expected fewer than ${limits.roomsPerConnection} segments`);
  }
  // The same words for both: which of them it was is nobody's business (T16).
  const closed = "Expected a channel that anyone may join";
  const shown = { identity: anonymous, secret: undefined, address: exchange.countedAs, client: exchange };
  const verdict = context.access.enter({ namespace: "/", room: path, ...shown });
  if (verdict !== "allowed")
    return refuse(403, verdict === "secret_wrong" ? "secret_needed" : verdict, closed);
  const release = context.admit(exchange.countedAs);
  if (!release) return refuse(503, "too_many_connections", "Expected fewer connections");
  return new RawConnection(dialect, new Place(context, path, release));
}

/** One client's place on its channel. A class, because it is all that an idle client costs beside its connection. */
class Place implements RawConnectionParts {
  readonly release: () => void;
  readonly #context: BrowserContext;
  readonly #channel: string;

  constructor(context: BrowserContext, channel: string, release: () => void) {
    this.#context = context;
    this.#channel = channel;
    this.release = release;
  }

  /** The root channel is reached as part of the tree alone (WSC-04). */
  get rooms(): readonly string[] {
    return this.#channel === "" ? [] : [this.#channel];
  }

  get trees(): readonly string[] {
    return ancestorsOf(this.#channel);
  }

  /** WSC-02. What Redis does not take at once is lost: it is never sent late. */
  heard(_client: RawConnection, frame: Frame): void {
    if (frame.length === 0) return;
    const { rules, voice, observe } = this.#context;
    if (rules.ruleOf(this.#channel).publish === "none") {
      observe.refused(dialectName, "publish_closed");
      return;
    }
    voice.say(`${redisPrefix}${this.#channel}`, frame).catch((error: unknown) => {
      if (error instanceof GatewayError) observe.refused(dialectName, error.code);
      else observe.report("channel_publish", error);
    });
  }
}

function closeCode(reason: DisconnectReason): { readonly code: number; readonly reason: string } {
  if (reason === "too_large") return { code: 1009, reason: "Message too large" };
  return reason === "shutdown" ? { code: 1001, reason: "Shutting down" } : { code: 1000, reason: "" };
}
