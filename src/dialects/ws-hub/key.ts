// Who knocks: the key of a handshake (HUB-01..03), and whether it is a websocket handshake at all (HUB-17).

import type { Exchange } from "../../core/dialect.ts";
import type { WsHubOptions } from "./options.ts";

type KeyOptions = Pick<WsHubOptions, "clientKey" | "fromHeader">;

/** The key as it came, of any length and with any characters; the empty string when there is none. */
export function presentedKey(request: Request, { query }: Exchange, options: KeyOptions): string {
  const { clientKey, fromHeader } = options;
  const header = fromHeader ? request.headers.get(clientKey) : null;
  // The engine reads each byte of a header as one character.
  const fromHead = header === null ? "" : Buffer.from(header, "latin1").toString();
  return fromHead === "" ? (query.get(clientKey) ?? "") : fromHead;
}

/**
 * May it be a key? Not too long, no control characters, and text: what is no UTF-8 was read as U+FFFD, which would
 * make one key of several (T30).
 */
export function isKey(key: string, maxBytes: number): boolean {
  return key !== "" && Buffer.byteLength(key) <= maxBytes && !/[\p{Cc}\u{FFFD}]/u.test(key);
}

/** RFC 6455 section 4.2.1, with the statuses of WS-HUB (HUB-17). */
export function handshakeFault({ method, headers }: Request): 400 | 405 | undefined {
  if (method !== "GET") return 405;
  const tokens = (headers.get("connection") ?? "").toLowerCase().split(",");
  const isRight =
    tokens.some((token) => token.trim() === "upgrade") &&
    headers.get("upgrade")?.toLowerCase() === "websocket" &&
    headers.get("sec-websocket-version") === "13" &&
    /^[A-Za-z0-9+/]{22}==$/.test(headers.get("sec-websocket-key") ?? "");
  return isRight ? undefined : 400;
}
