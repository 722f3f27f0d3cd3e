// The official client for pages, `/socket.io/socket.io.js` and its siblings: users of node's socket.io expect it there
// (EIO-01). The files are those of the `socket.io-client` that Belfry is installed with, read when first asked for.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { Route } from "../../server/route.ts";
import { scriptRoute } from "../kit/script-route.ts";

const names = [
  "socket.io.js",
  "socket.io.min.js",
  "socket.io.esm.min.js",
  "socket.io.msgpack.min.js",
] as const;

/** One route for each file below the endpoint's path. */
export function clientRoutes(path: string): readonly Route[] {
  return names.map((name) => scriptRoute(`${path}/${name}`, async () => readBundle(name)));
}

async function readBundle(name: string): Promise<Buffer<ArrayBuffer>> {
  const manifest = createRequire(import.meta.url).resolve("socket.io-client/package.json");
  return readFile(join(dirname(manifest), "dist", name));
}
