// The gateway's own HTTP paths, all below `/-/` (RTE-10): health for load balancers, metrics for Prometheus. Nothing
// here lists clients or rooms (SEC-13), and no answer repeats a request (SEC-05).

import { Hono } from "hono";
import type { Context } from "hono";
import type { Route } from "../core/dialect.ts";
import type { Observe } from "../core/observe.ts";
import { audienceRoute } from "./audience.ts";
import type { AudienceParts } from "./audience.ts";

export interface Readiness {
  readonly isReady: boolean;
  /** Why not: sentences that anyone may read. */
  readonly reasons: readonly string[];
}

export interface ApiParts {
  readonly observe: Pick<Observe, "report">;
  /** The metrics in Prometheus' text format 0.0.4. */
  metrics(): Promise<string>;
  /** Should a load balancer send clients here now? */
  readiness(): Readiness;
}

export interface ApiRouteParts extends ApiParts, Pick<AudienceParts, "count"> {
  /** Of the publish secret; undefined: there is none, and nobody may ask for an audience. */
  readonly checkSecret: AudienceParts["checkSecret"] | undefined;
}

/** All of `/-/`. */
export function apiRoutes({ checkSecret, count, ...parts }: ApiRouteParts): readonly Route[] {
  const answer = createApi(parts);
  const api: Route = { path: "/-", isPrefix: true, fetch: (request) => answer(request) };
  return checkSecret ? [api, audienceRoute({ checkSecret, count })] : [api];
}

const paths = ["/-/health/live", "/-/health/ready", "/-/metrics"] as const;
const metricsType = "text/plain; version=0.0.4; charset=utf-8";

/** Answers every request below `/-/`; HEAD like GET, other methods with 405. */
export function createApi(parts: ApiParts): (request: Request) => Response | Promise<Response> {
  const app = new Hono();
  app.use(async (context, next) => {
    await next();
    context.header("Cache-Control", "no-store");
    context.header("X-Content-Type-Options", "nosniff");
  });
  app.get("/-/health/live", (context) => context.json({ live: true }));
  app.get("/-/health/ready", (context) => answerReadiness(context, parts.readiness()));
  app.get("/-/metrics", async (context) =>
    context.body(await parts.metrics(), 200, { "Content-Type": metricsType }),
  );
  for (const path of paths) {
    app.all(path, (context) => context.text("Method Not Allowed\n", 405, { Allow: "GET, HEAD" }));
  }
  app.notFound((context) => context.text("Not Found\n", 404));
  app.onError((error, context) => {
    parts.observe.report("api", error);
    return context.text("Internal Server Error\n", 500);
  });
  return (request) => app.fetch(request);
}

function answerReadiness(context: Context, { isReady, reasons }: Readiness): Response {
  return context.json({ ready: isReady, reasons: isReady ? [] : reasons }, isReady ? 200 : 503);
}
