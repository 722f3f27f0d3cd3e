// One listening address: Bun.serve with the routes of its dialects. It judges requests (request.ts), routes them,
// upgrades websockets (websocket.ts), and publishes to the engine's topics.

import { setImmediate } from "node:timers/promises";
import type { Server, ServerWebSocket } from "bun";
import type { Exchange, Route } from "../core/dialect.ts";
import { GatewayError } from "../core/errors.ts";
import type { Limits } from "../core/limits.ts";
import type { Observe } from "../core/observe.ts";
import type { Frame, SocketHandler } from "../core/transport.ts";
import type { Origins } from "./request.ts";
import {
  createExchange,
  handshakeFault,
  hasBody,
  isUpgrade,
  malformation,
  plainAddress,
  TrustedProxies,
} from "./request.ts";
import type { SocketContext } from "./websocket.ts";
import { WebSocketTransport } from "./websocket.ts";

export interface ListenerParts {
  /** TCP port 0 takes a free one. */
  readonly address: { readonly host: string; readonly port: number };
  readonly routes: readonly Route[];
  readonly origins: Origins;
  readonly trustedProxies: readonly string[];
  /** Largest message of any of its dialects, bytes. */
  readonly maxMessageBytes: number;
  readonly limits: Limits;
  readonly observe: Observe;
}

/** Seconds without a byte until an HTTP connection is closed (slow requests, idle keep-alive). */
const idleSeconds = 10;
/** The engine's own bound on unread bytes: a backstop, websocket.ts closes slow clients long before. */
const engineBufferBytes = 128 * 1024 * 1024;

type Ws = ServerWebSocket<WebSocketTransport>;

export class Listener implements SocketContext {
  readonly #parts: ListenerParts;
  readonly #proxies: TrustedProxies;
  readonly #server: Server<WebSocketTransport>;
  #publishedBytes = 0;
  #isDraining = false;

  /** Listens at once; throws GatewayError `start_failed` with a sentence when the address cannot be had. */
  constructor(parts: ListenerParts) {
    this.#parts = parts;
    this.#proxies = new TrustedProxies(parts.trustedProxies);
    this.#server = this.#listen();
  }

  /** Where it listens, as a URL. */
  get url(): string {
    const { host } = this.#parts.address;
    return `http://${host.includes(":") ? `[${host}]` : host}:${this.#server.port}`;
  }

  get limits(): Limits {
    return this.#parts.limits;
  }

  get publishedBytes(): number {
    return this.#publishedBytes;
  }

  now(): number {
    return performance.now();
  }

  /** @returns true when a subscriber is behind. */
  publish(topic: string, frame: Frame): boolean {
    this.#publishedBytes += frame.length;
    return this.#server.publish(topic, frame) === -1;
  }

  /** New websockets are refused from now on; requests of open sessions and of health checks go on. */
  drain(): void {
    this.#isDraining = true;
  }

  /** Ends everything that is still open. */
  async stop(): Promise<void> {
    await this.#server.stop(true);
  }

