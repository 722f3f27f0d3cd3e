// The browser side of the ws-hub dialect: one plain websocket per key. It judges handshakes, keeps the roster of keys,
// announces each client, and publishes what clients say. Groups come from backend.ts, through the hub.

import type { BrowserContext, BrowserSide, Exchange, Route } from "../../core/dialect.ts";
import type { DisconnectReason } from "../../core/disconnect.ts";
import { hasLostUpgrade, hintAtOrigin, hintAtUpgrade } from "../../core/hints.ts";
import { textAnswer, withoutEndSlashes } from "../../core/http.ts";
import { RawConnection } from "../raw/raw-connection.ts";
import type { RawDialect } from "../raw/raw-connection.ts";
import { createRawClock } from "../raw/clock.ts";
import { BucketTable } from "../../core/rate-limit.ts";
import { createRawFormat } from "../raw/format.ts";
import { Announcer } from "./announcer.ts";
import { handshakeFault, isKey, presentedKey } from "./key.ts";
import type { WsHubOptions } from "./options.ts";
import type { Clients } from "./key-parts.ts";
import { KeyParts } from "./key-parts.ts";
import { Roster } from "./roster.ts";
import { statusRoutes } from "./status.ts";
import { WriteWatch } from "./write-watch.ts";

/** Connections of one key that may come at once: a page that is reloaded, a flaky network. */
const keyBurst = 10;
/** Keys whose rate is remembered. */
const maxKeys = 50_000;

/** Of these, so many are looked at per turn of the clock. */
const keysPerTick = 1_000;

/** What handshakes are judged with. */
interface Door extends Clients {
  readonly dialect: RawDialect;
  readonly keyRates: BucketTable;
}

export function createBrowserSide(context: BrowserContext, options: WsHubOptions): BrowserSide {
  const door = createDoor(context, options);
  const { dialect, announcer, roster, keyRates, writeWatch } = door;
  const { adminToken } = options;
  const checkToken = adminToken === undefined ? undefined : context.guardSecret(adminToken);
  const tickClients = createRawClock(dialect.clients, context.now());
  return {
    routes: [...socketRoutes(door), ...statusRoutes(roster, checkToken, context.observe)],
    maxMessageBytes: options.maxMessageSize,
    // The time that an answer to a ping has, or a client to read.
    shortestDelayMs: Math.min(options.pongWait * 1_000 - dialect.pingIntervalMs, options.writeWait * 1_000),
    tick(now) {
      announcer.tick(now);
      keyRates.forget(now, keysPerTick);
      tickClients(now);
      writeWatch.tick(now);
    },
    clients: () => dialect.clients,
  };
}

function createDoor(context: BrowserContext, options: WsHubOptions): Door {
  const roster = new Roster();
  const { channelPrefix, connectsPerKey, maxMessageSize, pongWait, writeWait } = options;
  const clients = new Set<RawConnection>();
  return {
    context,
    options,
    roster,
    announcer: new Announcer({ context, channelPrefix, roster }),
    writeWatch: new WriteWatch(clients, writeWait),
    keyRates: new BucketTable({ perSecond: connectsPerKey / 60, burst: keyBurst }, maxKeys),
    dialect: {
      context,
      format: createRawFormat("ws-hub"),
      clients,
      // HUB-11: nine tenths of the wait, on a clock of our own.
      pingIntervalMs: pongWait * 900,
      pongTimeoutMs: pongWait * 1_000,
      maxMessageBytes: maxMessageSize,
      closeCode,
    },
  };
}

/** HUB-13: never 1000, on which some clients do not come back. */
function closeCode(reason: DisconnectReason): { code: number; reason: string } {
  if (reason === "replaced") return { code: 4000, reason: "replaced" };
  if (reason === "no_groups") return { code: 4003, reason: "no groups" };
  if (reason === "too_large") return { code: 1009, reason: "message too large" };
  return { code: 1001, reason: reason === "shutdown" ? "shutting down" : "closed by a backend" };
}

/** `/ws` is ours; `/ws/` too, unless it has no key and another dialect wants it (RTE-02). */
function socketRoutes(door: Door): readonly Route[] {
  const path = withoutEndSlashes(door.options.serverUrl);
  const route: Route = {
    path: path === "" ? "/" : path,
    isPrefix: false,
    judgesHandshake: true,
    // Without an upgrade (RTE-04).
    fetch(request) {
      const status = request.method === "GET" ? 400 : 405;
      if (status === 405 || !hasLostUpgrade(request)) return refuseHandshake(door, status);
      hintAtUpgrade(door.context.observe, "ws-hub");
      return refuseHandshake(door, status, "upgrade_missing");
    },
    upgrade: (request, exchange) => judge(door, request, exchange),
  };
  if (path === "") return [route];
  const hasKey: Route["accepts"] = (request, exchange) =>
    presentedKey(request, exchange, door.options) === "" ? "otherwise" : "yes";
  return [route, { ...route, path: `${path}/`, accepts: hasKey }];
}

function judge(door: Door, request: Request, exchange: Exchange): RawConnection | Response {
  const { context, options, keyRates } = door;
  const fault = handshakeFault(request);
  if (fault !== undefined) return refuseHandshake(door, fault);
  const key = presentedKey(request, exchange, options);
  if (!isKey(key, context.limits.nameBytes)) {
    const text = `Expected a key of 1-${context.limits.nameBytes} bytes in \`${options.clientKey}\`\n`;
    return refuse(door, key === "" ? "key_missing" : "key_invalid", textAnswer(400, text));
  }
  if (options.checkOrigin && !exchange.isOriginAllowed) {
    hintAtOrigin(context.observe, "ws-hub", exchange);
    return refuse(door, "origin", textAnswer(403, "Expected another origin\n"));
  }
  const release = context.admit(exchange.countedAs);
  if (!release) return textAnswer(503, "Expected fewer connections\n", { "retry-after": "1" });
  if (!keyRates.take(key, context.now())) {
    release();
    const answer = textAnswer(429, "Expected fewer connections of one key\n", { "retry-after": "1" });
    return refuse(door, "key_rate", answer);
  }
  return new RawConnection(door.dialect, new KeyParts(door, key, release));
}

function refuseHandshake(door: Door, status: 400 | 405, reason = "handshake"): Response {
  const allow: Record<string, string> = status === 405 ? { allow: "GET" } : {};
  return refuse(door, reason, textAnswer(status, "Expected a websocket handshake\n", allow));
}

function refuse({ context }: Door, reason: string, answer: Response): Response {
  context.observe.refused("ws-hub", reason);
  return answer;
}
