// One listening address: Bun.serve with the routes of its dialects. It judges requests (request.ts), routes them
// (router.ts), upgrades websockets (websocket.ts), and publishes to the engine's topics.

import type { Server } from "bun";
import { handshakeFault, textAnswer } from "../base/http.ts";
import type { Exchange, Route } from "./route.ts";
import type { Limits } from "../vocabulary/limits.ts";
import type { Observe } from "../core/observe.ts";
import { Turns } from "../base/turns.ts";
import { packetRate } from "../base/rate-limit.ts";
import type { Rate } from "../base/rate-limit.ts";
import type { Frame } from "../core/carrier.ts";
import type { SocketHandler, StreamHandler } from "./socket.ts";
import { closing, drainBytes, settled } from "./answer.ts";
import { checkHost, endpointLabel, listenFailure, makeWay, readTls, withMode } from "./endpoint.ts";
import type { Endpoint, TlsFiles } from "./endpoint.ts";
import { FilePressure } from "./file-pressure.ts";
import { InboxBounds } from "./inbox-bounds.ts";
import type { Origins } from "./origin.ts";
import { Head, malformation, plainAddress, RequestExchange, TrustedProxies, unixPeer } from "./request.ts";
import type { ExchangeParts } from "./request.ts";
import { RequestUrls } from "./request-url.ts";
import { Router } from "./router.ts";
import { KernelSockets, peerNamed } from "./kernel-sockets.ts";
import { endSilent } from "./silent-connections.ts";
import { StalledConnections } from "./stalled-connections.ts";
import { isPlainTarget, shapedRoutes } from "./target.ts";
import type { RequestTarget } from "./target.ts";
import type { SocketContext } from "./websocket.ts";
import { headOf, openStream } from "./stream.ts";
import type { StreamContext } from "./stream.ts";
import { WebSocketTransport } from "./websocket.ts";
import { websocketHandler } from "./websocket-handler.ts";

export interface ListenerParts {
  readonly address: Endpoint;
  readonly tls?: TlsFiles | undefined;
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
/**
 * The engine's longest time for a held request. On a unix socket, where it cannot give one request more than the others,
 * all connections have it: the proxy there keeps slow clients away.
 */
const longestHoldSeconds = 255;

/** undefined: the connection is a websocket now. */
type Answer = Response | Promise<Response | undefined> | undefined;
type Handler = (request: Request & RequestTarget, server: Server<WebSocketTransport>) => Answer;

/** How often it is looked whether all requests are answered, ms. */
const finishStepMs = 5;

export class Listener implements SocketContext {
  readonly #parts: ListenerParts;
  readonly #router: Router;
  readonly #shared: ExchangeParts;
  readonly #urls = new RequestUrls();
  readonly #server: Server<WebSocketTransport>;
  readonly turns = new Turns(() => performance.now());
  readonly inboxes = new InboxBounds();
  readonly packetRate: Rate;
  readonly #pressure: FilePressure;
  readonly #streams: StreamContext;
  #isDraining = false;
  #isFinishing = false;

