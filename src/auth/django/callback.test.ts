// The auth callback against a real HTTP server that misbehaves in every way.

import type { RefusalReason } from "../../vocabulary/reasons.ts";
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { askCallback } from "./callback.ts";
import type { IdentityRequest, IdentityResult } from "../../proofs/identity-source.ts";

const asked: IdentityRequest = {
  facility: "news",
  channels: ["subscribe-user", "subscribe-broadcast"],
  path: "/ws/news",
  query: "subscribe-user&subscribe-broadcast",
  origin: "https://shop.example",
  remote: "192.0.2.7",
};
const handshake = new Request("http://127.0.0.1/ws/news", {
  headers: { cookie: "sessionid=abc; a=b", authorization: "Bearer xyz", "x-other": "no", host: "evil" },
});

/** Asks a server that answers so. */
async function ask(
  answer: (request: Request) => Response | Promise<Response>,
  timeoutMs = 2_000,
): Promise<IdentityResult> {
  using server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: answer });
  return await askCallback(handshake, asked, { url: `${server.url.href}who`, timeoutMs, fetch });
}

const unavailable = (reason: RefusalReason): IdentityResult => ({ kind: "unavailable", reason });

describe("what it is asked", () => {
  test("DJS-10 a POST of JSON to the fixed URL, with the visitor's Cookie and Authorization and nothing else", async () => {
    let got: unknown;
    await ask(async (request) => {
      const { headers } = request;
      const sent = ["cookie", "authorization", "content-type", "x-other", "host"].map((name) =>
        headers.get(name),
      );
      got = [request.method, new URL(request.url).pathname, sent, await request.json()];
      return Response.json({});
    });
    const host: unknown = expect.stringMatching(/^127\.0\.0\.1:\d+$/);
    const headers = ["sessionid=abc; a=b", "Bearer xyz", "application/json", null, host];
    expect(got).toEqual(["POST", "/who", headers, { ...asked }]);
  });

  test("DJS-10 a visitor without cookies sends none", async () => {
    let headers: Headers | undefined;
    using server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: (request) => {
        ({ headers } = request);
        return Response.json({});
      },
    });
    const parts = { url: server.url.href, timeoutMs: 2_000, fetch };
    await askCallback(new Request("http://127.0.0.1/ws/"), asked, parts);
    expect([headers?.has("cookie"), headers?.has("authorization")]).toEqual([false, false]);
  });
});

describe("what it answers", () => {
  test("DJS-10 DJS-01 user, groups, session and channels; what is absent or null is nothing", async () => {
    const whole = {
      user: "john",
      groups: ["a", "b", "a"],
      session: "s",
      channels: ["subscribe-user"],
      more: 1,
    };
    expect(await ask(() => Response.json(whole))).toEqual({
      kind: "identity",
      user: "john",
      groups: ["a", "b"],
      session: "s",
      channels: ["subscribe-user"],
    });
    const nobody = { kind: "identity" as const, user: undefined, groups: [], session: undefined };
    expect(await ask(() => Response.json({}))).toEqual(nobody);
    expect(
      await ask(() => Response.json({ user: null, groups: null, session: null, channels: null })),
    ).toEqual(nobody);
  });

  test("DJS-10 W4R-13 it takes channels away and adds none", async () => {
    const channels = ["subscribe-broadcast", "publish-broadcast", "echo"];
    expect(await ask(() => Response.json({ channels }))).toHaveProperty("channels", ["subscribe-broadcast"]);
    expect(await ask(() => Response.json({ channels: [] }))).toHaveProperty("channels", []);
  });

  test("DJS-10 SEC-06 no more groups than a client can hear", async () => {
    const groups = Array.from({ length: 3_000 }, (_, index) => `g${index}`);
    const result = await ask(() => Response.json({ groups }));
    expect(result.kind === "identity" && result.groups.length).toBe(1_000);
  });

  test.each([401, 403])("DJS-10 status %i denies", async (status) => {
    expect(await ask(() => Response.json({ user: "john" }, { status }))).toEqual({
      kind: "denied",
      reason: "callback_denied",
    });
  });
});

const never = (): Promise<Response> => new Promise(() => undefined);
const stalls = () => new Response(new ReadableStream({ start: (sink) => sink.enqueue('{"user":') }));
const drips = () =>
  new Response(
    new ReadableStream({
      async pull(sink) {
        await Bun.sleep(10);
        sink.enqueue(" ");
      },
    }),
  );
const text = (bytes: number): string => `{"user":"john","pad":"${"x".repeat(bytes - 24)}"}`;
const endless = () =>
  new Response(new ReadableStream({ pull: (sink) => sink.enqueue(new Uint8Array(65_536)) }));

