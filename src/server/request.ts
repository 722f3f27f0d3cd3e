// What a listener finds out about a request before any dialect sees it: is it well formed, who sent it, and may
// its Origin speak to us (origin.ts). Closes the engine's known gaps: two Host headers, and an upgrade with a body.

import { isIP } from "node:net";
import { isLoopback, sharedAddress } from "../base/client-address.ts";
import type { Exchange } from "./route.ts";
import { hasToken, isUpgrade } from "../base/http.ts";
import { addressRanges } from "../base/ip-address.ts";
import { Remembered } from "../base/remembered.ts";
import { isOriginAllowed, isOwnOrigin, isScriptAllowed, ownHost } from "./origin.ts";
import type { Origins, OwnHost } from "./origin.ts";
import type { RequestUrl, RequestUrls } from "./request-url.ts";

/** What a listener asks of a request's head, read once: each header is a call into the engine. */
export class Head {
  readonly request: Request;
  readonly host: string | null;
  /** undefined: there is no host and path in it. */
  readonly url: RequestUrl | undefined;
  readonly isUpgrade: boolean;
  readonly isChunked: boolean;
  /** Says that a body follows. */
  readonly hasBody: boolean;

  constructor(request: Request, urls: RequestUrls) {
    const { headers } = request;
    this.request = request;
    this.host = headers.get("host");
    // The engine leaves out a host that is none, and passes on the `host:port` of CONNECT. Where the client named no host,
    // it leaves the path alone.
    const { url } = request;
    this.url = urls.read(this.isHostless && url.startsWith("/") ? `http://localhost${url}` : url);
    this.isUpgrade = isUpgrade(request);
    const length = headers.get("content-length");
    this.isChunked = headers.has("transfer-encoding");
    this.hasBody = this.isChunked || (length !== null && Number(length) !== 0);
  }

  /** Without Host it is HTTP/1.0, as health checks speak it: the engine itself refuses HTTP/1.1 that names no host. */
  get isHostless(): boolean {
    return this.host === null;
  }

  /** A body means nothing with these, but two readers may disagree about where it ends (request smuggling). */
  get isBodiless(): boolean {
    const { method } = this.request;
    return method === "GET" || method === "HEAD" || this.isUpgrade;
  }

  /**
   * Does the connection end with the answer? Then the answer has to say so (RFC 9112 section 9.6), or a client that pools
   * connections sends its next request into a dead one.
   */
  get endsConnection(): boolean {
    return this.isHostless || hasToken(this.request.headers.get("connection"), "close");
  }
}

/** @returns why the request must not be served, or undefined when it may. */
export function malformation({ host, url, isUpgrade, hasBody, isBodiless }: Head): string | undefined {
  // RFC 9112 section 3.2: exactly one. The engine joins repeated headers with a comma, which no host contains.
  if (host?.includes(",")) return "Expected exactly one Host header\n";
  if (!url) return "Expected a valid host and path\n";
  // RFC 6455 section 4.2.1.
  if (host === null && isUpgrade) return "Expected a Host header\n";
  return isBodiless && hasBody ? "Expected a request without a body\n" : undefined;
}

/**
 * The address of the peer on a unix socket: there is none. It is a proxy on this machine, which names
 * the clients of its requests (SEC-15). No IP address and no host name is written like this.
 */
export const unixPeer = "unix:";

/**
 * Who asks, and what limits count it by (SEC-15). The peer itself is not counted when it is a proxy or on this machine; what
 * a proxy says always is, be it a proxy's own address: a wide range of trusted ones lifts no limit behind them.
 */
export type Client = Pick<Exchange, "address" | "countedAs">;

/** What is known of a peer before it says anything. */
interface Peer extends Client {
  readonly isTrusted: boolean;
}

/** Peers that are remembered: a pool of connections sends all of its requests from one. */
const maxPeers = 1_000;

/** Proxies that are trusted to set `X-Forwarded-*`: addresses and CIDR ranges, and every process that may open our unix socket. */
export class TrustedProxies {
  readonly #isListed: (address: string) => boolean;
  readonly #peers = new Remembered<string, Peer>(maxPeers, (address) => this.#judge(address));

  /** @param entries checked by config/ already. */
  constructor(entries: readonly string[]) {
    this.#isListed = addressRanges(entries);
  }

  trusts(address: string): boolean {
    return address === unixPeer || this.#isListed(address);
  }

