// Which route of a listener a request is for (compat section 10). Several dialects may share one port: the best fitting
// path decides, and among routes that fit equally well their own verdicts do.

import type { Exchange, Route } from "./route.ts";

export interface Routing {
  /** The route that gets the request. */
  readonly route: Route | undefined;
  /** Some route names the path, whether it wants the request or not; a route that takes all paths names none (RTE-07). */
  readonly isKnownPath: boolean;
}

/** A route, and how what is below it begins. */
interface Placed {
  readonly route: Route;
  readonly below: string;
}

export class Router {
  /** Longest paths first, exact ones before prefixes, else in the order of the dialects. */
  readonly #routes: readonly Placed[];

  constructor(routes: readonly Route[]) {
    this.#routes = routes
      .toSorted((a, b) => b.path.length - a.path.length || Number(a.isPrefix) - Number(b.isPrefix))
      .map((route) => ({ route, below: `${route.path}/` }));
  }

  /** RTE-01: the longest path wins; of those that fit as well, the first with the best `Suitability`. */
  find(request: Request, exchange: Exchange): Routing {
    let likely: Route | undefined;
    let otherwise: Route | undefined;
    let isKnownPath = false;
    let fit = 0;
    for (const placed of this.#routes) {
      const fits = fitOf(placed, exchange.path);
      if (fits === 0) continue;
      if ((likely ?? otherwise) && fits < fit) break;
      fit = fits;
      const { route } = placed;
      isKnownPath ||= route.path !== "";
      const verdict = route.accepts?.(request, exchange) ?? "yes";
      if (verdict === "yes") return { route, isKnownPath };
      if (verdict === "likely") likely ??= route;
      if (verdict === "otherwise") otherwise ??= route;
    }
    return { route: likely ?? otherwise, isKnownPath };
  }
}

/** How many characters of the path the route names, the slash behind a prefix included; 0 when it does not fit. */
function fitOf({ route, below }: Placed, path: string): number {
  if (route.path === path) return path.length;
  const isBelow = route.isPrefix && path.startsWith(below);
  return isBelow ? route.path.length + 1 : 0;
}
