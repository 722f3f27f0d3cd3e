// Is the path of a request the one that a proxy in front of us judged? The engine resolves dot segments and takes a
// backslash for a slash before we see the URL: `/socket.io/..\-/metrics` would leave what the proxy lets through, behind
// its back. The engine's own routes match the path as it came, so there is one for each shape of a path, and what they
// captured is judged: nothing is resolved here, it is refused.

/** More than the 32 of a channel (WSC-04), what they are mounted on, and some to spare: who has more gets a 400. */
const maxSegments = 40;
/** Up to so many segments, any of them may be empty (WSC-04); in a longer path the first and the last one alone. */
const maxLoose = 8;

/** What the engine tells of a request. */
export interface RequestTarget {
  readonly url: string;
  /** The segments as they came, unescaped, without the empty ones; undefined when no route matched. */
  readonly params?: Readonly<Record<string, string>>;
}

/** Routes of the engine that capture the segments of every path of a known shape. */
export function shapedRoutes<Handler>(handler: Handler): Record<string, Handler> {
  const routes: Record<string, Handler> = {};
  const add = (isFull: readonly boolean[]): void => {
    routes[`/${isFull.map((full, index) => (full ? `:s${index}` : "")).join("/")}`] = handler;
  };
  for (let length = 1; length <= maxLoose; length++) {
    for (let bits = 0; bits < 2 ** length; bits++) {
      add(Array.from({ length }, (_, index) => ((bits >> index) & 1) === 1));
    }
  }
  for (let length = 1; length <= maxSegments; length++) {
    const full = Array.from({ length }, () => true);
    for (const first of [[], [false]]) for (const last of [[], [false]]) add([...first, ...full, ...last]);
  }
  return routes;
}

/**
 * Does the path mean the same to everybody who reads it? No backslash, and no segment of dots, however they are spelled.
 * An escaped slash or backslash is a character of a name, to us as to RFC 3986 (WSC-01).
 */
export function isPlainTarget({ url, params }: RequestTarget): boolean {
  if (params === undefined) return false;
  let [count, backslashes] = [0, 0];
  let isGarbled = false;
  for (const name in params) {
    const segment = params[name] ?? "";
    // What stands behind a hash is no path any more.
    if (segment.startsWith(".") && /^\.\.?(#|$)/.test(segment)) return false;
    if (segment.includes("\\")) backslashes += segment.split("\\").length - 1;
    isGarbled ||= segment.includes("\uFFFD");
    count++;
  }
  if (backslashes === 0 && !isGarbled) return true;
  const path = pathOf(url);
  if (!isGarbled) return backslashes <= (path.match(/%5c/gi)?.length ?? 0);
  // Behind a percent sign that escapes nothing, the engine swallows what may have been a backslash. Then the sign stands at
  // the end of a segment now, or was resolved away with it, or is lost behind a hash.
  if (backslashes > 0 || /^[^?]*#/.test(url) || /%[^/]?\//.test(path)) return false;
  return path.split("/").filter((segment) => segment !== "").length === count;
}

/** The path of a URL as the engine resolved it; of a request without a host, it is all that there is. */
function pathOf(url: string): string {
  const [path = ""] = url.replace(/^https?:\/\/[^/?]*/, "").split(/[?#]/, 1);
  return path;
}