  /**
   * Listens at once; throws GatewayError `start_failed` with a sentence when the address cannot be had. On a unix socket,
   * `Listener.start` makes way first.
   */
  constructor(parts: ListenerParts) {
    this.#parts = parts;
    this.packetRate = packetRate(parts.limits);
    this.#router = new Router(parts.routes);
    this.#shared = this.#share();
    this.#server = this.#listen();
    // Only proxies come through a unix socket, which has no port.
    const { port } = this.#server;
    const sockets = port === undefined ? undefined : KernelSockets.open();
    this.#pressure = new FilePressure({
      observe: parts.observe,
      endSilent: () => (sockets && port !== undefined ? endSilent(sockets, port) : 0),
    });
    this.#streams = {
      limits: parts.limits,
      stalled: sockets && port !== undefined ? new StalledConnections(sockets, port) : undefined,
    };
  }

  /** Rejects where the constructor throws; replaces the socket that a dead process left behind. */
  static async start(parts: ListenerParts): Promise<Listener> {
    if ("unix" in parts.address) await makeWay(parts.address.unix);
    else await checkHost(parts.address);
    return new Listener(parts);
  }

  /** Where it listens: `http://127.0.0.1:8899`, `https://...`, `unix:/run/belfry.sock`. */
  get url(): string {
    const { address, tls } = this.#parts;
    if ("unix" in address) return endpointLabel(address);
    const port = this.#server.port ?? address.port;
    return `${tls ? "https" : "http"}://${endpointLabel({ ...address, port })}`;
  }

  get limits(): Limits {
    return this.#parts.limits;
  }

  now(): number {
    return performance.now();
  }

  report(error: unknown): void {
    this.#parts.observe.report("websocket", error);
  }

  /** @returns true when a subscriber is behind. */
  publish(topic: string, frame: Frame): boolean {
    return this.#server.publish(topic, frame) === -1;
  }

  /** New websockets are refused from now on; requests of open sessions and of health checks go on. */
  drain(): void {
    this.#isDraining = true;
  }

  /** Refuses all requests from now on; resolves when those that came before are answered, or after so long, ms. */
  async finish(deadlineMs: number): Promise<void> {
    this.drain();
    this.#isFinishing = true;
    const until = this.now() + deadlineMs;
    while (this.#server.pendingRequests > 0 && this.now() < until) await Bun.sleep(finishStepMs);
  }

  /** Ends everything that is still open. */
  async stop(): Promise<void> {
    this.drain();
    this.#pressure.stop();
    await this.#server.stop(true);
    this.turns.finish();
  }

  #listen(): Server<WebSocketTransport> {
    const { address, tls, maxMessageBytes, limits } = this.#parts;
    const answer: Handler = (request, server) => this.#fetch(request, server);
    const options: Bun.Serve.Options<WebSocketTransport> = {
      ...("unix" in address
        ? unixOptions(address.unix)
        : { hostname: address.host, port: address.port, idleTimeout: idleSeconds }),
      ...(tls && { tls: readTls(tls) }),
      routes: shapedRoutes(answer),
      fetch: answer,
      error: (error) => this.#failed(error),
      // Over this, the engine itself refuses: its answer is lost where the client goes on sending.
      maxRequestBodySize: Math.max(maxMessageBytes, limits.httpBodyBytes) + drainBytes,
      websocket: websocketHandler(maxMessageBytes, (error) => {
        this.report(error);
      }),
    };
    try {
      return withMode(address, () => Bun.serve(options));
    } catch (error) {
      throw listenFailure(address, error);
    }
  }

  #fetch(request: Request & RequestTarget, server: Server<WebSocketTransport>): Answer {
    const head = new Head(request, this.#urls);
    const judged = this.#answer(head, request, server);
    if (judged === undefined) return undefined;
    const answer = head.hasBody && !head.isBodiless ? settled(head, judged) : judged;
    // A refused upgrade does: nothing behind it is read as a second request.
    if (!head.endsConnection && !head.isUpgrade) return answer;
    return answer instanceof Promise
      ? answer.then((response) => response && closing(response))
      : closing(answer);
  }

  #answer(head: Head, request: Request & RequestTarget, server: Server<WebSocketTransport>): Answer {
    if (this.#isFinishing) return this.#refuseDraining();
    const fault = malformation(head);
    const { url } = head;
    if (fault !== undefined || !url) return this.#refuse(400, fault ?? "");
    if (!isPlainTarget(request)) return this.#refuse(400, "Expected a plain path\n");
    const exchange = new RequestExchange(request, url, this.#shared);
    const { route, isKnownPath } = this.#router.find(request, exchange);
    if (!head.isUpgrade || (route?.judgesMethod === true && request.method !== "GET")) {
      return route ? this.#serve(route, request, exchange) : this.#notFound();
    }
    if (this.#isDraining) return this.#refuseDraining();
    if (!route?.upgrade) return this.#refuse(isKnownPath ? 400 : 404, "Expected no upgrade on this path\n");
    const handshake = route.judgesHandshake === true ? undefined : handshakeFault(request);
    if (handshake !== undefined) return this.#refuseHandshake(handshake);
    const answer = route.upgrade(request, exchange);
    return answer instanceof Promise
      ? answer.then((settled) => this.#finishUpgrade(request, server, settled))
      : this.#finishUpgrade(request, server, answer);
  }

  #serve(route: Route, request: Request, exchange: Exchange): Answer {
    const { method } = request;
    const answer = method === "GET" || method === "HEAD" ? route.stream?.(request, exchange) : undefined;
    if (!answer) return route.fetch(request, exchange);
    const open = (settled: StreamHandler | Response): Response =>
      settled instanceof Response ? settled : this.#openStream(settled, request, exchange);
    return answer instanceof Promise ? answer.then(open) : open(answer);
  }

  #openStream(handler: StreamHandler, request: Request, exchange: Exchange): Response {
    if (this.#isDraining || request.method === "HEAD") {
      handler.closed("peer");
      return this.#isDraining ? this.#refuseDraining() : headOf(handler);
    }
    exchange.hold(longestHoldSeconds);
    return openStream(handler, this.#streams, peerNamed(this.#server.requestIP(request)));
  }

  /** Judging may have taken time: the client may be gone by now, and the gateway may be about to be. */
  #finishUpgrade(
    request: Request,
    server: Server<WebSocketTransport>,
    answer: SocketHandler | Response,
  ): Response | undefined {
    if (answer instanceof Response) return answer;
    let isOpen = false;
    try {
      const refusal = this.#isDraining ? this.#refuseDraining() : this.#upgrade(request, server, answer);
      isOpen = refusal === undefined;
      return refusal;
    } finally {
      // It never opened, so the engine will not say that it ended.
      if (!isOpen) answer.closed(1006, "peer");
    }
  }

  /** @returns undefined when the websocket is open; otherwise the handler was never told of one. */
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
    // The client is gone, and nothing was wrong.
    if (request.signal.aborted) return textAnswer(400, "");
    return this.#refuse(400, "Expected a websocket handshake\n");
  }

  #share(): ExchangeParts {
    const { address, origins, trustedProxies } = this.#parts;
    return {
      proxies: new TrustedProxies(trustedProxies),
      origins,
      // Empty once the client is gone: all of these count as one.
      peerOf: (request) =>
        "unix" in address ? unixPeer : plainAddress(this.#server.requestIP(request)?.address ?? ""),
      hold: (request, seconds) => {
        this.#server.timeout(request, Math.min(seconds, longestHoldSeconds));
      },
    };
  }

  #refuseDraining(): Response {
    return this.#refuse(503, "Shutting down\n", { "retry-after": "1" });
  }

  #refuseHandshake(status: 400 | 405 | 426): Response {
    const headers: Record<string, string> =
      status === 426 ? { "sec-websocket-version": "13", upgrade: "websocket" } : {};
    return this.#refuse(status, "Expected a websocket handshake (RFC 6455 section 4.2.1)\n", headers);
  }

  /** Refusals close the connection: nothing behind a bad request is read as a second one. */
  #refuse(
    status: 400 | 404 | 405 | 426 | 500 | 503,
    sentence: string,
    headers: Record<string, string> = {},
  ): Response {
    this.#parts.observe.refused("http", `http_${status}`);
    return closing(textAnswer(status, sentence, headers));
  }

  #notFound(): Response {
    this.#parts.observe.refused("http", "http_404");
    return textAnswer(404, "Not found\n");
  }

  #failed(error: unknown): Response {
    this.#parts.observe.report("http", error);
    return this.#refuse(500, "Internal error\n");
  }
}

/** The engine takes an idle time on a unix socket too, though its types do not say so. */
function unixOptions(path: string): { readonly unix: string } {
  const options = { unix: path, idleTimeout: longestHoldSeconds };
  return options;
}
