// The browser side of a dialect where all clients are raw connections.

import type { BrowserSide } from "../dialect.ts";
import type { Route } from "../../server/route.ts";
import type { RawDialect } from "./raw-connection.ts";

export interface RawBrowserParts {
  readonly routes: readonly Route[];
  /** As `BrowserSide.shortestDelayMs`. @default the time between two pings */
  readonly shortestDelayMs?: number;
}

export function createRawBrowserSide(
  dialect: RawDialect,
  { routes, shortestDelayMs = dialect.pingIntervalMs }: RawBrowserParts,
): BrowserSide {
  const { clients, maxMessageBytes } = dialect;
  return {
    routes,
    maxMessageBytes,
    shortestDelayMs,
    tick(now) {
      for (const client of clients) client.tick(now);
    },
    clients: () => clients,
  };
}
