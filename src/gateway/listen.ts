// One listener of the config as a running one: the routes of the dialects that it speaks, in their order, between the
// gateway's own and the answer to what no route took. Part of the composition root (gateway.ts).

import { apiRoute } from "../api/door.ts";
import { notFoundRoute } from "../api/not-found.ts";
import { openApiRoute } from "../api/openapi.ts";
import type { ApiContext } from "../api/operation.ts";
import { described, operations } from "../api/operations.ts";
import { readEndpoint } from "../config/address.ts";
import type { ListenerConfig } from "../config/schema.ts";
import type { SpokenDialect } from "./contexts.ts";
import type { SecretCheck } from "../proofs/access.ts";
import type { Route } from "../server/route.ts";
import type { Observe } from "../core/observe.ts";
import type { Dialects } from "../dialects/registry.ts";
import { Listener } from "../server/listener.ts";
import { GatewayError } from "../vocabulary/errors.ts";
import type { Limits } from "../vocabulary/limits.ts";

export interface ListenParts {
  /** Those that the gateway speaks. */
  readonly dialects: readonly SpokenDialect[];
  /** All that there are. */
  readonly table: Dialects;
  /** The gateway's own, before those of the dialects. */
  readonly ownRoutes: readonly Route[];
  /** Beside those of the dialects. */
  readonly extraRoutes: readonly Route[];
  readonly limits: Limits;
  readonly observe: Observe;
  /** What its API works on. */
  readonly api: ApiContext;
  /** Of the publish secret; undefined: there is none, and no API. */
  readonly checkSecret: SecretCheck | undefined;
}

/** Rejects with GatewayError `start_failed` or `config_invalid` when the address cannot be had. */
export async function listenOn(listener: ListenerConfig, parts: ListenParts): Promise<Listener> {
  const { dialects, table, ownRoutes, extraRoutes, limits, observe } = parts;
  // In the listener's own order, which decides where two want the same (RTE-01).
  const sides = [...new Set(listener.dialects)].flatMap((spoken) =>
    dialects.filter(({ name }) => name === spoken),
  );
  const address = readEndpoint(listener);
  if (!address) {
    throw new GatewayError(
      "config_invalid",
      "Expected a listener's address as host:port, [v6]:port or :port, or the path of a unix socket",
    );
  }
  return Listener.start({
    address,
    tls: listener.tls,
    routes: [
      ...ownRoutes,
      ...rulingRoutes(listener, parts),
      ...sides.flatMap(({ browser, backend }) => [...(browser?.routes ?? []), ...(backend?.routes ?? [])]),
      ...extraRoutes,
      notFoundRoute(observe, {
        dialects: listener.dialects,
        explain: (method, path) =>
          sides.map(({ explain }) => explain?.(method, path)).find((text) => text !== undefined),
        usualPaths: Object.values(table).flatMap(({ usualPath }) => usualPath ?? []),
        hasSecret: parts.checkSecret !== undefined,
      }),
    ],
    origins: listener.origins,
    trustedProxies: listener.trustedProxies,
    maxMessageBytes: Math.max(...sides.map(({ browser }) => browser?.maxMessageBytes ?? 0)),
    limits,
    observe,
  });
}

/** The API and its description. None without a publish secret: there is no unauthenticated mode. */
function rulingRoutes(
  listener: ListenerConfig,
  { api: context, checkSecret, observe, table }: ListenParts,
): readonly Route[] {
  if (!listener.api || !checkSecret) return [];
  const ofDialects = [...new Set(listener.dialects)].flatMap((name) => table[name]?.described ?? []);
  return [apiRoute({ context, operations, checkSecret, observe }), openApiRoute([...ofDialects, described])];
}
