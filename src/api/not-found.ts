// What a request is told for which nobody here is: a sentence where somebody is likely to look for something that is
// switched off, or was looking at the wrong port; else that there is nothing. It repeats nothing of the request (SEC-05),
// lists nobody (SEC-13), and says no more than the documentation does.

import type { Route } from "../core/dialect.ts";
import { textAnswer } from "../core/http.ts";
import type { Observe } from "../core/observe.ts";
import { statusPaths, statusSentence } from "../dialects/ws-hub/status.ts";

/** What a listener has, as far as it explains what it has not. */
export interface Present {
  readonly dialects: readonly string[];
  /** Where Engine.IO answers. */
  readonly socketIoPath: string;
  readonly hasPublishSecret: boolean;
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
  const { dialects, socketIoPath, hasPublishSecret } = present;
  const speaks = `This listener speaks ${dialects.join(", ")}`;
  if (path === "/") return `Not found. ${speaks}; there are no pages here. Health is at /-/health/ready`;
  if (path === "/emit" && method === "POST" && dialects.includes("socketio") && !hasPublishSecret) {
    return "Not found. POST /emit is off, because this gateway has no publish secret: --secret-file or BELFRY_SECRET_FILE gives it one";
  }
  if (dialects.includes("ws-hub") && statusPaths.includes(path)) return statusSentence;
  const isWebSocketPath = path === "/ws" || path.startsWith("/ws/");
  const isSocketIoPath = `${path}/`.startsWith("/socket.io/");
  if (isSocketIoPath && dialects.includes("socketio")) return `Not found. Socket.IO is at ${socketIoPath}`;
  return isWebSocketPath || isSocketIoPath ? `Not found. ${speaks}` : "Not found";
}
