// The paths below `/-/`, asked as a load balancer, a scraper and a stranger would.

import { describe, expect, test } from "bun:test";
import { silent } from "../core/observe.ts";
import { createApi } from "./app.ts";
import type { ApiParts, Readiness } from "./app.ts";

const ready: Readiness = { isReady: true, reasons: [] };

function setUp(parts: Partial<ApiParts> = {}) {
  const reports: unknown[] = [];
  const api = createApi({
    observe: { ...silent, report: (...report) => void reports.push(report) },
    metrics: () => "belfry_rooms 3\n",
    readiness: () => ready,
    ...parts,
  });
  const ask = (path: string, init?: RequestInit) =>
    Promise.resolve(api(new Request(`http://h${path}`, init)));
  return { ask, reports };
}

/** What every answer must have, whatever it says. */
function expectHeaders(response: Response): void {
  expect(response.headers.get("cache-control")).toBe("no-store");
  expect(response.headers.get("x-content-type-options")).toBe("nosniff");
  expect(response.headers.get("content-type")).toMatch(/^(text\/plain|application\/json)/);
  for (const name of ["access-control-allow-origin", "set-cookie", "x-powered-by"]) {
    expect(response.headers.get(name)).toBe(null);
  }
}

describe("health", () => {
  test("RTE-10 live", async () => {
    const response = await setUp().ask("/-/health/live");
    expect(response.status).toBe(200);
    expectHeaders(response);
    expect(await response.json()).toEqual({ live: true });
  });

  test("RTE-10 ready", async () => {
    const response = await setUp().ask("/-/health/ready");
    expect(response.status).toBe(200);
    expectHeaders(response);
    expect(await response.json()).toEqual({ ready: true, reasons: [] });
  });

  test("RTE-10 SEC-02 not ready, with the reasons; live all the same; and ready again", async () => {
    let state: Readiness = { isReady: false, reasons: ["Redis refused the connection", "draining"] };
    const { ask } = setUp({ readiness: () => state });
    const response = await ask("/-/health/ready");
    expect(response.status).toBe(503);
    expectHeaders(response);
    expect(await response.json()).toEqual({ ready: false, reasons: state.reasons });
    expect((await ask("/-/health/live")).status).toBe(200);
    state = ready;
    expect((await ask("/-/health/ready")).status).toBe(200);
  });
});

describe("metrics", () => {
  test("RTE-10 as Prometheus reads them", async () => {
    const response = await setUp().ask("/-/metrics");
    expect(response.status).toBe(200);
    expectHeaders(response);
    expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(await response.text()).toBe("belfry_rooms 3\n");
  });

  test("T26 SEC-05 a failure is reported, and its text stays inside", async () => {
    const { ask, reports } = setUp({
      metrics: () => {
        throw new Error("cAnArY7291");
      },
    });
    const response = await ask("/-/metrics");
    expect(response.status).toBe(500);
    expectHeaders(response);
    expect(await response.text()).toBe("Internal Server Error\n");
    expect(reports).toEqual([["api", new Error("cAnArY7291")]]);
  });
});

describe("everything else", () => {
  const paths = ["/-/health/live", "/-/health/ready", "/-/metrics"];

  test.each(paths)("RTE-10 HEAD %s is GET without a body", async (path) => {
    const { ask } = setUp();
    const [head, get] = await Promise.all([ask(path, { method: "HEAD" }), ask(path)]);
    expect(head.status).toBe(200);
    expectHeaders(head);
    expect(head.headers.get("content-type")).toBe(get.headers.get("content-type"));
    expect(await head.text()).toBe("");
  });

  test.each(["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])("RTE-10 %s is 405", async (method) => {
    for (const path of paths) {
      const response = await setUp().ask(path, { method });
      expect(response.status).toBe(405);
      expectHeaders(response);
      expect(response.headers.get("allow")).toBe("GET, HEAD");
    }
  });

  const unknown = [
    "/-/",
    "/-/health",
    "/-/health/live/",
    "/-/metrics/",
    "/-/METRICS",
    "/-/sessions",
    "/-/clients",
    "/-/rooms",
    "/-/debug/pprof",
    "/-/<script>alert(1)</script>",
    "/-/__proto__",
    "/metrics",
  ];
  test.each(unknown)("SEC-13 SEC-05 T26 %s is 404, and the answer repeats nothing of it", async (path) => {
    const response = await setUp().ask(path);
    expect(response.status).toBe(404);
    expectHeaders(response);
    expect(await response.text()).toBe("Not found. Health is at /-/health/ready, metrics at /-/metrics\n");
  });
});
