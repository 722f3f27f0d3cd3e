// The browser side of the ws-hub dialect: one plain websocket per key. It judges handshakes and makes their clients
// (client.ts). Groups come from backend.ts, through the hub.

import type { BrowserContext, BrowserSide } from "../dialect.ts";
import type { Exchange, Route } from "../../server/route.ts";
import type { DisconnectReason } from "../../vocabulary/reasons.ts";
import { handshakeFault, isUpgrade, textAnswer, withoutEndSlashes } from "../../base/http.ts";
import { BucketTable } from "../../base/rate-limit.ts";
import { createRawBrowserSide } from "../raw/browser-side.ts";
import { createRawFormat } from "../raw/format.ts";
import { RawConnection } from "../raw/raw-connection.ts";
import type { RawDialect } from "../raw/raw-connection.ts";
import { admitProven, isCookieShown } from "../raw/proof.ts";
import { Refusals } from "../raw/refusals.ts";
import { answeringSubprotocol, handshakeOf } from "../../proofs/credentials.ts";
import { Announcer } from "./announcer.ts";
import { HubClient } from "./client.ts";
import type { HubClientParts, HubContext } from "./client.ts";
import { dialectName } from "./names.ts";
import type { WsHubOptions } from "./options.ts";
import { Roster } from "./roster.ts";
import { statusRoutes } from "./status.ts";

/** Connections of one key that may come at once: a page that is reloaded, a flaky network. */
const keyBurst = 10;
/** How many keys the gateway remembers the rate of. */
const maxKeys = 50_000;
/** Of these, so many are looked at per tick. */
const keysPerTick = 1_000;

/** What handshakes are judged with. */
interface Endpoint extends HubContext {
  readonly dialect: RawDialect;
  readonly refusals: Refusals;
  /** Connections of each key. */
  readonly keyRates: BucketTable;
}

export function createBrowserSide(context: BrowserContext, options: WsHubOptions): BrowserSide {
  const endpoint = createEndpoint(context, options);
  const { dialect, announcer, roster, keyRates } = endpoint;
  const { adminToken, pongWait, writeWait } = options;
  const checkToken = adminToken === undefined ? undefined : context.guardSecret(adminToken);
  const side = createRawBrowserSide(dialect, {
    routes: [...socketRoutes(endpoint), ...statusRoutes(roster, checkToken, context.observe)],
    // The time that an answer to a ping has, or a client to read.
    shortestDelayMs: Math.min(pongWait * 1_000 - dialect.pingIntervalMs, writeWait * 1_000),
  });
  return {
    ...side,
    tick(now) {
      announcer.tick(now);
      keyRates.forget(now, keysPerTick);
      side.tick(now);
    },
  };
}

