// The gateway's own HTTP paths, all below `/-/` (RTE-10): health for load balancers, metrics for Prometheus. Nothing
// here lists clients or rooms (SEC-13), and no answer repeats a request (SEC-05).

import { Hono } from "hono";
import type { Context } from "hono";
import type { Observe } from "../core/observe.ts";

export interface Readiness {
  readonly isReady: boolean;
  /** Why not: sentences that anyone may read. */
  readonly reasons: readonly string[];
  /** What does not go on and is no reason to send clients elsewhere: sentences likewise. */
  readonly warnings?: readonly string[];
}

export interface ApiParts {
  readonly observe: Pick<Observe, "report">;
  /** The metrics in Prometheus' text format 0.0.4. */
  metrics(): string;
  /** Should a load balancer send clients here now? */
  readiness(): Readiness;
}

const paths = ["/-/health/live", "/-/health/ready", "/-/metrics"] as const;
/** For those who guess another path. */
export const healthPlaces = "Health is at /-/health/ready, metrics at /-/metrics";
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
  app.get("/-/metrics", (context) => context.body(parts.metrics(), 200, { "Content-Type": metricsType }));
  for (const path of paths) {
    app.all(path, (context) => context.text("Method Not Allowed\n", 405, { Allow: "GET, HEAD" }));
  }
  app.notFound((context) => context.text(`Not found. ${healthPlaces}\n`, 404));
  app.onError((error, context) => {
    parts.observe.report("api", error);
    return context.text("Internal Server Error\n", 500);
  });
  return (request) => (request.method === "HEAD" ? answerHead(app, request.url) : app.fetch(request));
}

/** What GET would say of its body is said, and the body is left out (RFC 9110 section 9.3.2). */
async function answerHead(app: Hono, url: string): Promise<Response> {
  const answer = await app.fetch(new Request(url));
  const { byteLength } = await answer.arrayBuffer();
  const head = new Response(null, answer);
  head.headers.set("content-length", String(byteLength));
  return head;
}

function answerReadiness(context: Context, { isReady, reasons, warnings = [] }: Readiness): Response {
  const answer = {
    ready: isReady,
    reasons: isReady ? [] : reasons,
    ...(warnings.length > 0 && { warnings }),
  };
  return context.json(answer, isReady ? 200 : 503);
}
