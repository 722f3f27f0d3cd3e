// The table of drivers: one line each. The gateway opens its backplane here by URL, and the conformance suites in
// test/conformance run over every entry.

import { GatewayError } from "../vocabulary/errors.ts";
import type { Backplane, BackplaneOptions, Driver } from "./driver.ts";
import { memory } from "./memory/driver.ts";
import { redis } from "./redis/driver.ts";

export const drivers = { memory, redis } satisfies Record<string, Driver>;

const all: readonly Driver[] = Object.values(drivers);

/** Opens the backplane that a URL names; without one, this process's memory. Rejects as `Driver.open` does. */
export async function openBackplane(options: BackplaneOptions): Promise<Backplane> {
  return (options.url === undefined ? memory : driverOf(options.url)).open(options);
}

/** Checks a URL as `Driver.check` does. @returns the secrets in it. */
export function checkBackplaneUrl(url: string): readonly string[] {
  return driverOf(url).check(url);
}

/** How URLs begin, for people: those of servers that gateways share, and those that keep messages in this process. */
export const urlForms = { shared: formsOf(false), local: formsOf(true) };

/** Do the messages of this URL stay in this process? False also where no driver knows it. */
export function isLocalUrl(url: string): boolean {
  return find(url)?.isLocal === true;
}

function driverOf(url: string): Driver {
  const driver = find(url);
  if (driver) return driver;
  const scheme = schemeOf(url);
  // The text itself may hold a password, so only its scheme is shown.
  const got =
    scheme !== undefined && /^[a-z][a-z0-9+.-]{0,31}$/.test(scheme) ? `${scheme}:` : "no known scheme";
  throw new GatewayError(
    "config_invalid",
    `Expected a URL of Redis that begins with ${urlForms.shared}, such as redis://localhost:6379/0, got ${got}`,
  );
}

function find(url: string): Driver | undefined {
  const scheme = schemeOf(url);
  return all.find(({ schemes }) => scheme !== undefined && schemes.includes(scheme));
}

function schemeOf(url: string): string | undefined {
  const end = url.indexOf(":");
  return end === -1 ? undefined : url.slice(0, end).toLowerCase();
}

function formsOf(isLocal: boolean): string {
  return all.flatMap((driver) => ((driver.isLocal === true) === isLocal ? [driver.urls] : [])).join(", ");
}
