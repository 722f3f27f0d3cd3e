// The gateway's own routes, on every listener: what stands below `/-/`, and the default check of
// load balancers.

import type { Route } from "../server/route.ts";
import { createApi } from "./app.ts";
import type { ApiParts } from "./app.ts";
import { audienceRoute } from "./audience.ts";
import type { AudienceParts } from "./audience.ts";

export interface ApiRouteParts extends ApiParts, Pick<AudienceParts, "count"> {
  /** Of the publish secret; undefined: there is none, and the audience route is absent. */
  readonly checkSecret: AudienceParts["checkSecret"] | undefined;
}

export function apiRoutes({ checkSecret, count, ...parts }: ApiRouteParts): readonly Route[] {
  const answer = createApi(parts);
  // Not the request's own URL: HTTP/1.0 may name no host.
  const ask = (path: string, method: string) => answer(new Request(`http://localhost${path}`, { method }));
  const api: Route = { path: "/-", isPrefix: true, fetch: ({ method }, { path }) => ask(path, method) };
  const check: Route = {
    // HAProxy's bare `option httpchk`: `OPTIONS /`. It names no path, so upgrades there are as unknown as before.
    path: "",
    isPrefix: true,
    accepts: ({ method }, { path }) => (method === "OPTIONS" && path === "/" ? "yes" : "no"),
    fetch: () => ask("/-/health/ready", "GET"),
  };
  return checkSecret ? [api, check, audienceRoute({ checkSecret, count })] : [api, check];
}
