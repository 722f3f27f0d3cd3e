// The web server of an example: its page, the Socket.IO client that the page loads, and where its gateway is. Pages
// and gateway are different origins, as they are in most set-ups.

import { join } from "node:path";

/** Socket.IO client 3.0.4, which the pages of ws-emit load. */
const client = join(import.meta.dirname, "../../node_modules/socket.io-client-3/dist/socket.io.min.js");

/** What a page may do: run its own files alone, and speak to the gateway on this machine. */
const policy = [
  "default-src 'self'",
  "connect-src 'self' http://localhost:* ws://localhost:* http://127.0.0.1:* ws://127.0.0.1:*",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

export interface WebOptions {
  /** 0 takes a free one. */
  readonly port: number;
  readonly gatewayPort: number;
  /** The folder with `page.html` and `page.js`. */
  readonly folder: string;
  /** Is the page at every path that is nothing else? @default only at `/` */
  readonly isPageAnywhere?: boolean;
  /** What the backend answers itself, by path. */
  readonly routes?: Readonly<Record<string, (request: Request) => Promise<Response>>>;
}

export interface WebServer extends AsyncDisposable {
  readonly port: number;
}

/** Serves an example on loopback. Throws a sentence when the port is taken. */
export function serveExample(options: WebOptions): WebServer {
  const { port, gatewayPort, folder, isPageAnywhere = false, routes = {} } = options;
  const page = join(folder, "page.html");
  const files: Readonly<Record<string, string>> = {
    "/": page,
    "/page.js": join(folder, "page.js"),
    "/page.css": join(import.meta.dirname, "page.css"),
    "/icon.svg": join(import.meta.dirname, "icon.svg"),
    "/socket.io.min.js": client,
  };
  const answer = async (request: Request): Promise<Response> => {
    const { pathname } = new URL(request.url);
    const isKnown = pathname in files || pathname in routes || pathname === "/settings.json";
    const file = isPageAnywhere && !isKnown ? page : files[pathname];
    if (file !== undefined) return new Response(Bun.file(file));
    if (pathname === "/settings.json") return Response.json({ gatewayPort });
    return (await routes[pathname]?.(request)) ?? new Response("Not found\n", { status: 404 });
  };
  const server = listen(port, async (request) => {
    const response = await answer(request);
    response.headers.set("content-security-policy", policy);
    response.headers.set("x-content-type-options", "nosniff");
    response.headers.set("cache-control", "no-store");
    return response;
  });
  return {
    port: server.port ?? port,
    async [Symbol.asyncDispose]() {
      await server.stop(true);
    },
  };
}

function listen(port: number, fetch: (request: Request) => Promise<Response>): Bun.Server<undefined> {
  try {
    return Bun.serve({ hostname: "127.0.0.1", port, fetch });
  } catch (error) {
    throw new Error(`Expected 127.0.0.1:${port} to be free for the page; --port takes another`, {
      cause: error,
    });
  }
}
