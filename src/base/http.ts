// The little HTTP that dialects share: their answers are fixed sentences as plain text, which repeat nothing of a request
// (SEC-05).

const fixed = {
  "content-type": "text/plain; charset=utf-8",
  "x-content-type-options": "nosniff",
  "cache-control": "no-store",
} as const;
/** Every answer gets a copy: that is cheaper than reading them anew. */
const fixedHeaders = new Headers(fixed);

/** @param text a sentence of ours. */
export function textAnswer(
  status: number,
  text: string,
  headers?: Readonly<Record<string, string>>,
): Response {
  return new Response(text, { status, headers: headers ? { ...headers, ...fixed } : fixedHeaders });
}

/** The token of `Authorization: Bearer <token>`; undefined when there is none. */
export function bearerToken({ headers }: Request): string | undefined {
  const header = headers.get("authorization") ?? "";
  const scheme = "bearer ";
  if (header.slice(0, scheme.length).toLowerCase() !== scheme) return undefined;
  return header.slice(scheme.length).trim() || undefined;
}

/** How a request is refused that does not show the publish secret (SEC-11), without a word of what it showed. */
export function bearerFault(request: Request, verdict: "wrong" | "limited") {
  if (verdict === "limited") {
    const message = "Expected fewer wrong secrets";
    return { status: 429, code: "secret_limited", message, headers: { "retry-after": "60" } } as const;
  }
  const message =
    bearerToken(request) === undefined
      ? "Expected the header Authorization with Bearer and the publish secret, got none"
      : "Expected the publish secret behind Bearer in Authorization, got another one";
  return { status: 401, code: "secret_wrong", message, headers: { "www-authenticate": "Bearer" } } as const;
}

/** `/ws` of `/ws/`: where a path is mounted. */
export function withoutEndSlashes(path: string): string {
  let end = path.length;
  while (path.endsWith("/", end)) end--;
  return path.slice(0, end);
}

/** Part of a path or a query, decoded once; undefined when that is no UTF-8. */
export function percentDecoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined; // refused by the caller
  }
}

/** Does it ask for a websocket? */
export function isUpgrade({ headers }: Request): boolean {
  return headers.get("upgrade")?.toLowerCase() === "websocket";
}

/** Is the token in a list of a header? */
export function hasToken(list: string | null, token: string): boolean {
  if (list === null || list === "keep-alive") return false;
  return list
    .toLowerCase()
    .split(",")
    .some((each) => each.trim() === token);
}

/** RFC 6455 section 4.2.1. @returns the status to refuse with, or undefined when the handshake is right. */
export function handshakeFault(request: Request): 400 | 405 | 426 | undefined {
  if (request.method !== "GET") return 405;
  const { headers } = request;
  if (headers.get("sec-websocket-version") !== "13") return 426;
  const isAsked = hasToken(headers.get("connection"), "upgrade");
  return isAsked && /^[A-Za-z0-9+/]{22}==$/.test(headers.get("sec-websocket-key") ?? "") ? undefined : 400;
}

/** RFC 9110 section 12.5.3, without `*`: a weight of 0 refuses. */
export function acceptedEncodings(request: Request): (name: string) => boolean {
  const entries = (request.headers.get("accept-encoding") ?? "").slice(0, 200).toLowerCase().split(",");
  return (name) =>
    entries.some((entry) => {
      const [coding, weight] = entry.split(";");
      return (
        coding?.trim() === name && (weight === undefined || Number(weight.trim().slice("q=".length)) > 0)
      );
    });
}
