// The answer to a request that no route takes: a sentence where the path is one of a feature that is switched off, on
// another port, or takes other methods, else plain "Not found". It repeats nothing of the request (SEC-05), names no client or room (SEC-13), and
// says no more than the documentation does.

import type { Explanation } from "../dialects/dialect.ts";
import type { Route } from "../server/route.ts";
import { healthPlaces } from "./app.ts";
import { textAnswer } from "../base/http.ts";
import type { Observe } from "../core/observe.ts";

/** What a listener has, as far as it explains what it has not. */
export interface Present {
  readonly dialects: readonly string[];
  /** What one of its dialects says of a request that no route took. */
  explain(method: string, path: string): Explanation | undefined;
  /** Where clients of any dialect are usually looked for. */
  readonly usualPaths: readonly string[];
  /** Has the gateway a publish secret? */
  readonly hasSecret: boolean;
}

const apiIsOff =
  "Not found. The HTTP API is off, because this gateway has no publish secret: --secret-file or BELFRY_SECRET_FILE gives it one";

/** The last route of a listener, behind all others. */
export function notFoundRoute(observe: Pick<Observe, "refused">, present: Present): Route {
  return {
    path: "",
    isPrefix: true,
    accepts: () => "otherwise",
    fetch(request, { path }) {
      const { text, allow } = explain(request.method, path, present);
      const status = allow === undefined ? 404 : 405;
      observe.refused("http", `http_${status}`);
      return textAnswer(status, `${text}\n`, allow === undefined ? undefined : { allow });
    },
  };
}

function explain(method: string, path: string, present: Present): Explanation {
  const { dialects, usualPaths, hasSecret } = present;
  const speaks = `This listener speaks ${dialects.join(", ")}`;
  if (path === "/") return { text: `Not found. ${speaks}; there are no pages here. ${healthPlaces}` };
  if (["/metrics", "/health"].includes(path)) return { text: `Not found. ${healthPlaces}` };
  const explained = present.explain(method, path);
  if (explained) return explained;
  if (!hasSecret && path.startsWith("/api/")) return { text: apiIsOff };
  const isUsual = usualPaths.some((usual) => `${path}/`.startsWith(`${usual}/`));
  return { text: isUsual ? `Not found. ${speaks}` : "Not found" };
}