  #listen(): Server<WebSocketTransport> {
    const { address, maxMessageBytes, limits } = this.#parts;
    try {
      return Bun.serve<WebSocketTransport>({
        hostname: address.host,
        port: address.port,
        fetch: (request, server) => this.#fetch(request, server),
        error: (error) => this.#failed(error),
        maxRequestBodySize: Math.max(maxMessageBytes, limits.httpBodyBytes) + 64 * 1024,
        idleTimeout: idleSeconds,
        websocket: this.#websocket(),
      });
    } catch (error) {
      throw new GatewayError("start_failed", listenFailure(address, error), { cause: error });
    }
  }

  #websocket(): Bun.WebSocketHandler<WebSocketTransport> {
    return {
      maxPayloadLength: this.#parts.maxMessageBytes,
      backpressureLimit: engineBufferBytes,
      closeOnBackpressureLimit: true,
      // Heartbeats are the dialects' business: the engine's own step by 4 s and are put off by any data.
      idleTimeout: 0,
      sendPings: false,
      perMessageDeflate: false,
      open: this.#guarded((ws) => {
        ws.data.opened(ws);
      }),
      message: this.#guarded((ws, data: string | Buffer) => {
        ws.data.handler.message(data);
      }),
      drain: this.#guarded((ws) => {
        ws.data.drained();
      }),
      pong: this.#guarded((ws) => {
        ws.data.handler.ponged?.();
      }),
      close: this.#guarded((ws, code: number, reason: string) => {
        // The engine closes a message over the limit with 1009 by itself, and tells us 1006.
        ws.data.ended(reason === "Received too big message" ? 1009 : code);
      }),
    };
  }

  /** An error in a handler ends this one websocket; the engine would let it end the process. */
  #guarded<Rest extends unknown[]>(handle: (ws: Ws, ...rest: Rest) => void): (ws: Ws, ...rest: Rest) => void {
    return (ws, ...rest) => {
      try {
        handle(ws, ...rest);
      } catch (error) {
        this.#parts.observe.report("websocket", error);
        ws.terminate();
      }
    };
  }

  #fetch(
    request: Request,
    server: Server<WebSocketTransport>,
  ): Response | Promise<Response | undefined> | undefined {
    const fault = malformation(request);
    if (fault !== undefined) return this.#refuse(400, fault);
    const peer = plainAddress(server.requestIP(request)?.address ?? "");
    const exchange = createExchange({
      request,
      address: this.#proxies.clientOf(peer, request),
      origins: this.#parts.origins,
      hold: (seconds) => {
        server.timeout(request, Math.min(seconds, 255));
      },
    });
    const route = this.#route(request, exchange);
    if (!isUpgrade(request)) {
      const answer = route ? route.fetch(request, exchange) : this.#notFound();
      return hasBody(request) ? settled(request, answer) : answer;
    }
    if (this.#isDraining) return this.#refuse(503, "Shutting down\n", { "retry-after": "1" });
    if (!route?.upgrade) return this.#refuse(route ? 400 : 404, "Expected no upgrade on this path\n");
    const handshake = route.judgesHandshake === true ? undefined : handshakeFault(request);
    if (handshake !== undefined) return this.#refuseHandshake(handshake);
    const answer = route.upgrade(request, exchange);
    return answer instanceof Promise
      ? answer.then((settled) => this.#finishUpgrade(request, server, settled))
      : this.#finishUpgrade(request, server, answer);
  }

  #finishUpgrade(
    request: Request,
    server: Server<WebSocketTransport>,
    answer: SocketHandler | Response,
  ): Response | undefined {
    return answer instanceof Response ? closing(answer) : this.#upgrade(request, server, answer);
  }

  #upgrade(
    request: Request,
    server: Server<WebSocketTransport>,
    handler: SocketHandler,
  ): Response | undefined {
    // The engine selects the first subprotocol offered by itself; only the handler's choice may stand there.
    if (handler.protocol === undefined) request.headers.delete("sec-websocket-protocol");
    else request.headers.set("sec-websocket-protocol", handler.protocol);
    const data = new WebSocketTransport(handler, this);
    if (server.upgrade(request, { data })) return undefined;
    handler.closed(1006, "peer");
    return this.#refuse(400, "Expected a websocket handshake\n");
  }

  /** Exact paths before prefixes; of those that match, the first that wants the request (RTE-01). */
  #route(request: Request, exchange: Exchange): Route | undefined {
    const { path } = exchange;
    const { routes } = this.#parts;
    const matching = [
      ...routes.filter((route) => route.path === path),
      ...routes.filter((route) => route.isPrefix && path.startsWith(`${route.path}/`)),
    ];
    let otherwise: Route | undefined;
    for (const route of matching) {
      const verdict = route.accepts?.(request, exchange) ?? "yes";
      if (verdict === "yes") return route;
      if (verdict === "otherwise") otherwise ??= route;
    }
    return otherwise;
  }

  #refuseHandshake(status: 400 | 405 | 426): Response {
    const headers: Record<string, string> =
      status === 426 ? { "sec-websocket-version": "13", upgrade: "websocket" } : {};
    return this.#refuse(status, "Expected a websocket handshake (RFC 6455 section 4.2.1)\n", headers);
  }

  /** Refusals close the connection: nothing behind a bad request is read as a second one. */
  #refuse(status: number, sentence: string, headers: Record<string, string> = {}): Response {
    this.#parts.observe.refused("http", `http_${status}`);
    return closing(plain(status, sentence, headers));
  }

  #notFound(): Response {
    this.#parts.observe.refused("http", "http_404");
    return plain(404, "Not found\n");
  }

  #failed(error: Error): Response {
    this.#parts.observe.report("http", error);
    return this.#refuse(500, "Internal error\n");
  }
}

function plain(status: number, sentence: string, headers: Record<string, string> = {}): Response {
  const fixed = { "content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff" };
  return new Response(sentence, { status, headers: { ...fixed, ...headers } });
}

function closing(response: Response): Response {
  response.headers.set("connection", "close");
  return response;
}

/**
 * A body that was refused or left unread is not looked through for the next request. Chunks that came together with
 * the request are parsed before the answer goes out: if they are broken, the engine's 400 is the only one.
 */
async function settled(request: Request, answer: Response | Promise<Response>): Promise<Response> {
  const response = await answer;
  if (request.headers.has("transfer-encoding")) await setImmediate();
  return response.ok && request.bodyUsed ? response : closing(response);
}

function listenFailure(address: ListenerParts["address"], error: unknown): string {
  const where = `${address.host}:${address.port}`;
  const code = (error as { code?: unknown }).code;
  if (code === "EADDRINUSE") return `Expected ${where} to be free, another process listens there`;
  if (code === "EACCES") return `Expected the right to listen on ${where}, got EACCES`;
  return `Expected to listen on ${where}, got ${typeof code === "string" ? code : String(error)}`;
}
