// The browser side of the socketio dialect: the Engine.IO endpoint (compat section 1). It judges handshakes,
// finds the session of a request, and hands it to polling.ts, upgrade.ts or session.ts.

import { Turns } from "../../base/turns.ts";
import { createClientId } from "../../base/client-id.ts";
import type { BrowserContext, BrowserSide } from "../dialect.ts";
import type { Exchange, Route } from "../../server/route.ts";
import { hintAtOrigin, hintAtUpgrade } from "../kit/hints.ts";
import { withoutEndSlashes } from "../../base/http.ts";
import { clientRoutes } from "./client-bundle.ts";
import type { SocketIoContext } from "./context.ts";
import { createSocketIoContext } from "./context.ts";
import type { Refusal } from "./engine-io/http.ts";
import { preflightResponse, refusalResponse } from "./engine-io/http.ts";
import type { SocketIoOptions } from "./options.ts";
import { answerPoll, answerPost, framesResponse, isBase64 } from "./engine-io/polling.ts";
import type { PollingRequest } from "./engine-io/polling.ts";
import { Session } from "./engine-io/session.ts";
import type { EngineIoContext, SessionParts } from "./engine-io/session.ts";
import { createSid } from "./engine-io/sid.ts";
import { Probe } from "./engine-io/upgrade.ts";
import { NamespaceSocket } from "./namespace-socket.ts";
import type { Keeping } from "./recovery/keeping.ts";

export function createBrowserSide(ports: BrowserContext, options: SocketIoOptions): BrowserSide {
  const context: EngineIoContext = { ...createSocketIoContext(ports, options), sessions: new Map() };
  const path = withoutEndSlashes(options.path);
  if (context.keeping) recoverSessions(context, context.keeping);
  return {
    routes: [createRoute(context, path), ...(options.serveClient ? clientRoutes(path) : [])],
    maxMessageBytes: options.maxPayload,
    shortestDelayMs: Math.min(
      context.pingIntervalMs,
      context.pingTimeoutMs,
      options.connectTimeout * 1000,
      options.upgradeTimeout * 1000,
    ),
    tick(now) {
      for (const session of context.sessions.values()) session.tick(now);
      context.keeping?.book.tick(now);
    },
    clients: () => context.sessions.values(),
    hasUnsaid: () => context.sessions.values().some((session) => session.hasUnsaid),
  };
}

/** Connections end where their client is on another gateway, and where the gateway may have missed something. */
function recoverSessions(context: EngineIoContext, keeping: Keeping): void {
  const { hub, recovery, sessions, formats } = context;
  const turns = new Turns(() => context.now());
  // Thousands of them, in fair turns. None hears anything meanwhile: what is newer stands behind what it missed.
  const endAll = (): void => {
    const ending = sessions
      .values()
      .filter(({ version }) => version === 4)
      .toArray();
    formats.renew("4");
    turns.add({
      work() {
        ending.pop()?.close("gap");
        return ending.length > 0;
      },
    });
  };
  keeping.listen(({ namespace, sid, turn }) => {
    const agent = hub.connection(namespace, sid)?.agent;
    if (agent instanceof NamespaceSocket) agent.replaced(turn);
  });
  recovery.onGap((rooms, only) => {
    // Clients that came with a position of the room's log: none of ours.
    if (only) return;
    if (!rooms) endAll();
    for (const { namespace, room } of rooms ?? []) {
      for (const { agent } of Array.from(hub.room(namespace, room)?.members() ?? [])) {
        if (agent instanceof NamespaceSocket) agent.lost();
      }
    }
  });
}

