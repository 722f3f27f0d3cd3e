// What `npm start` shows: a page that shows the clock of the `time` room, and a backend that publishes the time. Both
// use only what every user has: Belfry's own client, Socket.IO and `POST /emit`. The page holds the generated publish secret, so the
// demo is bound to loopback, answers to this machine's own names alone, and no other start serves it.

import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { documentationPage, documentationPath } from "./documentation.ts";
import { isLocal } from "../../config/address.ts";
import { textAnswer } from "../../base/http.ts";
import type { Route } from "../../server/route.ts";

/** The publish secret of one demo. */
export function createSecret(): string {
  return randomBytes(12).toString("base64url");
}

/** What the page loads, beside the settings: path, media type, file. */
const files = [
  ["/", "text/html; charset=utf-8", "page.html"],
  ["/demo/page.css", "text/css; charset=utf-8", "page.css"],
  ["/demo/page.js", "text/javascript; charset=utf-8", "page.js"],
  ["/demo/lines.js", "text/javascript; charset=utf-8", "lines.js"],
  ["/demo/icon.svg", "image/svg+xml", "icon.svg"],
  ["/favicon.ico", "image/svg+xml", "icon.svg"],
] as const;

/** The page and what it loads; nothing comes from another site. */
export async function demoRoutes(secret: string): Promise<readonly Route[]> {
  const own = files.map(async ([path, type, name]) =>
    fileRoute(path, type, await readFile(join(import.meta.dirname, name))),
  );
  return [
    ...(await Promise.all(own)),
    documentationRoute,
    // Apart from the page, which reads it again after every reconnect: a restart makes a new secret.
    fileRoute("/demo/settings.json", "application/json", JSON.stringify({ secret })),
  ];
}

/** No other site may frame the page or read it, and nothing but our own files runs in it. */
const headers = {
  "cache-control": "no-store",
  "content-security-policy":
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

function fileRoute(path: string, type: string, body: string | Buffer<ArrayBuffer>): Route {
  return {
    path,
    isPrefix: false,
    fetch: (request) =>
      refuse(request) ?? new Response(body, { headers: { ...headers, "content-type": type } }),
  };
}

const documentationRoute: Route = {
  path: documentationPath,
  isPrefix: true,
  async fetch(request, { path }) {
    const refused = refuse(request);
    if (refused) return refused;
    const answer = await documentationPage(path);
    for (const [name, value] of Object.entries(headers)) answer.headers.set(name, value);
    return answer;
  },
};

function refuse(request: Request): Response | undefined {
  if (!isOwnName(request))
    return textAnswer(421, "Expected a name of this machine, e.g. localhost, as the host\n");
  if (request.method !== "GET" && request.method !== "HEAD")
    return textAnswer(405, "Expected GET\n", { allow: "GET, HEAD" });
  return undefined;
}

/** A foreign name that resolves to loopback (DNS rebinding) would make the page, and its secret, another site's own. */
function isOwnName(request: Request): boolean {
  // HTTP/1.0 may name no host.
  const name = URL.parse(request.url)?.hostname ?? "";
  return isLocal(name.replace(/^\[(.*)\]$/, "$1"));
}

/** What the clock says; the terminal does not repeat it each second. */
export const clockEvent = "clock";

/** So long after the full second the clock ticks, ms: a timer that fires a little early still finds it begun. */
const tickAfterMs = 10;

/** Says the time at every full second over HTTP, as any backend would. @returns what stops it. */
export function startClock(url: string, secret: string): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const schedule = (): void => {
    timer = setTimeout(tick, 1000 + tickAfterMs - (Date.now() % 1000));
  };
  const tick = (): void => {
    const time = new Date().toTimeString().slice(0, 8);
    post(`${url}/emit`, JSON.stringify({ event: clockEvent, room: "time", data: time, secret }));
    schedule();
  };
  schedule();
  return () => {
    clearTimeout(timer);
  };
}

/** Without `fetch`, which would ask the proxy of the environment (`HTTP_PROXY`) for our own loopback address. */
function post(url: string, body: string): void {
  const sent = request(url, { method: "POST" }, (answer) => {
    answer.resume();
  });
  sent.on("error", () => {
    // The gateway is going down: the next tick, or its end, settles it.
  });
  sent.end(body);
}
