// What a proxy reads and what the engine makes of it, compared over real connections: a path that the engine would change
// is refused, and nothing else is.

import { afterAll, beforeAll, expect, test } from "bun:test";
import fc from "fast-check";
import { RawConnection } from "../../test/support/raw.ts";
import { isPlainTarget, shapedRoutes } from "./target.ts";

let server: ReturnType<typeof Bun.serve>;
beforeAll(() => {
  server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    routes: shapedRoutes((request: Bun.BunRequest) =>
      isPlainTarget(request)
        ? Response.json(new URL(request.url).pathname)
        : new Response("", { status: 400 }),
    ),
    fetch: () => new Response("", { status: 404 }),
  });
});
afterAll(async () => {
  await server.stop(true);
});

/** @returns the path as a handler sees it, or the status that refused it. */
async function seenPath(connection: RawConnection, target: string): Promise<string | number> {
  connection.write(`GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`);
  const { status, text } = await connection.response();
  return status === 200 ? (JSON.parse(text) as string) : status;
}

/** RFC 3986 section 5.2.4, and that a backslash is a slash to URL readers. */
function isAmbiguous(target: string): boolean {
  const [path = ""] = target.split("?", 1);
  return path.includes("\\") || path.split("/").some((segment) => /^(\.|%2e){1,2}$/i.test(segment));
}

/** Not every percent sign in it begins an escape, or what is escaped is no UTF-8. */
function isGarbled(path: string): boolean {
  try {
    decodeURIComponent(path);
    return false;
  } catch {
    return true;
  }
}

const pieces = String.raw`a - metrics socket.io . .. ... %2e %2E .%2e %2e%2E ; \ ..\ \.. %5c %5C.. %2f ..%2f %252e % %z %zz %\ %5 %c3%a9 %ff # ? ?/../`;
const piece = fc.constantFrom("", ...pieces.split(" "));
const target = fc
  .array(fc.array(piece, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 6 })
  .map((segments) => `/${segments.map((parts) => parts.join("")).join("/")}`);

test("T22 SEC-13 what means two things is refused, all else comes as it was sent: 20,000 paths", async () => {
  using connection = await RawConnection.open(server.url.href);
  await fc.assert(
    fc.asyncProperty(target, async (text) => {
      const [path = ""] = text.split("?", 1);
      const seen = await seenPath(connection, text);
      // More empty segments in a long path than there are shapes for; and what is garbled is refused when in doubt.
      const isSpared = seen === 404 || (seen === 400 && (isGarbled(path) || path.includes("#")));
      if (isSpared) return;
      // Never another path than the one that was sent.
      if (typeof seen === "string") expect(seen).toBe(path.split("#", 1)[0] ?? "");
      expect([text, seen === 400]).toEqual([text, isAmbiguous(text)]);
    }),
    { numRuns: 20_000 },
  );
}, 60_000);

test("WSC-04 of up to eight segments any may be empty, of up to 40 the first and the last", async () => {
  using connection = await RawConnection.open(server.url.href);
  const full = Array.from({ length: 40 }, () => "a").join("/");
  for (const path of [
    "/",
    "//",
    "///",
    "////",
    "/a//b",
    "/a///b",
    "//a//b",
    "//a/b",
    "/a/",
    `/${full}`,
    `//${full}/`,
  ]) {
    expect(await seenPath(connection, path)).toBe(path);
  }
  for (const path of ["/////////", `/${full}/a`, "/a/b/c//d/e/f/g/h"]) {
    expect([path, await seenPath(connection, path)]).toEqual([path, 404]);
  }
});
