// Addresses in the config: where a listener binds, who may speak for other clients (trusted proxies), and which web pages
// may connect (WSE-02, EIO-18). Pure text handling; the schema checks with it, and the gateway binds what it returns.

import { isIP } from "node:net";
import type { z } from "zod";
import type { Endpoint, TcpEndpoint } from "../server/endpoint.ts";
import { isLoopback } from "../base/client-address.ts";

/** What a listener's options say about where it listens. */
interface ListenAddress {
  readonly address?: string | undefined;
  readonly unix?: string | undefined;
  readonly unixMode?: string | undefined;
}

/** Where a listener listens; undefined when it says neither, or no address that is one. */
export function readEndpoint({ address, unix, unixMode = "660" }: ListenAddress): Endpoint | undefined {
  if (unix !== undefined) return { unix, mode: Number.parseInt(unixMode, 8) };
  return address === undefined ? undefined : parseAddress(address);
}

const addressPattern = /^(?:\[([0-9A-Fa-f:.]{2,45})\]|([\w.-]{1,253}))?:(\d{1,5})$/;

/** Reads `host:port`, `[v6]:port` or `:port`, which means `0.0.0.0`; undefined for anything else. */
export function parseAddress(text: string): TcpEndpoint | undefined {
  const match = addressPattern.exec(text);
  if (!match) return undefined;
  const [, v6, name, digits] = match;
  const port = Number(digits);
  if (port > 65_535 || (v6 !== undefined && isIP(v6) !== 6)) return undefined;
  return { host: v6 ?? name ?? "0.0.0.0", port };
}

/** The system has so much room for a unix socket's path, less one: Linux 108 bytes, others 104. */
const maxSocketPathBytes = process.platform === "linux" ? 107 : 103;

/** Refuses what is no path of a unix socket. */
export function checkSocketPath(path: string, context: z.RefinementCtx): void {
  const bytes = Buffer.byteLength(path);
  const hasRoom = bytes >= 1 && bytes <= maxSocketPathBytes;
  if (hasRoom && !path.includes("\0")) return;
  const got = hasRoom ? "one with a NUL" : `${bytes}`;
  const message = `Expected the path of a unix socket to be 1-${maxSocketPathBytes} bytes, got ${got}`;
  context.addIssue({ code: "custom", message });
}

/** Can only programs of this machine reach the host? */
export function isLocal(host: string): boolean {
  return /^(.+\.)?localhost$/i.test(host) || isLoopback(host);
}

/** Elements are split on spaces, and a `*` anywhere allows every page (WSE-02). */
export function readOrigins(value: string | readonly string[]): "*" | readonly string[] {
  const elements = [value].flat().flatMap((text) => text.split(/\s+/).filter((element) => element !== ""));
  return elements.includes("*") ? "*" : elements;
}

/**
 * Can a browser ever send this `Origin`? Comparison is exact (EIO-18), so a path, a trailing slash, an upper-case
 * host or a default port makes an element that matches no page. Packaged apps and boards have no host: they send `file://`.
 */
export function canMatch(origin: string): boolean {
  if (origin === "null" || origin === "file://") return true;
  const match = /^([a-z][a-z0-9+.-]*):\/\/([^/?#@\s]+)$/.exec(origin);
  if (!match || !URL.canParse(origin)) return false;
  const url = new URL(origin);
  return url.origin === "null" ? origin === origin.toLowerCase() : url.origin === origin;
}
