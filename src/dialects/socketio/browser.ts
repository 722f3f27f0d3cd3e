// The browser side of the socketio dialect: the Engine.IO endpoint (compat section 1). It judges handshakes,
// finds the session of a request, and hands it to polling.ts, upgrade.ts or session.ts.

import type { BrowserContext, BrowserSide, Exchange, Route } from "../../core/dialect.ts";
import type { SocketHandler } from "../../core/transport.ts";
import type { Engine } from "./engine.ts";
import { createEngine, createSid } from "./engine.ts";
import type { Refusal } from "./http.ts";
import { preflightResponse, refusalResponse } from "./http.ts";
import type { SocketIoOptions } from "./options.ts";
import { answerPoll, answerPost, framesResponse } from "./polling.ts";
import { Session } from "./session.ts";
import { Probe } from "./upgrade.ts";

export function createBrowserSide(context: BrowserContext, options: SocketIoOptions): BrowserSide {
  const engine = createEngine(context, options);
  const path = options.path.replace(/\/+$/, "");
  return {
    routes: [createRoute(engine, path)],
    maxMessageBytes: options.maxPayload,
    tick(now) {
      for (const session of engine.sessions.values()) session.tick(now);
    },
    clients: () => engine.sessions.values(),
  };
}

function createRoute(engine: Engine, path: string): Route {
  const refuse = (refusal: Refusal, exchange: Exchange): Response => {
    engine.context.observe.refused("socketio", refusal);
    return refusalResponse(refusal, exchange);
  };
  return {
    path,
    isPrefix: true,
    fetch(request, exchange) {
      if (!exchange.isOriginAllowed) return refuse("bad_request", exchange);
      if (request.method === "OPTIONS") return preflightResponse(request, exchange);
      const asked = judge(engine, request, exchange);
      if (typeof asked === "string") return refuse(asked, exchange);
      if (asked.transport === "websocket") return refuse("bad_request", exchange);
      if (!asked.session) return handshake(engine, { request, exchange, version: asked.version });
      const polling = { request, exchange, session: asked.session };
      if (request.method === "GET") return answerPoll(engine, polling);
      return request.method === "POST" ? answerPost(engine, polling) : refuse("bad_request", exchange);
    },
    upgrade(request, exchange) {
      if (!exchange.isOriginAllowed) return refuse("bad_request", exchange);
      const asked = judge(engine, request, exchange);
      if (typeof asked === "string") return refuse(asked, exchange);
      if (asked.transport === "polling") return refuse("bad_request", exchange);
      if (asked.session) return new Probe(asked.session, upgradeDeadline(engine));
      return openWebSocket(engine, { exchange, version: asked.version });
    },
  };
}

interface Asked {
  readonly transport: "polling" | "websocket";
  /** undefined: a handshake. */
  readonly session: Session | undefined;
  readonly version: 3 | 4;
}

/** The checks of EIO-02, EIO-03 and EIO-15, in node's order. */
function judge(engine: Engine, request: Request, exchange: Exchange): Asked | Refusal {
  const { query } = exchange;
  const transport = query.get("transport");
  if (transport !== "polling" && transport !== "websocket") return "transport_unknown";
  if (query.has("j") && !/^\d{1,10}$/.test(query.get("j") ?? "")) return "bad_request";
  const sid = query.get("sid");
  if (sid !== null && sid !== "") return judgeSession(engine.sessions.get(sid), transport);
  if (request.method !== "GET") return "handshake_method";
  const version = versionOf(engine, query.get("EIO"));
  return version === undefined ? "version_unsupported" : { transport, session: undefined, version };
}

function judgeSession(session: Session | undefined, transport: Asked["transport"]): Asked | Refusal {
  if (!session) return "session_unknown";
  // A websocket may come to a polling session (upgrade) and to another websocket (which closes it, EIO-13).
  if (transport === "polling" && session.transport === "websocket") return "bad_request";
  return { transport, session, version: session.version };
}

function versionOf(engine: Engine, asked: string | null): 3 | 4 | undefined {
  if (asked === "4") return 4;
  return (asked === "3" || asked === "2") && engine.options.allowEio3 ? 3 : undefined;
}

function upgradeDeadline(engine: Engine): number {
  return engine.context.now() + engine.options.upgradeTimeout * 1000;
}

interface Handshake {
  readonly request: Request;
  readonly exchange: Exchange;
  readonly version: 3 | 4;
}

function handshake(engine: Engine, { request, exchange, version }: Handshake): Response | Promise<Response> {
  const release = engine.context.admit(exchange.address);
  if (!release) return refusalResponse("forbidden", exchange);
  const session = new Session(engine, {
    sid: createSid(),
    version,
    isBase64: isBase64(exchange),
    address: exchange.address,
    release,
    packetsPerPoll: isPythonClient(request) ? 16 : Number.POSITIVE_INFINITY,
  });
  const cookie =
    engine.options.cookie && version === 3 ? `io=${session.sid}; Path=/; HttpOnly; SameSite=Lax` : undefined;
  const answer = framesResponse({ request, exchange, session }, [session.openPacket()], cookie);
  session.start();
  return answer;
}

function openWebSocket(engine: Engine, asked: Omit<Handshake, "request">): SocketHandler | Response {
  const release = engine.context.admit(asked.exchange.address);
  if (!release) return refusalResponse("forbidden", asked.exchange);
  return new Session(engine, {
    sid: createSid(),
    version: asked.version,
    isBase64: isBase64(asked.exchange),
    address: asked.exchange.address,
    release,
    packetsPerPoll: undefined,
  });
}

function isBase64(exchange: Exchange): boolean {
  const asked = exchange.query.get("b64");
  return asked === "1" || asked === "true";
}

/** python-engineio gives up on an answer of more than 16 packets, in every version (EIO-06). */
function isPythonClient(request: Request): boolean {
  return /python-requests|aiohttp|httpx/i.test(request.headers.get("user-agent") ?? "");
}
