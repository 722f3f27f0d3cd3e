// The snippets of packaging/nginx and packaging/haproxy, unmodified, in the real proxies between real clients and a gateway:
// both must do the same.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { emit } from "../support/emit.ts";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway } from "../support/gateway.ts";
import { HaProxy } from "../support/haproxy.ts";
import { include, Nginx } from "../support/nginx.ts";
import { Page } from "../support/page.ts";
import type { PageOptions } from "../support/page.ts";
import { rawRequest } from "../support/raw.ts";

interface Proxy extends AsyncDisposable {
  readonly url: string;
}

const proxies: readonly (readonly [string, (gateway: string) => Promise<Proxy>])[] = [
  ["nginx", (belfry) => Nginx.start({ upstreams: { belfry }, server: include("belfry.conf") })],
  ["haproxy", (belfry) => HaProxy.start(belfry)],
];

const ways: readonly (readonly [string, PageOptions])[] = [
  ["polling", { transports: ["polling"] }],
  ["websocket", { transports: ["websocket"] }],
  ["polling, then the upgrade", { transports: ["polling", "websocket"] }],
];

/** A client with a proxy of its own before ours. */
const from = (address: string): PageOptions => ({ extraHeaders: { "X-Forwarded-For": address } });

describe.each(proxies)("%s", (_, start) => {
  let gateway: TestGateway;
  let proxy: Proxy;
  let url: string;

  beforeAll(async () => {
    gateway = await startGateway({
      listeners: [{ address: "127.0.0.1:0", trustedProxies: ["127.0.0.1"] }],
      secret: "ding",
      limits: { connectionsPerAddress: 2 },
    });
    proxy = await start(new URL(gateway.url).host);
    ({ url } = proxy);
  });

  afterAll(async () => {
    await proxy[Symbol.asyncDispose]();
    await gateway[Symbol.asyncDispose]();
  });

  const ring = async (room: string, data: unknown): Promise<void> =>
    emit(gateway.url, { secret: "ding", event: "bell", room, data });

  test.each(ways)("EIO-06 EIO-13 a page connects, joins and receives at once: %s", async (title, options) => {
    using page = await Page.connect(url, options);
    const { engine } = page.socket.io;
    if (title.includes("upgrade") && engine.transport.name !== "websocket") {
      const upgraded = Promise.withResolvers<void>();
      engine.once("upgrade", () => {
        upgraded.resolve();
      });
      await upgraded.promise;
    }
    expect(engine.transport.name).toBe(title === "polling" ? "polling" : "websocket");
    await page.join("tower");
    for (let count = 0; count < 3; count++) {
      await ring("tower", { count });
      expect(await page.next()).toEqual(["bell", { count }]);
    }
  });

  test.each([["polling"], ["websocket"]])("a large event of a client passes: %s", async (transport) => {
    using page = await Page.connect(url, { transports: [transport] });
    const padding = "x".repeat(990_000);
    expect(await page.socket.timeout(10_000).emitWithAck("join", { room: "big", padding })).toBeUndefined();
    await ring("big", 1);
    expect(await page.next()).toEqual(["bell", 1]);
  });

  test("SEC-15 a client counts by the address that the proxy saw", async () => {
    // HAProxy adds the address that it saw behind what a client claims: here that is a trusted one, so the one before counts.
    using first = await Page.connect(url, from("203.0.113.9"));
    using second = await Page.connect(url, from("203.0.113.9"));
    expect(await Page.connect(url, from("203.0.113.9")).then(() => "connected", String)).toContain("error");
    using other = await Page.connect(url, from("203.0.113.10"));
    expect([first, second, other].every((page) => page.socket.connected)).toBe(true);
  });

  test("EIO-18 the site's own pages may connect, those of another site may not", async () => {
    const handshake = async (Origin: string): Promise<number> =>
      (await fetch(`${url}/socket.io/?EIO=4&transport=polling`, { headers: { Origin } })).status;
    expect(await handshake(url)).toBe(200);
    expect(await handshake("http://elsewhere.example")).toBe(400);
  });

  test("SEC-13 publishing, health and metrics are not passed on, by any spelling", async () => {
    for (const path of ["/emit", "/-/metrics", "/-/health/ready", "/socket.iox"]) {
      for (const method of ["GET", "POST"])
        expect([path, (await rawRequest(url, { method, path })).status]).toEqual([path, 404]);
    }
    for (const out of ["..", "%2e%2e", ".%2E", "./..", "x/../..", "%2e./%2e"]) {
      const { status } = await rawRequest(url, { path: `/socket.io/${out}/-/metrics` });
      expect([out, [400, 404].includes(status)]).toEqual([out, true]);
    }
    // Where a proxy sees a name, URLs see a way up.
    for (const path of [String.raw`/socket.io/..\-/metrics`, String.raw`/socket.io/..\./-/metrics`]) {
      expect([path, (await rawRequest(url, { path })).status]).toEqual([path, 400]);
    }
  });
});