function createRoute(context: EngineIoContext, path: string): Route {
  const refuse = (refusal: Refusal, exchange: Exchange): Response => {
    const { observe } = context;
    observe.refused("socketio", refusal);
    if (refusal === "origin_refused") hintAtOrigin(observe, "socketio", exchange);
    if (refusal === "upgrade_missing") hintAtUpgrade(observe, "socketio");
    return refusalResponse(refusal, exchange);
  };
  return {
    path,
    isPrefix: true,
    judgesMethod: true,
    fetch(request, exchange) {
      if (!exchange.isOriginAllowed) return refuse("origin_refused", exchange);
      if (request.method === "OPTIONS") return preflightResponse(request, exchange);
      const asked = judge(context, exchange, { method: request.method, isUpgrade: false });
      if (typeof asked === "string") return refuse(asked, exchange);
      if (!asked.session) {
        const packetsPerPoll = isPythonClient(request) ? 16 : Number.POSITIVE_INFINITY;
        const session = openSession(context, exchange, { version: asked.version, packetsPerPoll });
        return session
          ? answerHandshake(context, { request, exchange, session })
          : refusalResponse("forbidden", exchange);
      }
      const polling = { request, exchange, session: asked.session };
      if (request.method === "GET") return answerPoll(context, polling);
      return request.method === "POST" ? answerPost(context, polling) : refuse("bad_request", exchange);
    },
    upgrade(request, exchange) {
      if (!exchange.isOriginAllowed) return refuse("origin_refused", exchange);
      const asked = judge(context, exchange, { method: request.method, isUpgrade: true });
      if (typeof asked === "string") return refuse(asked, exchange);
      if (asked.session) {
        return new Probe(asked.session, context.now() + context.options.upgradeTimeout * 1000);
      }
      const parts = { version: asked.version, packetsPerPoll: undefined };
      return openSession(context, exchange, parts) ?? refusalResponse("forbidden", exchange);
    },
  };
}

interface Judged {
  /** undefined: a handshake. */
  readonly session: Session | undefined;
  readonly version: 3 | 4;
}

/** The checks of EIO-02, EIO-03 and EIO-15, in node's order. */
function judge(
  context: EngineIoContext,
  exchange: Exchange,
  { method, isUpgrade }: { readonly method: string; readonly isUpgrade: boolean },
): Judged | Refusal {
  const { query } = exchange;
  const transport = query.get("transport");
  if (transport !== "polling" && transport !== "websocket") return "transport_unknown";
  if (!isScriptRight(exchange)) return "bad_request";
  const sid = query.get("sid") ?? "";
  context.sessions.get(sid)?.judge();
  const session = context.sessions.get(sid);
  if (sid !== "" && !session) return "session_unknown";
  if (!session && method !== "GET") return "handshake_method";
  if (isUpgrade !== (transport === "websocket")) return isUpgrade ? "bad_request" : "upgrade_missing";
  // A websocket may come to a polling session (upgrade) and to another websocket (which closes it), a poll never
  // comes back to a websocket (EIO-13).
  if (transport === "polling" && session?.transport === "websocket") return "bad_request";
  const version = session?.version ?? versionOf(context, query.get("EIO") ?? undefined);
  return version === undefined ? "version_unsupported" : { session, version };
}

/** JSONP: is the index a number, and may the page read the answer (EIO-21)? */
function isScriptRight(exchange: Exchange): boolean {
  const index = exchange.query.get("j");
  return index === null || (/^\d{1,10}$/.test(index) && exchange.isScriptAllowed());
}

/** Phones up to iOS 15.2 and boards never say it: they are of version 3 (EIO-03). */
function versionOf({ options }: SocketIoContext, asked = "3"): 3 | 4 | undefined {
  if (asked === "4") return 4;
  return (asked === "3" || asked === "2") && options.allowEio3 ? 3 : undefined;
}

/** @returns undefined when the client's address, or the gateway, has too many connections. */
function openSession(
  context: EngineIoContext,
  exchange: Exchange,
  parts: Pick<SessionParts, "version" | "packetsPerPoll">,
): Session | undefined {
  const release = context.admit(exchange.countedAs);
  if (!release) return undefined;
  return new Session(context, {
    ...parts,
    // Before protocol 5 the sid is the Socket.IO id too (SIO-03).
    sid: parts.version === 4 ? createSid() : createClientId(),
    isBase64: isBase64(exchange),
    address: exchange.countedAs,
    release,
  });
}

function answerHandshake(context: EngineIoContext, polling: PollingRequest): Promise<Response> {
  const { session } = polling;
  const hasCookie = context.options.cookie && session.version === 3;
  const cookie = hasCookie ? `io=${session.sid}; Path=/; HttpOnly; SameSite=Lax` : undefined;
  const answer = framesResponse(polling, [session.openPacket()], { cookie });
  session.start();
  return answer;
}

/** python-engineio gives up on an answer of more than 16 packets, in every version (EIO-06). */
function isPythonClient(request: Request): boolean {
  return /python-requests|aiohttp|httpx/i.test(request.headers.get("user-agent") ?? "");
}
