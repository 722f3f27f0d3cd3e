// The answer to a request that no route takes: a sentence where the path is one of a feature that is switched off or on
// another port, else plain "Not found". It repeats nothing of the request (SEC-05), names no client or room (SEC-13), and
// says no more than the documentation does.

import type { Route } from "../core/dialect.ts";
import { textAnswer } from "../base/http.ts";
import type { Observe } from "../core/observe.ts";

/** What a listener has, as far as it explains what it has not. */
export interface Present {
  readonly dialects: readonly string[];
  /** What one of its dialects says of a request that no route took. */
  explain(method: string, path: string): string | undefined;
  /** Where clients of any dialect are usually looked for. */
  readonly usualPaths: readonly string[];
}

/** The last route of a listener, behind all others. */
export function notFoundRoute(observe: Pick<Observe, "refused">, present: Present): Route {
  return {
    path: "",
    isPrefix: true,
    accepts: () => "otherwise",
    fetch(request, { path }) {
      observe.refused("http", "http_404");
      return textAnswer(404, `${sentence(request.method, path, present)}\n`);
    },
  };
}

function sentence(method: string, path: string, present: Present): string {
  const { dialects, usualPaths } = present;
  const speaks = `This listener speaks ${dialects.join(", ")}`;
  if (path === "/") return `Not found. ${speaks}; there are no pages here. Health is at /-/health/ready`;
  const isUsual = usualPaths.some((usual) => `${path}/`.startsWith(`${usual}/`));
  return present.explain(method, path) ?? (isUsual ? `Not found. ${speaks}` : "Not found");
}
