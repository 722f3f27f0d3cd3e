// What a listener finds out about a request before any dialect sees it: is it well formed, who sent it, and may
// its Origin speak to us (origin.ts). Closes the engine's known gaps: two Host headers, and an upgrade with a body.

import { BlockList, isIP } from "node:net";
import { isLoopback, sharedAddress } from "../auth/address.ts";
import type { Exchange } from "../core/dialect.ts";
import { isUpgrade } from "../core/http.ts";
import { isOriginAllowed, isOwnOrigin, isScriptAllowed, ownHost } from "./origin.ts";
import type { Origins } from "./origin.ts";

/** @returns why the request must not be served, or undefined when it may. */
export function malformation(request: Request): string | undefined {
  const host = request.headers.get("host");
  // RFC 9112 section 3.2: exactly one. The engine joins repeated headers with a comma, which no host contains.
  if (host?.includes(",")) return "Expected exactly one Host header\n";
  const url = absoluteUrl(request);
  // The engine leaves out a host that is none, and passes on the `host:port` of CONNECT.
  if (!url.startsWith("http") || !URL.canParse(url)) return "Expected a valid host and path\n";
  // RFC 6455 section 4.2.1.
  if (host === null && isUpgrade(request)) return "Expected a Host header\n";
  return isBodiless(request) && hasBody(request) ? "Expected a request without a body\n" : undefined;
}

/** Without Host it is HTTP/1.0, as health checks speak it: the engine itself refuses HTTP/1.1 that names no host. */
function isHostless({ headers }: Request): boolean {
  return !headers.has("host");
}

/** The URL; where the client named no host, the engine leaves the path alone. */
function absoluteUrl(request: Request): string {
  const { url } = request;
  return isHostless(request) && url.startsWith("/") ? `http://localhost${url}` : url;
}

/**
 * Does the connection end with the answer? Then the answer has to say so (RFC 9112 section 9.6), or a client that pools
 * connections sends its next request into a dead one.
 */
export function endsConnection(request: Request): boolean {
  const { headers } = request;
  return hasToken(headers.get("connection"), "close") || isHostless(request);
}

function hasToken(list: string | null, token: string): boolean {
  if (list === null) return false;
  return list
    .toLowerCase()
    .split(",")
    .some((each) => each.trim() === token);
}

/** A body means nothing with these, but two readers may disagree about where it ends (request smuggling). */
export function isBodiless(request: Request): boolean {
  return request.method === "GET" || request.method === "HEAD" || isUpgrade(request);
}

/** Says that a body follows. */
export function hasBody({ headers }: Request): boolean {
  return headers.has("transfer-encoding") || Number(headers.get("content-length") ?? 0) !== 0;
}

/** RFC 6455 section 4.2.1. @returns the status to refuse with, or undefined when the handshake is right. */
export function handshakeFault(request: Request): 400 | 405 | 426 | undefined {
  if (request.method !== "GET") return 405;
  const { headers } = request;
  if (headers.get("sec-websocket-version") !== "13") return 426;
  const isAsked = hasToken(headers.get("connection"), "upgrade");
  return isAsked && /^[A-Za-z0-9+/]{22}==$/.test(headers.get("sec-websocket-key") ?? "") ? undefined : 400;
}

/**
 * The address of whoever speaks through a unix socket: there is none. It is a proxy on this machine, which says whose
 * requests it brings (SEC-15). No IP address and no host name is written like this.
 */
export const unixPeer = "unix:";

/**
 * Who asks, and what limits count it by (SEC-15). The peer itself is not counted when it is a proxy or on this machine; what
 * a proxy says always is, be it a proxy's own address: a wide range of trusted ones lifts no limit behind them.
 */
export type Client = Pick<Exchange, "address" | "countedAs">;

/** Proxies whose `X-Forwarded-*` are believed: addresses and CIDR ranges, and whoever may open our unix socket. */
export class TrustedProxies {
  readonly #list = new BlockList();

  /** @param entries checked by config/ already. */
  constructor(entries: readonly string[]) {
    for (const entry of entries) {
      const [address = "", bits] = entry.split("/");
      const family = isIP(address) === 6 ? "ipv6" : "ipv4";
      if (isIP(address) === 0) continue;
      if (bits === undefined) this.#list.addAddress(address, family);
      else this.#list.addSubnet(address, Number(bits), family);
    }
  }

  trusts(address: string): boolean {
    if (address === unixPeer) return true;
    return isIP(address) !== 0 && this.#list.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");
  }

  /** The client: the last address of `X-Forwarded-For` that is no trusted proxy (SEC-15); the peer when there is none. */
  clientOf(peer: string, request: Request): Client {
    if (!this.trusts(peer)) {
      return { address: peer, countedAs: isLoopback(peer) ? sharedAddress(peer) : peer };
    }
    let farthest: string | undefined;
    const forwarded = (request.headers.get("x-forwarded-for") ?? "").split(",");
    for (const entry of forwarded.toReversed()) {
      const address = plainAddress(withoutPort(entry.trim()));
      if (address === unixPeer) continue;
      if (isIP(address) === 0) break;
      if (!this.trusts(address)) return { address, countedAs: address };
      farthest = address;
    }
    return { address: peer, countedAs: farthest ?? sharedAddress(peer) };
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
  const inner = /^::ffff:([\d.]+)$/i.exec(address)?.[1] ?? "";
  return isIP(inner) === 4 ? inner : address;
}

export interface ExchangeParts {
  readonly request: Request;
  /** Who is connected to us, as `plainAddress` writes it. */
  readonly peer: string;
  readonly proxies: TrustedProxies;
  readonly origins: Origins;
  readonly hold: (seconds: number) => void;
}

export function createExchange({ request, peer, proxies, origins, hold }: ExchangeParts): Exchange {
  const url = new URL(absoluteUrl(request));
  const origin = request.headers.get("origin") ?? undefined;
  const own = ownHost(request, proxies.trusts(peer));
  const isOwn = isOwnOrigin(origin, own);
  return {
    path: url.pathname,
    query: url.searchParams,
    ...proxies.clientOf(peer, request),
    origin,
    isOriginAllowed: isOriginAllowed(origin, isOwn, origins),
    isOwnOrigin: isOwn,
    isScriptAllowed: () => isScriptAllowed(request, own, origins),
    hold,
  };
}
