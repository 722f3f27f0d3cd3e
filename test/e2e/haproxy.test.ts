// HAProxy in front of a gateway: its health checks as people configure them, and packaging/haproxy/belfry.cfg, unmodified,
// between real clients and the gateway.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway } from "../support/gateway.ts";
import { HaProxy } from "../support/haproxy.ts";
import { Page } from "../support/page.ts";
import type { PageOptions } from "../support/page.ts";
import { rawRequest } from "../support/raw.ts";

const hostOf = ({ url }: TestGateway): string => new URL(url).host;

describe("health checks", () => {
  const checks: Readonly<Record<string, string>> = {
    "the bare option": "option httpchk",
    "a path": "option httpchk GET /-/health/ready",
    "a path by HEAD": "option httpchk HEAD /-/health/ready",
    "HTTP/1.1 with a host":
      "option httpchk\n  http-check send meth GET uri /-/health/ready ver HTTP/1.1 hdr Host gateway.example",
    "what it expects": "option httpchk GET /-/health/ready\n  http-check expect rstring ready.:true",
  };
  test.each(Object.entries(checks))(
    "RTE-10 %s: up while the gateway is, down once it drains",
    async (_, option) => {
      await using gateway = await startGateway({ listeners: [{ address: "127.0.0.1:0" }], drain: 5 });
      const sections = `listen site
  bind "\${BELFRY_SITE}"
  ${option}
  server one "\${BELFRY_SERVER}" check inter 100ms fall 1 rise 1
`;
      await using proxy = await HaProxy.start(hostOf(gateway), sections);
      expect(await proxy.checked(({ check }) => check === "L7OK")).toEqual({ status: "UP", check: "L7OK" });
      // Somebody who reads nothing keeps the drain from ending before a check has seen it.
      const clients = await Promise.all(Array.from({ length: 5 }, () => Page.connect(gateway.url)));
      const stopped = gateway.gateway.stop(2_000);
      const { check } = await proxy.checked(({ status }) => status === "DOWN");
      expect(check).toMatch(/^L7(STS|RSP)$/);
      await stopped;
      for (const client of clients) client[Symbol.dispose]();
    },
  );
});

describe("packaging/haproxy/belfry.cfg", () => {
  let gateway: TestGateway;
  let proxy: HaProxy;
  let url: string;

  beforeAll(async () => {
    gateway = await startGateway({
      listeners: [{ address: "127.0.0.1:0", trustedProxies: ["127.0.0.1"] }],
      secret: "ding",
      limits: { connectionsPerAddress: 2 },
    });
    proxy = await HaProxy.start(hostOf(gateway));
    ({ url } = proxy);
  });
  afterAll(async () => {
    await proxy[Symbol.asyncDispose]();
    await gateway[Symbol.asyncDispose]();
  });

  const ways: readonly (readonly [string, PageOptions])[] = [
    ["polling", { transports: ["polling"] }],
    ["websocket", { transports: ["websocket"] }],
    ["polling, then the upgrade", { transports: ["polling", "websocket"] }],
  ];
  test.each(ways)("EIO-06 EIO-13 a page connects, joins and hears through it: %s", async (title, options) => {
    using page = await Page.connect(url, options);
    const { engine } = page.socket.io;
    if (title.includes("upgrade") && engine.transport.name !== "websocket") {
      const { promise, resolve } = Promise.withResolvers<void>();
      engine.once("upgrade", () => {
        resolve();
      });
      await promise;
    }
    await page.join("tower");
    for (let count = 0; count < 3; count++) {
      const body = JSON.stringify({ secret: "ding", event: "bell", room: "tower", data: { count } });
      expect((await fetch(`${gateway.url}/emit`, { method: "POST", body })).status).toBe(200);
      expect(await page.next()).toEqual(["bell", { count }]);
    }
  });

  test("SEC-15 a client counts by the address that the proxy saw", async () => {
    const from = (address: string): PageOptions => ({ extraHeaders: { "X-Forwarded-For": address } });
    // HAProxy adds what it saw behind what a client says of itself: here that is a trusted address, so the one before counts.
    using first = await Page.connect(url, from("203.0.113.9"));
    using second = await Page.connect(url, from("203.0.113.9"));
    expect(await Page.connect(url, from("203.0.113.9")).then(() => "connected", String)).toContain("error");
    using other = await Page.connect(url, from("203.0.113.10"));
    expect([first, second, other].every((page) => page.socket.connected)).toBe(true);
  });

  test("EIO-18 the site's own pages may connect, those of another site may not", async () => {
    const handshake = async (origin: string): Promise<number> => {
      const path = `${url}/socket.io/?EIO=4&transport=polling`;
      return (await fetch(path, { headers: { Origin: origin } })).status;
    };
    expect(await handshake(url)).toBe(200);
    expect(await handshake("http://elsewhere.example")).toBe(400);
  });

  test("SEC-13 publishing, health and metrics are not passed on, by any spelling", async () => {
    for (const path of ["/emit", "/-/metrics", "/-/health/ready", "/socket.iox"]) {
      expect([path, (await rawRequest(url, { method: "POST", path })).status]).toEqual([path, 404]);
    }
    for (const out of ["..", "%2e%2e", ".%2E", "./..", String.raw`..\.`]) {
      const path = `/socket.io/${out}/-/metrics`;
      expect([path, (await rawRequest(url, { path })).status]).toEqual([path, 400]);
    }
  });
});
