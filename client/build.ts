// Builds the client to one file, of a page's modules or of its scripts. The gateway serves what is built here
// (src/dialects/native/client-bundle.ts), and `npm pack` puts the module into the package (scripts/build-client.ts).

import { join } from "node:path";

const entries = { module: "client.ts", script: "script.ts", presence: "presence.ts" } as const;

export type ClientKind = keyof typeof entries;

/** @returns the file's text. */
export async function buildClient(kind: ClientKind): Promise<string> {
  const built = await Bun.build({
    entrypoints: [join(import.meta.dirname, entries[kind])],
    format: kind === "script" ? "iife" : "esm",
    target: "browser",
    minify: true,
  });
  const [output] = built.outputs;
  if (!output) throw new Error("Expected the client to be built to one file, got none");
  return output.text();
}
