// The handshake of django-websocket-redis' server, as far as it differs from RFC 6455: its errors, in its order
// (W4R-10), and the subprotocol that it selects (W4R-11).

import { textAnswer } from "../../core/http.ts";

/** The versions that the original took; the frames are the same. */
const versions: ReadonlySet<string> = new Set(["13", "8", "7"]);

/** What is wrong before anything is asked about the visitor. */
export function requestFault(request: Request, isUpgrade: boolean): Response | undefined {
  if (request.method !== "GET") return textAnswer(400, "HTTP method must be a GET\n");
  return isUpgrade ? undefined : textAnswer(400, "Client does not wish to upgrade to a websocket\n");
}

/** What is wrong with the websocket part, which is looked at last. */
export function websocketFault({ headers }: Request): Response | undefined {
  const version = headers.get("sec-websocket-version");
  const supported = { "sec-websocket-version": "13", upgrade: "websocket" };
  if (version === null) return textAnswer(426, "Sec-WebSocket-Version header is missing\n", supported);
  if (!versions.has(version)) {
    const shown = /^\d{1,3}$/.test(version) ? `: ${version}` : "";
    return textAnswer(400, `Unsupported WebSocket Version${shown}\n`, { "sec-websocket-version": "13" });
  }
  const key = headers.get("sec-websocket-key")?.trim() ?? "";
  if (key === "") return textAnswer(400, "Sec-WebSocket-Key header is missing/empty\n");
  return /^[A-Za-z0-9+/]{22}==$/.test(key) ? undefined : textAnswer(400, "Invalid key\n");
}

/** The first that the client offers; undefined: none is offered, or it is no name (RFC 6455 section 4.1). */
export function subprotocol({ headers }: Request): string | undefined {
  const first = headers.get("sec-websocket-protocol")?.split(",")[0]?.trim() ?? "";
  return /^[!#$%&'*+.^`|~\w-]{1,256}$/.test(first) ? first : undefined;
}
