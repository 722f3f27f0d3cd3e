// The browser side of the ws4redis dialect: a websocket at `/ws/<facility>?subscribe-…` (compat section 7). Here are its
// routes and what its clients share; admission.ts judges who may come in.

import type { BrowserContext, BrowserSide, Route } from "../../core/dialect.ts";
import type { DisconnectReason } from "../../core/disconnect.ts";
import { isUpgrade, textAnswer, withoutEndSlashes } from "../../core/http.ts";
import type { RawDialect } from "../raw/raw-connection.ts";
import { createRawClock } from "../raw/clock.ts";
import { createRawFormat } from "../raw/format.ts";
import { Admission } from "./admission.ts";
import { readFacility, readTokens } from "./channels.ts";
import { KeptMessages } from "./kept-messages.ts";
import { LegacyNames } from "./legacy-names.ts";
import type { Messages, Speakers } from "./messages.ts";
import { dialectName } from "./names.ts";
import type { Ws4redisOptions } from "./options.ts";

/** W4R-09: uWSGI's interval. */
const pingIntervalMs = 30_000;
/** Two pings and a half: who answered neither is gone. */
const pongTimeoutMs = 75_000;

/** What both sides share. */
export interface BrowserParts {
  readonly context: BrowserContext;
  readonly options: Ws4redisOptions;
  readonly messages: Messages;
  readonly speakers: Speakers;
}

export function createBrowserSide({ context, options, messages, speakers }: BrowserParts): BrowserSide {
  const dialect: RawDialect = {
    context,
    format: createRawFormat(dialectName),
    clients: new Set(),
    pingIntervalMs,
    pongTimeoutMs,
    maxMessageBytes: options.maxMessage,
    closeCode,
  };
  const legacyNames = new LegacyNames(context, messages);
  const keptMessages = new KeptMessages(context.keys);
  const admission = new Admission({ context, options, legacyNames, keptMessages, speakers, dialect });
  return {
    routes: [mountRoute(admission, options), strippedRoute(admission, options)],
    maxMessageBytes: options.maxMessage,
    shortestDelayMs: options.heartbeat === undefined ? pingIntervalMs : 4_000,
    tick: createRawClock(dialect.clients, context.now()),
    clients: () => dialect.clients,
  };
}

/** `/ws/<facility>`; `/ws` itself is no facility's path (RTE-02). */
function mountRoute(admission: Admission, { path, takeBare }: Ws4redisOptions): Route {
  const mount = withoutEndSlashes(path);
  return {
    path: mount,
    isPrefix: true,
    judgesHandshake: true,
    accepts(_request, exchange) {
      if (exchange.path === mount) return "no";
      if (readTokens(exchange.query).size > 0) return "yes";
      return takeBare && exchange.path !== `${mount}/` ? "likely" : "otherwise";
    },
    fetch: (request) => admission.refusePlain(request),
    upgrade: (request, exchange) =>
      admission.judge(request, exchange, readFacility(exchange.path.slice(mount.length + 1))),
  };
}

/** `/<facility>`, from a proxy that cut off the path (RTE-07, W4R-01): only what shows by its query that it is for us. */
function strippedRoute(admission: Admission, { path, keepLeadingSlash }: Ws4redisOptions): Route {
  const mount = withoutEndSlashes(path);
  const start = keepLeadingSlash ? 0 : 1;
  return {
    path: "",
    isPrefix: true,
    judgesHandshake: true,
    accepts(request, exchange) {
      const isOurs = exchange.path !== mount && readTokens(exchange.query).size > 0;
      return isOurs && isUpgrade(request) ? "yes" : "no";
    },
    // Never asked: it takes upgrades alone.
    fetch: notFound,
    upgrade: (request, exchange) =>
      admission.judge(request, exchange, readFacility(exchange.path.slice(start))),
  };
}

function notFound(): Response {
  return textAnswer(404, "Not found\n");
}

/** W4R-12. */
function closeCode(reason: DisconnectReason): { readonly code: number; readonly reason: string } {
  if (reason === "too_large") return { code: 1009, reason: "Message too large" };
  if (reason === "expired") return { code: 1008, reason: "Identity expired" };
  return { code: 1001, reason: "Websocket Closed" };
}
