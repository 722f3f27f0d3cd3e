// The documentation of the installed Belfry, as pages of the demo: `/demo/docs/README.md` and what it links to. The files
// are read when they are asked for, and only those that are named here can be.

import { readFile } from "node:fs/promises";
import { join, posix } from "node:path";
import { textAnswer } from "../../base/http.ts";

/** Where it stands among the demo's paths. */
export const documentationPath = "/demo/docs";

const root = join(import.meta.dirname, "../../..");
/** Pages, and the pictures in them; no dot but that of the ending, so no way out of the folder. */
const pages = /^(?:README|(?:docs|client|examples|bench|packaging|src\/dialects)(?:\/[\w-]+)+)\.(md|png)$/;

/** What `path` below the documentation shows, or that there is none. */
export async function documentationPage(path: string): Promise<Response> {
  const name = path.slice(documentationPath.length + 1);
  const [, kind] = pages.exec(name) ?? [];
  if (kind === undefined) return missing();
  try {
    const file = await readFile(join(root, posix.normalize(name)));
    if (kind === "png") return new Response(file, { headers: { "content-type": "image/png" } });
    const body = page(name, Bun.markdown.html(file.toString("utf8"), { headings: { ids: true } }));
    return new Response(body, { headers: { "content-type": "text/html; charset=utf-8" } });
  } catch {
    // Not every file of the repository is in the package.
    return missing();
  }
}

function missing(): Response {
  return textAnswer(404, "Not found: this file is not in the package\n");
}

/** Our own texts: nothing in them comes from strangers. */
function page(name: string, article: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8" />
<meta name="viewport" content="width=device-width, initial-scale=1" />
<title>Belfry: ${name}</title>
<link rel="icon" href="/demo/icon.svg" />
<link rel="stylesheet" href="/demo/page.css" />
<main>
<p><a href="/">The demo</a> · <a href="${documentationPath}/README.md">Documentation</a></p>
<article>${article}</article>
</main>
</html>`;
}
