// Addresses in the config: where a listener binds, and who may speak for other clients (trusted proxies). Pure
// text handling; the schema checks with it, and the gateway binds what it returns.

import { isIP } from "node:net";
import { isLoopback } from "../auth/address.ts";

export interface Address {
  /** A name or an address without brackets; `:8899` means `0.0.0.0`. */
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
}

const addressPattern = /^(?:\[([0-9A-Fa-f:.]{2,45})\]|([\w.-]{1,253}))?:(\d{1,5})$/;

/** Reads `host:port`, `[v6]:port` or `:port`; undefined for anything else. */
export function parseAddress(text: string): Address | undefined {
  const match = addressPattern.exec(text);
  if (!match) return undefined;
  const [, v6, name, digits] = match;
  const port = Number(digits);
  if (port > 65_535 || (v6 !== undefined && isIP(v6) !== 6)) return undefined;
  return { host: v6 ?? name ?? "0.0.0.0", port };
}

/** Can only programs of this machine reach the host? */
export function isLocal(host: string): boolean {
  return /^(.+\.)?localhost$/i.test(host) || isLoopback(host);
}

/** Is it an address (`10.0.0.1`, `::1`) or a range of them (`10.0.0.0/8`)? */
export function isAddressRange(text: string): boolean {
  const slash = text.indexOf("/");
  const family = isIP(slash === -1 ? text : text.slice(0, slash));
  if (family === 0 || slash === -1) return family !== 0;
  const prefix = text.slice(slash + 1);
  return /^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128);
}
