import { expect, test } from "bun:test";
import { gatewayBanner } from "./banner.ts";
import type { StartedGateway } from "./banner.ts";

const url = "http://127.0.0.1:8899";
const listener = {
  url,
  dialects: ["socketio", "native"],
  origins: ["http://localhost:7788"],
  asksOrigin: true,
};
const started: StartedGateway = {
  version: "1.0.0",
  listeners: [listener],
  broker: "redis redis://localhost",
  ways: { hasSecret: true, hasRedis: true },
};

test("a start says where it listens, for which pages, and how backends publish", () => {
  expect(gatewayBanner(started)).toBe(
    `Belfry 1.0.0
  listening  ${url} (socketio, native)
  broker     redis redis://localhost
  pages      of http://localhost:7788
  publish    on Redis, and over HTTP with the publish secret`,
  );
});

test.each([
  [undefined, "of the gateway's own origin alone; --cors adds others"],
  [[], "none"],
  ["*" as const, "of every origin"],
])("the pages of origins %j", (origins, text) => {
  expect(gatewayBanner({ ...started, listeners: [{ ...listener, origins }] })).toContain(
    `  pages      ${text}\n`,
  );
});

test("of dialects that take pages of every origin, nothing is said", () => {
  expect(gatewayBanner({ ...started, listeners: [{ ...listener, asksOrigin: false }] })).not.toContain(
    "pages",
  );
});

test.each([
  [true, false, "over HTTP with the publish secret; on Redis with --redis"],
  [false, true, "on Redis; over HTTP with --secret-file"],
  [false, false, "no backend can: --secret-file lets them over HTTP, --redis on Redis"],
])("how backends publish, with a secret %p and Redis %p", (hasSecret, hasRedis, text) => {
  expect(gatewayBanner({ ...started, ways: { hasSecret, hasRedis } })).toEndWith(`\n  publish    ${text}`);
});
