// The port of HTTP: a route, as dialects and the API have them, and what the listener tells them of a request. The router finds
// the route, the listener calls it.

import type { SocketHandler, StreamHandler } from "./socket.ts";

/** One HTTP request, with what the listener already found out about it. */
export interface Exchange {
  readonly path: string;
  readonly query: URLSearchParams;
  /** The client's address, behind trusted proxies (SEC-15). */
  readonly address: string;
  /**
   * What limits count it by: its address, or a name that no limit counts. Only a peer on this machine and a proxy that
   * this listener trusts have such a name, for requests of their own (SEC-15).
   */
  readonly countedAs: string;
  /** Verdict on the `Origin` header (EIO-18); `undefined` means that there was none, which is allowed. */
  readonly origin: string | undefined;
  readonly isOriginAllowed: boolean;
  /** Is the page of our own host and port, as the client or a trusted proxy names them (W4R-16)? No Origin is none. */
  readonly isOwnOrigin: boolean;
  /** May the page that asks read an answer that is a script (EIO-21)? Pages ask for scripts without an `Origin`. */
  isScriptAllowed(): boolean;
  /** Keeps the request open this long without an answer (a held poll). */
  hold(seconds: number): void;
}

/**
 * How well a request suits a route. Of the routes with the best fitting paths, the first `yes` gets it, else the first `likely`
 * (it shows nothing that another dialect would know by), else the first `otherwise` (only if no other route wants it). When
 * all of them say `no`, the routes with less fitting paths are asked.
 */
export type Suitability = "yes" | "likely" | "otherwise" | "no";

export interface Route {
  /** `/emit` matches exactly; with `isPrefix`, everything below it too. */
  readonly path: string;
  readonly isPrefix: boolean;
  fetch(request: Request, exchange: Exchange): Response | Promise<Response>;
  /** How well the request suits this route, beside its path (RTE-01..07). @default yes */
  accepts?(request: Request, exchange: Exchange): Suitability;
  /** `upgrade` judges the handshake's headers itself; otherwise the listener refuses what RFC 6455 forbids (W4R-10). */
  readonly judgesHandshake?: boolean;
  /** `fetch` refuses websocket handshakes by another method than GET; otherwise the listener does, with 405 (EIO-15). */
  readonly judgesMethod?: boolean;
  /** A GET or HEAD for an endless answer: a handler accepts it, a Response refuses it, undefined leaves it to `fetch`. */
  stream?(
    request: Request,
    exchange: Exchange,
  ): StreamHandler | Response | undefined | Promise<StreamHandler | Response>;
  /** A websocket handshake: a handler accepts it, a Response refuses it. Without it, upgrades are refused. */
  upgrade?(
    request: Request,
    exchange: Exchange,
  ): SocketHandler | Response | Promise<SocketHandler | Response>;
}
