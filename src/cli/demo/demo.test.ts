import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Exchange } from "../../server/route.ts";
import { createSecret, demoRoutes, startClock } from "./demo.ts";

const exchange: Exchange = {
  path: "",
  query: new URLSearchParams(),
  address: "127.0.0.1",
  countedAs: "127.0.0.1",
  origin: undefined,
  isOriginAllowed: true,
  isOwnOrigin: true,
  isScriptAllowed: () => true,
  hold: () => undefined,
};

async function ask(url: string, method = "GET"): Promise<Response> {
  const routes = await demoRoutes("S3CRET");
  const route = routes.find(({ path }) => path === new URL(url).pathname);
  if (!route) throw new Error(`Expected a route for ${url}`);
  return route.fetch(new Request(url, { method }), exchange);
}

describe("the routes of the demo", () => {
  test("the secret is in the settings alone", async () => {
    expect(await (await ask("http://localhost:8899/demo/settings.json")).json()).toEqual({
      secret: "S3CRET",
    });
    for (const path of [
      "/",
      "/demo/page.js",
      "/demo/lines.js",
      "/demo/page.css",
      "/demo/icon.svg",
      "/favicon.ico",
    ]) {
      const answer = await ask(`http://localhost:8899${path}`);
      expect([path, answer.status]).toEqual([path, 200]);
      expect(await answer.text()).not.toContain("S3CRET");
    }
  });

  test.each(["localhost", "app.localhost", "127.0.0.1", "127.8.8.9", "[::1]"])(
    "they answer to %s",
    async (name) => {
      expect((await ask(`http://${name}:8899/`)).status).toBe(200);
    },
  );

  // A foreign name may resolve to loopback (DNS rebinding): then the page would be another site's own.
  test.each(["belfry.example", "localhost.example", "127.0.0.1.example", "10.0.0.1", "[::2]", "0.0.0.0"])(
    "they do not answer to %s",
    async (name) => {
      for (const path of ["/", "/demo/settings.json"]) {
        const answer = await ask(`http://${name}:8899${path}`);
        expect([answer.status, await answer.text()]).toEqual([
          421,
          "Expected a name of this machine, e.g. localhost, as the host\n",
        ]);
      }
    },
  );

  test("SEC-05 other methods are refused", async () => {
    const answer = await ask("http://localhost:8899/", "POST");
    expect([answer.status, answer.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
    expect((await ask("http://localhost:8899/", "HEAD")).status).toBe(200);
  });

  test("nothing foreign runs in the page, frames it or keeps it", async () => {
    const { headers } = await ask("http://localhost:8899/");
    expect(headers.get("content-security-policy")).toStartWith("default-src 'self';");
    expect(headers.get("content-security-policy")).toContain("frame-ancestors 'none'");
    expect(headers.get("cache-control")).toBe("no-store");
  });

  test("every demo has a secret of its own, which a shell and JSON take as it is", () => {
    const secrets = new Set(Array.from({ length: 100 }, createSecret));
    expect(secrets.size).toBe(100);
    for (const secret of secrets) expect(secret).toMatch(/^[\w-]{16}$/);
  });
});

describe("the clock of the demo", () => {
  const bodies: unknown[] = [];
  let wake = Promise.withResolvers<void>();
  let server: Bun.Server<undefined>;

  beforeAll(() => {
    server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: async (request) => {
        bodies.push(await request.json());
        wake.resolve();
        wake = Promise.withResolvers<void>();
        return new Response(`${request.method} ${new URL(request.url).pathname}`);
      },
    });
  });

  afterAll(async () => {
    await server.stop(true);
  });

  test("WSE-20 it says each second once, by POST /emit", async () => {
    const stop = startClock(`http://127.0.0.1:${server.port}`, "S3CRET");
    try {
      while (bodies.length < 3) await wake.promise;
    } finally {
      stop();
    }
    const times = bodies.slice(0, 3).map((body) => (body as { data: string }).data);
    const seconds = times.map((time) => Date.parse(`2026-01-01T${time}Z`) / 1000);
    expect(seconds.map((second) => (second - (seconds[0] ?? 0) + 86_400) % 86_400)).toEqual([0, 1, 2]);
    expect(bodies[0]).toEqual({ event: "clock", room: "time", data: times[0], secret: "S3CRET" });
  });
});