function createEndpoint(context: BrowserContext, options: WsHubOptions): Endpoint {
  const roster = new Roster();
  const { channelPrefix, connectsPerKey, maxMessageSize, pongWait } = options;
  return {
    context,
    options,
    roster,
    announcer: new Announcer({ context, channelPrefix, roster }),
    refusals: new Refusals(context.observe, dialectName),
    keyRates: new BucketTable({ perSecond: connectsPerKey / 60, burst: keyBurst }, maxKeys),
    dialect: {
      context,
      format: createRawFormat(dialectName),
      clients: new Set(),
      // HUB-11: nine tenths of the wait.
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
  if (reason === "expired") return { code: 4001, reason: "token expired" };
  if (reason === "denied") return { code: 4501, reason: "token refused" };
  return { code: 1001, reason: reason === "shutdown" ? "shutting down" : "closed by a backend" };
}

/** `/ws` is ours; `/ws/` too, unless it has no key and another dialect wants it (RTE-02). */
function socketRoutes(endpoint: Endpoint): readonly Route[] {
  const { refusals, options } = endpoint;
  const path = withoutEndSlashes(options.serverUrl);
  const route: Route = {
    path: path === "" ? "/" : path,
    isPrefix: false,
    judgesHandshake: true,
    // Without an upgrade (RTE-04).
    fetch: (request) =>
      request.method === "GET"
        ? refusals.refusePlain(request, "handshake", handshakeAnswer(400))
        : refusals.refuse("handshake", handshakeAnswer(405)),
    upgrade: (request, exchange) => judge(endpoint, request, exchange),
  };
  if (path === "") return [route];
  const hasKey: Route["accepts"] = (request, exchange) =>
    presentedKey(request, exchange, options) === "" ? "otherwise" : "yes";
  return [route, { ...route, path: `${path}/`, accepts: hasKey }];
}

type Answer = RawConnection | Response;

function judge(endpoint: Endpoint, request: Request, exchange: Exchange): Answer | Promise<Answer> {
  const { context, options, refusals, keyRates } = endpoint;
  const fault = hubHandshakeFault(request);
  if (fault !== undefined) return refusals.refuse("handshake", handshakeAnswer(fault));
  const key = presentedKey(request, exchange, options);
  if (!isKey(key, context.limits.nameBytes)) {
    const text = `Expected a key of 1-${context.limits.nameBytes} bytes in \`${options.clientKey}\`\n`;
    return refusals.refuse(key === "" ? "key_missing" : "key_invalid", textAnswer(400, text));
  }
  const checksOrigin = options.checkOrigin || isCookieShown(context.credentials, request);
  if (checksOrigin && !exchange.isOriginAllowed) return refusals.refuseOrigin(exchange);
  const release = context.admit(exchange.countedAs);
  if (!release) return refusals.refuseFull();
  if (!keyRates.take(key, context.now())) {
    release();
    const answer = textAnswer(429, "Expected fewer connections of one key\n", { "retry-after": "1" });
    return refusals.refuse("key_rate", answer);
  }
  // A key is what WS-HUB knows its clients by; who they are is asked where the config says so alone.
  const { credentials } = context;
  const shown = credentials.acceptsTokens
    ? credentials.ofHandshake(handshakeOf(request, exchange))
    : undefined;
  return admitProven({ shown, refusals, release }, (identity) =>
    admit(endpoint, request, { key, address: exchange.countedAs, release, identity }),
  );
}

function admit(endpoint: Endpoint, request: Request, parts: Omit<HubClientParts, "protocol">): RawConnection {
  const protocol = parts.identity && answeringSubprotocol(request);
  return new RawConnection(endpoint.dialect, new HubClient(endpoint, { ...parts, protocol }));
}

/** The key as it came, of any length and with any characters; the empty string when there is none (HUB-01, HUB-03). */
export function presentedKey(
  { headers }: Request,
  { query }: Exchange,
  { clientKey, fromHeader }: Pick<WsHubOptions, "clientKey" | "fromHeader">,
): string {
  // The engine reads each byte of a header as one character.
  const inHeader = fromHeader ? Buffer.from(headers.get(clientKey) ?? "", "latin1").toString() : "";
  return inHeader === "" ? (query.get(clientKey) ?? "") : inHeader;
}

/**
 * May it be a key (HUB-02)? Not too long, no control characters, and text: bytes that are not UTF-8 were read as U+FFFD,
 * which would make one key of several (T30).
 */
export function isKey(key: string, maxBytes: number): boolean {
  return key !== "" && Buffer.byteLength(key) <= maxBytes && !/[\p{Cc}\u{FFFD}]/u.test(key);
}

/** RFC 6455 section 4.2.1, with the statuses of WS-HUB (HUB-17). */
export function hubHandshakeFault(request: Request): 400 | 405 | undefined {
  const fault = handshakeFault(request) ?? (isUpgrade(request) ? undefined : 400);
  return fault === 426 ? 400 : fault;
}

function handshakeAnswer(status: 400 | 405): Response {
  const headers: Record<string, string> = status === 405 ? { allow: "GET" } : {};
  return textAnswer(status, "Expected a websocket handshake\n", headers);
}
