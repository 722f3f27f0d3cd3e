// The health checks of HAProxy as people configure them. Clients go through it in proxies.test.ts.

import { describe, expect, test } from "bun:test";
import { startGateway } from "../support/gateway.ts";
import { HaProxy } from "../support/haproxy.ts";
import { Page } from "../support/page.ts";

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
      await using proxy = await HaProxy.start(new URL(gateway.url).host, sections);
      expect(await proxy.checked(({ check }) => check === "L7OK")).toEqual({ status: "UP", check: "L7OK" });
      // Clients that read nothing keep the drain from ending before a check has seen it.
      const clients = await Promise.all(Array.from({ length: 5 }, () => Page.connect(gateway.url)));
      const stopped = gateway.gateway.stop(2_000);
      const { check } = await proxy.checked(({ status }) => status === "DOWN");
      expect(check).toMatch(/^L7(STS|RSP)$/);
      await stopped;
      for (const client of clients) client[Symbol.dispose]();
    },
  );
});
