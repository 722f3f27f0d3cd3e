// A client for pages as a file of the gateway: read when first asked for, then kept; packed where the browser takes that,
// and not sent again to a browser that has it.

import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { acceptedEncodings, textAnswer } from "../../base/http.ts";
import type { Route } from "../../server/route.ts";

/** A browser asks again after so long, and the ETag says whether a newer Belfry has another client. */
const maxAgeSeconds = 3_600;

interface Script {
  readonly plain: Buffer<ArrayBuffer>;
  readonly packed: Buffer<ArrayBuffer>;
  readonly etag: string;
}

/** @param read the file's content. */
export function scriptRoute(path: string, read: () => Promise<Buffer<ArrayBuffer>>): Route {
  let script: Promise<Script> | undefined;
  return {
    path,
    isPrefix: false,
    async fetch(request) {
      if (request.method !== "GET" && request.method !== "HEAD")
        return textAnswer(405, "Expected GET\n", { allow: "GET, HEAD" });
      script ??= read().then(pack);
      return answer(request, await script);
    },
  };
}

async function pack(plain: Buffer<ArrayBuffer>): Promise<Script> {
  const digest = createHash("sha256").update(plain).digest("base64url").slice(0, 16);
  return { plain, packed: Buffer.from(await promisify(gzip)(plain)), etag: `W/"${digest}"` };
}

function answer(request: Request, { plain, packed, etag }: Script): Response {
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
