// Path and query of a request, out of the URL that the engine made of its head. The engine writes it as URL.href does, so
// where the host was judged before, both are only cut out: a URL object for each request costs more than that, most of it
// when it is collected.

/** Where a request goes. */
export interface RequestUrl {
  /** As `URL.pathname`. */
  readonly path: string;
  /** As `URL.search`, or a lone `?`. */
  readonly search: string;
}

/** Hosts that are remembered: all requests of a backend name the same one. */
const maxOrigins = 1_000;
/** Behind the slashes of `http://` and `https://`. */
const hostStart = 8;

/** Reads the URLs of one listener. */
export class RequestUrls {
  /** `http://host:port`, each found to be the origin of a URL. */
  readonly #origins = new Set<string>();

  /** @returns undefined when it is no absolute URL of HTTP. */
  read(url: string): RequestUrl | undefined {
    if (!url.startsWith("http")) return undefined;
    const end = url.indexOf("/", hostStart);
    if (end !== -1 && this.#isOrigin(url.slice(0, end))) return cut(url, end);
    const parsed = URL.parse(url);
    return parsed ? { path: parsed.pathname, search: parsed.search } : undefined;
  }

  #isOrigin(text: string): boolean {
    if (this.#origins.has(text)) return true;
    const origin = URL.parse(text)?.origin;
    if (origin !== text) return false;
    if (this.#origins.size >= maxOrigins) this.#origins.clear();
    // Not the text: that keeps the whole URL.
    this.#origins.add(origin);
    return true;
  }
}

function cut(url: string, start: number): RequestUrl {
  const hash = url.indexOf("#", start);
  const end = hash === -1 ? url.length : hash;
  const query = url.indexOf("?", start);
  const pathEnd = query === -1 || query > end ? end : query;
  return { path: url.slice(start, pathEnd), search: url.slice(pathEnd, end) };
}
