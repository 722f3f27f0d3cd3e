// Makes node-redis clients, one per connection attempt: links reconnect by themselves, so the client's own reconnect
// and offline queue are off. RESP2 and no CLIENT commands, so that every server and restricted ACL user works.

import { createClient } from "@redis/client";
import { GatewayError } from "../../vocabulary/errors.ts";
import { readNamedFile } from "../../files/named-file.ts";
import type { TlsOptions } from "../driver.ts";
import { codeOf } from "./failure.ts";
import type { RedisAddress } from "./url.ts";

export type RedisClient = ReturnType<typeof dial>;

/** All the authorities that a system trusts are some 200 KiB. */
const maxCaBytes = 4 * 1024 * 1024;

/** What a TLS connection trusts, files read. */
export interface Trust {
  readonly ca?: string;
  readonly rejectUnauthorized: boolean;
}

/** Reads the CA file. @throws GatewayError `config_invalid` */
export function readTrust(address: RedisAddress, tls: TlsOptions = {}): Trust {
  const rejectUnauthorized = !(address.isInsecure ?? tls.insecure ?? false);
  const file = address.caFile ?? tls.ca;
  if (address.place.kind !== "tls" || file === undefined) return { rejectUnauthorized };
  try {
    return { rejectUnauthorized, ca: readNamedFile(file, maxCaBytes).toString("utf8") };
  } catch (error) {
    const text = `Expected the CA file for Redis, \`${file}\`, to be readable, got ${codeOf(error)}`;
    throw new GatewayError("config_invalid", text, { cause: error });
  }
}

/** A client that is not connected yet; each makes one connection and never another. */
export function dial(address: RedisAddress, trust: Trust, connectTimeoutMs: number) {
  const { place, username, password, database } = address;
  const shared = { connectTimeout: connectTimeoutMs, reconnectStrategy: false } as const;
  return createClient({
    RESP: 2,
    disableOfflineQueue: true,
    disableClientInfo: true,
    // The client's own deadline is an AbortSignal for each command, which is kept for as long. Ours is in deadline.ts.
    commandOptions: { timeout: 0 },
    database,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    socket: {
      ...shared,
      ...(place.kind === "socket"
        ? { path: place.path }
        : { host: place.host, port: place.port, ...(place.kind === "tls" ? { tls: true, ...trust } : {}) }),
    },
  });
}
