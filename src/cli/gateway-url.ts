// Where a gateway with this config is asked by `publish` and `tail`, from the machine that it runs on.

import { parseAddress } from "../config/address.ts";
import type { Config } from "../config/config.ts";
import type { DialectName } from "../dialects/registry.ts";

/** Of a gateway without any configuration. */
const defaultUrl = "http://127.0.0.1:8899";

/** The URL of the listener that speaks the dialect, else of the first one; a unix socket has none. */
export function gatewayUrl({ listeners }: Config, dialect: DialectName): string {
  const listener = listeners.find(({ dialects }) => dialects.includes(dialect)) ?? listeners[0];
  const place = listener?.address === undefined ? undefined : parseAddress(listener.address);
  if (!listener || !place || place.port === 0) return defaultUrl;
  const { host, port } = place;
  // Every address of the machine: this one is among them.
  const name = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
  return `${listener.tls ? "https" : "http"}://${name.includes(":") ? `[${name}]` : name}:${port}`;
}
