// May the page that speaks to us do so? Judged by the `Origin` header alone, which no page can forge, and for scripts, which
// come without one, by `Sec-Fetch-Site` or `Referer`; the verdicts stand in the Exchange, before any dialect sees the request.

/** `*`: any; a list: exactly these (EIO-18); undefined: no list configured, then a page's own origin is allowed. */
export type Origins = "*" | readonly string[] | undefined;

/** By which host and port a page reached us. */
export interface OwnHost {
  /** As in a URL; the empty string matches nothing. */
  readonly host: string;
  /** It came by TLS for certain: then no page that came without it is ours. */
  readonly isTls: boolean;
}

/**
 * Where the request was sent: `Host`, or what a trusted proxy says that it was (W4R-16).
 * @param isProxied the peer is a trusted proxy.
 */
export function ownHost({ headers, url }: Request, isProxied: boolean): OwnHost {
  const forwarded = isProxied ? lastOf(headers.get("x-forwarded-host")) : undefined;
  const scheme = isProxied ? lastOf(headers.get("x-forwarded-proto")) : undefined;
  return {
    host: forwarded ?? headers.get("host") ?? "",
    isTls: scheme === undefined ? url.startsWith("https:") : /^(https|wss)$/i.test(scheme),
  };
}

/** The entry that our own peer wrote; what stands before it, anybody may have written. */
function lastOf(header: string | null): string | undefined {
  return header?.split(",").at(-1)?.trim() || undefined;
}

const defaultPorts = { http: "80", https: "443" } as const;

/** As browsers write it: scheme, host, and the port if it is not the scheme's own. Nothing is normalised. */
const originForm = /^(https?):\/\/([\w.-]+|\[[\da-f:.]+\])(?::(\d{1,5}))?$/;
const hostForm = /^([\w.-]+|\[[\da-f:.]+\])(?::(\d{1,5}))?$/i;

/** Are the Origin's host and port those of the request? A port that is the scheme's own is as good as none. */
export function isOwnOrigin(origin: string | undefined, own: OwnHost): boolean {
  const [, scheme, host, port] = originForm.exec(origin ?? "") ?? [];
  const [, ownName, ownPort] = hostForm.exec(own.host) ?? [];
  if (host === undefined || ownName === undefined) return false;
  if (own.isTls && scheme === "http") return false;
  const usual = scheme === "https" ? defaultPorts.https : defaultPorts.http;
  return host === ownName.toLowerCase() && (port ?? usual) === (ownPort ?? usual);
}

/** The verdict of EIO-18: no Origin is allowed, a list is compared exactly, no list means the page's own. */
export function isOriginAllowed(origin: string | undefined, isOwn: boolean, origins: Origins): boolean {
  if (origin === undefined || origins === "*") return true;
  return origins ? origins.includes(origin) : isOwn;
}

/**
 * May the page that asks for a script run it, and so read what it holds (EIO-21)? With `<script>` every page may ask, and no
 * browser sends an `Origin`. So the browser must say that the page is our own, or which of the listed pages it is; who says
 * nothing is refused, unless everyone may read. An empty list is no page, not even our own.
 */
export function isScriptAllowed({ headers }: Request, own: OwnHost, origins: Origins): boolean {
  if (origins === "*") return true;
  const origin = headers.get("origin");
  if (origin !== null) return isOriginAllowed(origin, isOwnOrigin(origin, own), origins);
  if (origins?.length === 0) return false;
  const site = headers.get("sec-fetch-site");
  if (site === "same-origin") return true;
  const page = originOf(headers.get("referer"));
  if (page === undefined) return false;
  // Browsers that know the first header know better than the second what our own is.
  return (origins?.includes(page) ?? false) || (site === null && isOwnOrigin(page, own));
}

function originOf(referer: string | null): string | undefined {
  return referer !== null && URL.canParse(referer) ? new URL(referer).origin : undefined;
}