describe("what it must not do", () => {
  const statuses = [201, 202, 204, 206, 400, 404, 405, 410, 429, 500, 502, 503];
  test.each(statuses)("DJS-10 SEC-02 status %i is no answer", async (status) => {
    const body = status === 204 ? null : '{"user":"john"}';
    expect(await ask(() => new Response(body, { status }))).toEqual(unavailable("callback_status"));
  });

  test("DJS-10 T24 redirects are not followed, wherever they lead", async () => {
    let visits = 0;
    using target = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: () => {
        visits++;
        return Response.json({ user: "admin" });
      },
    });
    const places = [
      target.url.href,
      "http://169.254.169.254/latest/meta-data/",
      "/other",
      "//evil.example/",
      "file:///etc/passwd",
    ];
    for (const status of [301, 302, 303, 307, 308]) {
      for (const location of places) {
        const result = await ask(() => new Response(null, { status, headers: { location } }));
        expect(result).toEqual(unavailable("callback_status"));
      }
    }
    expect(visits).toBe(0);
  });

  test("DJS-10 SEC-02 late headers, a late body and a body that drips without end are cut off in time", async () => {
    const start = performance.now();
    for (const answer of [never, stalls, drips]) {
      expect(await ask(answer, 100)).toEqual(unavailable("callback_failed"));
    }
    expect(performance.now() - start).toBeLessThan(4_000);
  });

  test("DJS-10 T24 an answer over 64 KiB is refused, also when it is compressed or has no length", async () => {
    expect(text(100)).toHaveLength(100);
    expect(await ask(() => new Response(text(65_536)))).toHaveProperty("user", "john");
    expect(await ask(() => new Response(text(65_537)))).toEqual(unavailable("callback_too_large"));
    expect(await ask(endless)).toEqual(unavailable("callback_too_large"));
    const bomb = Bun.gzipSync(new Uint8Array(64 * 1024 * 1024));
    const zipped = () => new Response(bomb, { headers: { "content-encoding": "gzip" } });
    expect((await ask(zipped)).kind).toBe("unavailable");
  });

  test("DJS-10 SEC-02 what is no such JSON is no answer", async () => {
    const bodies = [
      "",
      "null",
      "[]",
      '"john"',
      "{",
      '{"user":"john"}}',
      '{"user":7}',
      '{"user":["john"]}',
      '{"user":{"name":"john"}}',
      '{"groups":"staff"}',
      '{"groups":["staff",7]}',
      '{"groups":{"staff":true}}',
      '{"session":7}',
      '{"channels":"subscribe-user"}',
      '{"channels":{"length":1}}',
      '{"user":NaN}',
      "<html>sign in</html>",
      `{"user":${"[".repeat(30_000)}`,
    ];
    for (const body of bodies)
      expect(await ask(() => new Response(body))).toEqual(unavailable("callback_invalid"));
    const bytes = Buffer.from([...Buffer.from('{"user":"'), 0xff, ...Buffer.from('"}')]);
    expect(await ask(() => new Response(bytes))).toEqual(unavailable("callback_invalid"));
  });

  test("DJS-10 SEC-02 nobody there, or a connection that breaks off", async () => {
    const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
    const url = server.url.href;
    await server.stop(true);
    expect(await askCallback(handshake, asked, { url, timeoutMs: 2_000, fetch })).toEqual(
      unavailable("callback_failed"),
    );
    using broken = Bun.listen({
      port: 0,
      hostname: "127.0.0.1",
      socket: {
        data: (socket) => {
          socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"user":"john"}');
        },
      },
    });
    const parts = { url: `http://127.0.0.1:${broken.port}/`, timeoutMs: 2_000, fetch };
    expect(await askCallback(handshake, asked, parts)).toEqual(unavailable("callback_failed"));
  });

  test("DJS-10 SEC-02 100,000 answers of noise never make an identity that was not said", async () => {
    const part = fc.constantFrom(
      "{",
      "}",
      "[",
      "]",
      '"user"',
      '"groups"',
      ":",
      ",",
      '"a"',
      "7",
      "null",
      " ",
      "é",
      "\\",
    );
    const body = fc.oneof(
      fc.array(part, { maxLength: 12 }).map((parts) => parts.join("")),
      fc.json({ maxDepth: 2 }),
    );
    await fc.assert(
      fc.asyncProperty(body, async (text) => {
        const answers = async () => new Response(text);
        const result = await askCallback(handshake, asked, {
          url: "http://127.0.0.1/",
          timeoutMs: 60_000,
          fetch: answers,
        });
        if (result.kind !== "identity") return;
        const said: unknown = JSON.parse(text);
        expect(said).toBeObject();
        if (result.user !== undefined) expect(said).toHaveProperty("user", result.user);
      }),
      { numRuns: 100_000 },
    );
  }, 60_000);
});
