// The browser side of the ws4redis dialect: a websocket at `/ws/<facility>?subscribe-…` (compat section 7). Here are its
// routes and what its clients share; admission.ts judges the handshakes.

import type { BrowserContext, BrowserSide } from "../dialect.ts";
import type { Route } from "../../server/route.ts";
import type { DisconnectReason } from "../../vocabulary/reasons.ts";
import { isUpgrade, textAnswer, withoutEndSlashes } from "../../base/http.ts";
import { BatchedKeys } from "../raw/batched-keys.ts";
import { createRawBrowserSide } from "../raw/browser-side.ts";
import { createRawFormat } from "../raw/format.ts";
import { usualHeartbeat } from "../raw/raw-connection.ts";
import type { RawDialect } from "../raw/raw-connection.ts";
import { SharedSubscriptions } from "../raw/shared-subscriptions.ts";
import { Admission } from "./admission.ts";
import { legacyAudiences } from "./backend.ts";
import type { Decoder } from "./backend.ts";
import type { LastMessages } from "./last-messages.ts";
import { dialectName } from "./names.ts";
import type { Ws4redisOptions } from "./options.ts";
import { readFacility, readTokens } from "./query.ts";

/** W4R-09: how often a heartbeat is due at least. */
const heartbeatDueMs = 4_000;

/** What both sides share. */
export interface BrowserParts {
  readonly context: BrowserContext;
  readonly options: Ws4redisOptions;
  readonly decoder: Decoder;
  readonly lastMessages: LastMessages;
}

export function createBrowserSide({ context, options, decoder, lastMessages }: BrowserParts): BrowserSide {
  const dialect: RawDialect = {
    context,
    format: createRawFormat(dialectName),
    clients: new Set(),
    ...usualHeartbeat,
    maxMessageBytes: options.maxMessage,
    closeCode,
  };
  const admission = new Admission({
    context,
    options,
    dialect,
    lastMessages,
    legacyNames: new SharedSubscriptions(context, (name, payload) =>
      decoder.decode(legacyAudiences, name, payload),
    ),
    persistedMessages: new BatchedKeys(context.keys),
  });
  return createRawBrowserSide(dialect, {
    routes: [mountRoute(admission, options), strippedRoute(admission, options)],
    shortestDelayMs: options.heartbeat === undefined ? dialect.pingIntervalMs : heartbeatDueMs,
  });
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

/** `/<facility>`, from a proxy that cut off the path (RTE-07, W4R-01): only with one of the query's names. */
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
    fetch: () => textAnswer(404, "Not found\n"),
    upgrade: (request, exchange) =>
      admission.judge(request, exchange, readFacility(exchange.path.slice(start))),
  };
}

/** W4R-12. */
function closeCode(reason: DisconnectReason): { readonly code: number; readonly reason: string } {
  if (reason === "too_large") return { code: 1009, reason: "Message too large" };
  if (reason === "expired") return { code: 1008, reason: "Identity expired" };
  if (reason === "denied") return { code: 1008, reason: "Identity refused" };
  return { code: 1001, reason: "Websocket Closed" };
}
