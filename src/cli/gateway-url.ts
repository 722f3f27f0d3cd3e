// Where a gateway with this config is asked by commands, from the machine that it runs on.

import { hostAndPort } from "../base/ip-address.ts";
import { parseAddress } from "../config/address.ts";
import type { Config, ListenerConfig } from "../config/schema.ts";
import type { Publishing } from "../dialects/command-parts.ts";
import type { Dialects } from "../dialects/registry.ts";

/** Of a gateway without any configuration. */
const defaultUrl = "http://127.0.0.1:8899";

/** The URL of the listener where backends of the dialect publish, else of the first one; a unix socket has none. */
export function gatewayUrl({ listeners }: Config, dialect: string | undefined): string {
  return urlOf(listeners.find(({ dialects }) => dialects.some((name) => name === dialect)) ?? listeners[0]);
}

/** The URL of the listener with the HTTP API, else of the first one; a unix socket has none. */
export function apiUrl({ listeners }: Config): string {
  return urlOf(listeners.find(({ api, address }) => api && address !== undefined) ?? listeners[0]);
}

function urlOf(listener: ListenerConfig | undefined): string {
  const place = listener?.address === undefined ? undefined : parseAddress(listener.address);
  if (!listener || !place || place.port === 0) return defaultUrl;
  const { host, port } = place;
  // Every address of the machine: this one is among them.
  const name = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
  return `${listener.tls ? "https" : "http"}://${hostAndPort(name, port)}`;
}

/** The dialect that has this HTTP door. */
export function dialectWith(path: string, dialects: Dialects): string | undefined {
  const entries = Object.entries(dialects);
  return entries.find(([, { described }]) => described?.operations.some((one) => one.path === path))?.[0];
}

export interface Publisher {
  /** Of the dialect. */
  readonly name: string;
  readonly publishing: Publishing<unknown>;
}

/** The dialects as which `belfry publish` can speak. */
export function publishersOf(dialects: Dialects): readonly Publisher[] {
  return Object.entries(dialects).flatMap(([name, { commands }]) =>
    commands?.publish ? { name, publishing: commands.publish } : [],
  );
}
