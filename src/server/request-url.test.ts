// Path and query of a request: the same as URL's, also where they are only cut out, for every URL that the engine makes.

import { afterAll, expect, test } from "bun:test";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import fc from "fast-check";
import { RequestUrls } from "./request-url.ts";

const echo = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: ({ url }) => new Response(url) });
afterAll(() => echo.stop(true));

/** The URLs that the engine makes of these targets, all but those that it refuses by itself. */
async function urlsOf(targets: readonly string[], host: string): Promise<readonly string[]> {
  const socket = connect(echo.port ?? 0, "127.0.0.1");
  const answers = text(socket);
  const requests = targets.map((target) => `GET ${target} HTTP/1.1\r\nHost: ${host}\r\n`);
  socket.end(Buffer.from(`${requests.join("\r\n")}Connection: close\r\n\r\n`, "latin1"));
  return [...(await answers).matchAll(/\r\n\r\n(https?:.*?)(?=HTTP\/1\.1 |$)/gs)].map(([, url = ""]) => url);
}

const expectSame = (urls: RequestUrls, url: string): void => {
  const expected = URL.parse(url);
  const read = urls.read(url);
  expect(read?.path, url).toBe(expected?.pathname);
  // The pairs, since `?` alone and nothing are the same query.
  expect([...new URLSearchParams(read?.search)], url).toEqual([...(expected?.searchParams ?? [])]);
};

test("T22 path and query are those of the URL, whatever stands in the target and in Host", async () => {
  const piece = fc.constantFrom(
    ..."/ a . .. %2e % %zz \\ ? # ; : @ \xe9 \xff \x80\x81 [ ] { | ^ ` \" < ' ~ ! %5c %2F + & = // ??".split(
      " ",
    ),
  );
  const target = fc.array(piece, { maxLength: 8 }).map((pieces) => `/${pieces.join("")}`);
  const host = fc.constantFrom(
    "127.0.0.1:8899",
    "a",
    "A.Example:80",
    "a:443",
    "[::1]:80",
    "xn--a",
    "0x7f.1",
    "a:",
  );
  const urls = new RequestUrls();
  let read = 0;
  const property = fc.asyncProperty(
    fc.array(target, { minLength: 1, maxLength: 8 }),
    host,
    async (targets, name) => {
      for (const url of await urlsOf(targets, name)) {
        expectSame(urls, url);
        read++;
      }
    },
  );
  await fc.assert(property, { numRuns: 500 });
  expect(read).toBeGreaterThan(1_000);
});

test("T22 read once more, they are the same", () => {
  const urls = new RequestUrls();
  for (const url of [
    "http://a/b?c#d",
    "http://a/",
    "https://a:8443/x?",
    "http://a/?#?",
    "http://a/#?b",
    "http://a/??",
  ]) {
    for (let again = 0; again < 2; again++) expectSame(urls, url);
  }
});

test.each(["", "/x", "a:80", "ws://a/x", "http:", "http://", "http://[/x", "http://a:99999/x"])(
  "T22 %p is no URL of HTTP",
  (url) => {
    expect(new RequestUrls().read(url)).toBeUndefined();
  },
);

test("SEC-06 any number of hosts is read", () => {
  const urls = new RequestUrls();
  for (let host = 0; host < 5_000; host++) expectSame(urls, `http://h${host}/p?q=${host}`);
});