  /** The client: the last address of `X-Forwarded-For` that is no trusted proxy (SEC-15); the peer when there is none. */
  clientOf(address: string, { headers }: Request): Client {
    const peer = this.peer(address);
    const forwarded = peer.isTrusted ? headers.get("x-forwarded-for") : null;
    return forwarded === null ? peer : this.#forwarded(peer, forwarded);
  }

  peer(address: string): Peer {
    return this.#peers.get(address);
  }

  #judge(address: string): Peer {
    const isTrusted = this.trusts(address);
    const isShared = isTrusted || isLoopback(address);
    return { address, countedAs: isShared ? sharedAddress(address) : address, isTrusted };
  }

  #forwarded(peer: Peer, forwarded: string): Client {
    let farthest: string | undefined;
    for (const entry of forwarded.split(",").toReversed()) {
      const address = plainAddress(withoutPort(entry.trim()));
      if (address === unixPeer) continue;
      if (isIP(address) === 0) break;
      if (!this.trusts(address)) return { address, countedAs: address };
      farthest = address;
    }
    return { address: peer.address, countedAs: farthest ?? peer.countedAs };
  }
}

/** Some proxies add the client's port: `192.0.2.1:4711`, `[2001:db8::1]:4711`. */
function withoutPort(entry: string): string {
  return /^\[(.*)\](?::\d+)?$/.exec(entry)?.[1] ?? /^([\d.]+):\d+$/.exec(entry)?.[1] ?? entry;
}

/** One client is one text, whichever way it came: IPv4 in IPv6 form is IPv4, and a zone (`fe80::1%eth0`) is no part of it. */
export function plainAddress(text: string): string {
  const zone = text.indexOf("%");
  const address = zone === -1 ? text : text.slice(0, zone);
  if (!address.startsWith(":")) return address;
  const inner = /^::ffff:([\d.]+)$/i.exec(address)?.[1] ?? "";
  return isIP(inner) === 4 ? inner : address;
}

/** What the requests of one listener have in common. */
export interface ExchangeParts {
  readonly proxies: TrustedProxies;
  readonly origins: Origins;
  /** The address of the connection's other end, as `plainAddress` writes it: a call to the kernel. */
  peerOf(request: Request): string;
  hold(request: Request, seconds: number): void;
}

/** Of all requests without one: it is read alone. */
const noQuery = new URLSearchParams();

/** What most requests never ask, such as the address or the origin of a backend, is found out when it is asked. */
export class RequestExchange implements Exchange {
  readonly #request: Request;
  readonly #url: RequestUrl;
  readonly #parts: ExchangeParts;
  #query: URLSearchParams | undefined;
  #peer: string | undefined;
  #client: Client | undefined;
  #own: OwnHost | undefined;

  constructor(request: Request, url: RequestUrl, parts: ExchangeParts) {
    this.#request = request;
    this.#url = url;
    this.#parts = parts;
  }

  get path(): string {
    return this.#url.path;
  }

  get query(): URLSearchParams {
    this.#query ??= this.#url.search.length > 1 ? new URLSearchParams(this.#url.search) : noQuery;
    return this.#query;
  }

  get address(): string {
    return this.#clientOf().address;
  }

  get countedAs(): string {
    return this.#clientOf().countedAs;
  }

  get origin(): string | undefined {
    return this.#request.headers.get("origin") ?? undefined;
  }

  get isOriginAllowed(): boolean {
    return isOriginAllowed(this.origin, this.isOwnOrigin, this.#parts.origins);
  }

  get isOwnOrigin(): boolean {
    return isOwnOrigin(this.origin, this.#ownHost());
  }

  isScriptAllowed(): boolean {
    return isScriptAllowed(this.#request, this.#ownHost(), this.#parts.origins);
  }

  hold(seconds: number): void {
    this.#parts.hold(this.#request, seconds);
  }

  #clientOf(): Client {
    this.#client ??= this.#parts.proxies.clientOf(this.#peerOf(), this.#request);
    return this.#client;
  }

  #ownHost(): OwnHost {
    this.#own ??= ownHost(this.#request, this.#parts.proxies.peer(this.#peerOf()).isTrusted);
    return this.#own;
  }

  #peerOf(): string {
    this.#peer ??= this.#parts.peerOf(this.#request);
    return this.#peer;
  }
}
