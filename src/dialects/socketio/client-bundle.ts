// The official client for pages, `/socket.io/socket.io.js` and its siblings: users of node's socket.io expect it there
// (EIO-01). The files are those of the `socket.io-client` that Belfry is installed with, read when first asked for.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { Route } from "../../core/dialect.ts";
import { textAnswer } from "../../base/http.ts";
import { acceptedEncodings } from "./engine-io/http.ts";

const names = [
  "socket.io.js",
  "socket.io.min.js",
  "socket.io.esm.min.js",
  "socket.io.msgpack.min.js",
] as const;

/** A browser asks again after so long, and the ETag says whether a newer Belfry has another client. */
const maxAgeSeconds = 3_600;

interface Bundle {
  readonly plain: Buffer<ArrayBuffer>;
  readonly packed: Buffer<ArrayBuffer>;
  readonly etag: string;
}

/** One route for each file below the endpoint's path. */
export function clientRoutes(path: string): readonly Route[] {
  return names.map((name) => {
    let bundle: Promise<Bundle> | undefined;
    return {
      path: `${path}/${name}`,
      isPrefix: false,
      async fetch(request) {
        if (request.method !== "GET" && request.method !== "HEAD")
          return textAnswer(405, "Expected GET\n", { allow: "GET, HEAD" });
        bundle ??= readBundle(name);
        return answer(request, await bundle);
      },
    };
  });
}

async function readBundle(name: string): Promise<Bundle> {
  const manifest = createRequire(import.meta.url).resolve("socket.io-client/package.json");
  const { version } = JSON.parse(await readFile(manifest, "utf8")) as { readonly version: string };
  const plain = await readFile(join(dirname(manifest), "dist", name));
  return { plain, packed: Buffer.from(await promisify(gzip)(plain)), etag: `W/"${name}-${version}"` };
}

function answer(request: Request, { plain, packed, etag }: Bundle): Response {
  const headers: Record<string, string> = {
    "content-type": "text/javascript; charset=utf-8",
    "cache-control": `public, max-age=${maxAgeSeconds}`,
    etag,
    vary: "Accept-Encoding",
    "x-content-type-options": "nosniff",
    // The same for everyone: pages of any origin may load it, as a module too. Who may connect is another matter.
    "access-control-allow-origin": "*",
    "cross-origin-resource-policy": "cross-origin",
  };
  const known = (request.headers.get("if-none-match") ?? "").split(",").map((tag) => tag.trim());
  if (known.includes(etag)) return new Response(null, { status: 304, headers });
  if (!acceptedEncodings(request)("gzip")) return new Response(plain, { headers });
  return new Response(packed, { headers: { ...headers, "content-encoding": "gzip" } });
}
