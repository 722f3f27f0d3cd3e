// What `npm start` shows: a page that hears the clock of the `time` room, and a backend that says the time. Both use
// only doors that every user has: Socket.IO and `POST /emit`. The page holds the generated publish secret, so the
// demo is bound to loopback and no other start serves it.

import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { Route } from "../../core/dialect.ts";

/** The publish secret of one demo. */
export function createSecret(): string {
  return randomBytes(12).toString("base64url");
}

const here = import.meta.dirname;

/** The page and what it loads; nothing comes from another site. */
export async function demoRoutes(secret: string): Promise<readonly Route[]> {
  const client = dirname(createRequire(import.meta.url).resolve("socket.io-client/package.json"));
  const settings = JSON.stringify({ secret }).replaceAll("&", "&amp;").replaceAll('"', "&quot;");
  const page = (await readFile(join(here, "page.html"), "utf8")).replace("{{settings}}", settings);
  return [
    fileRoute("/", "text/html; charset=utf-8", page),
    fileRoute("/demo/page.css", "text/css; charset=utf-8", await readFile(join(here, "page.css"))),
    fileRoute("/demo/page.js", "text/javascript; charset=utf-8", await readFile(join(here, "page.js"))),
    fileRoute("/demo/icon.svg", "image/svg+xml", await readFile(join(here, "icon.svg"))),
    fileRoute("/favicon.ico", "image/svg+xml", await readFile(join(here, "icon.svg"))),
    fileRoute(
      "/demo/socket.io.min.js",
      "text/javascript; charset=utf-8",
      await readFile(join(client, "dist/socket.io.min.js")),
    ),
  ];
}

/** The page's secret opens `POST /emit`: no other site may frame it, and nothing but our own files runs in it. */
const headers = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'self'; connect-src 'self' ws: wss:; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

function fileRoute(path: string, type: string, body: string | Buffer<ArrayBuffer>): Route {
  return {
    path,
    isPrefix: false,
    fetch: (request) =>
      request.method === "GET" || request.method === "HEAD"
        ? new Response(body, { headers: { ...headers, "content-type": type } })
        : new Response("Expected GET\n", { status: 405, headers: { allow: "GET, HEAD" } }),
  };
}

/** Says the time once a second over HTTP, as any backend would. @returns what stops it. */
export function startClock(url: string, secret: string): () => void {
  const timer = setInterval(() => {
    const time = new Date().toTimeString().slice(0, 8);
    fetch(`${url}/emit`, {
      method: "POST",
      body: JSON.stringify({ event: "clock", room: "time", data: time, secret }),
    }).catch(() => {
      // The gateway is going down: the next tick, or its end, settles it.
    });
  }, 1000);
  return () => {
    clearInterval(timer);
  };
}
