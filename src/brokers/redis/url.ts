// Redis URLs into what a connection needs. Errors say which part is wrong and never repeat the text: a password may
// stand anywhere in a mistyped URL.

import { hostAndPort } from "../../base/ip-address.ts";
import { percentDecoded } from "../../base/http.ts";
import { GatewayError } from "../../vocabulary/errors.ts";

/** Where a Redis is and how to enter. */
export interface RedisAddress {
  readonly place: TcpPlace | SocketPlace;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly database: number;
  /** What the URL says of certificates (`ssl_ca_certs`, `ssl_cert_reqs`). */
  readonly caFile: string | undefined;
  readonly isInsecure: boolean | undefined;
  /** The URL without user, password and options, for people. */
  readonly label: string;
}

interface TcpPlace {
  readonly kind: "tcp" | "tls";
  readonly host: string;
  readonly port: number;
}

interface SocketPlace {
  readonly kind: "socket";
  readonly path: string;
}

const tcpSchemes: ReadonlySet<string> = new Set(["redis", "rediss"]);
const socketSchemes: ReadonlySet<string> = new Set([
  "unix",
  "redis+unix",
  "redis+socket",
  "redis-socket",
  "socket",
]);

export const redisSchemes: readonly string[] = [...tcpSchemes, ...socketSchemes];

const options: ReadonlySet<string> = new Set([
  "db",
  "virtual_host",
  "username",
  "password",
  "ssl_ca_certs",
  "ssl_cert_reqs",
]);

/** Options of redis-py about its own workings, which mean nothing here: existing URLs go on working. */
const ignored: ReadonlySet<string> = new Set([
  "client_name",
  "decode_responses",
  "encoding",
  "health_check_interval",
  "max_connections",
  "protocol",
  "retry_on_timeout",
  "socket_connect_timeout",
  "socket_keepalive",
  "socket_timeout",
]);

/** The authority ends at the first slash or question mark; the user part at its last `@`. */
const shape = /^([a-z][a-z0-9+-]*):\/\/(?:([^/?]*)@)?([^/?@]*)(\/[^?]*)?(?:\?(.*))?$/i;
const hostShape = /^(?:\[([0-9a-f:.]{2,45})\]|([\w.-]{0,253}))(?::(\d{1,5}))?$/i;

/**
 * Reads `redis://`, `rediss://` and unix-socket URLs as redis-py does; `redis://` alone is localhost:6379/0.
 * Throws GatewayError `config_invalid`.
 */
export function parseRedisUrl(text: string): RedisAddress {
  const [matched, rawScheme = "", user = "", authority = "", path = "", search = ""] = shape.exec(text) ?? [];
  if (matched === undefined) throw wrong("`scheme://...`", "something else");
  const scheme = rawScheme.toLowerCase();
  const query = new URLSearchParams(search);
  for (const name of query.keys()) {
    if (!options.has(name) && !ignored.has(name))
      throw wrong(`only the options ${[...options].join(", ")}`, "another one");
  }
  const [username, password] = credentials(user);
  const shared = {
    username: username ?? query.get("username") ?? undefined,
    password: password ?? query.get("password") ?? undefined,
    caFile: query.get("ssl_ca_certs") ?? undefined,
    isInsecure: insecurity(query.get("ssl_cert_reqs")),
  };
  if (socketSchemes.has(scheme)) {
    const database = databaseOf(query.get("db") ?? query.get("virtual_host") ?? "");
    const place = socketPlace(authority, path);
    return { ...shared, place, database, label: `unix://${place.path}?db=${database}` };
  }
  if (!tcpSchemes.has(scheme)) throw wrong(`one of the schemes ${redisSchemes.join(", ")}`, "another one");
  const database = databaseOf(query.get("db") ?? path.replaceAll("/", ""));
  const place = tcpPlace(scheme === "rediss" ? "tls" : "tcp", authority);
  return { ...shared, place, database, label: `${scheme}://${addressOf(place)}/${database}` };
}

/** `127.0.0.1:6379`, `[::1]:6379` or the path of a socket. */
export function addressOf(place: TcpPlace | SocketPlace): string {
  return place.kind === "socket" ? place.path : hostAndPort(place.host, place.port);
}

function credentials(user: string): readonly [string | undefined, string | undefined] {
  const colon = user.indexOf(":");
  const username = decode(colon === -1 ? user : user.slice(0, colon));
  const password = colon === -1 ? undefined : decode(user.slice(colon + 1));
  return [username || undefined, password || undefined];
}

function tcpPlace(kind: TcpPlace["kind"], authority: string): TcpPlace {
  const [matched, ipv6, name, port = "6379"] = hostShape.exec(authority) ?? [];
  if (matched === undefined) {
    throw wrong(
      "`host`, `host:port` or `[ipv6]:port` (special characters of a password as %XX)",
      "something else",
    );
  }
  const number = Number(port);
  if (number < 1 || number > 65_535) throw wrong("a port from 1 to 65535", `${number}`);
  return { kind, host: ipv6 ?? (name || "localhost"), port: number };
}

function socketPlace(authority: string, path: string): SocketPlace {
  const decoded = decode(path);
  if (authority !== "" || decoded.length < 2) {
    throw wrong("the absolute path of a socket, as in `unix:///run/redis.sock?db=0`", "something else");
  }
  return { kind: "socket", path: decoded };
}

function databaseOf(text: string): number {
  if (text === "") return 0;
  if (!/^\d{1,9}$/.test(text)) throw wrong("a database number", "something else");
  return Number(text);
}

function insecurity(text: string | null): boolean | undefined {
  switch (text?.toLowerCase().replace(/^cert_/, "")) {
    case undefined:
      return undefined;
    case "required":
    case "optional":
      // For a client the two mean the same.
      return false;
    case "none":
      return true;
    default:
      throw wrong("`ssl_cert_reqs` as `required`, `optional` or `none`", "something else");
  }
}

function decode(text: string): string {
  const decoded = percentDecoded(text);
  if (decoded !== undefined) return decoded;
  throw wrong("`%` to be followed by two hexadecimal digits that make UTF-8", "something else");
}

function wrong(expected: string, got: string): GatewayError {
  return new GatewayError("config_invalid", `Expected ${expected} in the Redis URL, got ${got}`);
}
