// HTTP as health checks, pooling clients and proxies speak it: HTTP/1.0 without a host, connections that end and say so,
// HEAD, and paths that two readers would read as two.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway } from "../support/gateway.ts";
import { PollingClient } from "../support/polling-client.ts";
import { handshakeHeaders, RawConnection, rawRequest } from "../support/raw.ts";
import type { RawResponse } from "../support/raw.ts";

const secret = "publish-secret";
let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway({
    listeners: [{ address: "127.0.0.1:0", dialects: ["socketio", "ws-hub", "websocket-channels"] }],
    secret,
    "ws-hub": { serverUrl: "/hub", clientKey: "key" },
    "websocket-channels": { root: true },
  });
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
});

/** Sends the bytes, reads one answer, and waits until the gateway closes the connection. */
async function lastAnswer(bytes: string): Promise<RawResponse> {
  using connection = await RawConnection.open(gateway.url);
  connection.write(bytes);
  const isHead = bytes.startsWith("HEAD");
  const answer = await (isHead ? connection.responseToHead() : connection.response());
  expect((await connection.ended()).toString()).toBe("");
  return answer;
}

describe("HTTP/1.0 without Host (RFC 9112 section 3.2 asks for it in HTTP/1.1 alone)", () => {
  test("RTE-10 health and metrics answer, by GET and HEAD", async () => {
    for (const path of ["/-/health/ready", "/-/health/live", "/-/metrics"]) {
      for (const method of ["GET", "HEAD"]) {
        const { status, headers } = await lastAnswer(`${method} ${path} HTTP/1.0\r\n\r\n`);
        expect([path, status, headers.get("connection")]).toEqual([path, 200, "close"]);
      }
    }
  });

  test("RTE-10 OPTIONS / says what readiness says, in every version of HTTP", async () => {
    for (const line of ["OPTIONS / HTTP/1.0\r\n", "OPTIONS / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"]) {
      const { status, text } = await lastAnswer(`${line}\r\n`);
      expect([status, text]).toEqual([200, '{"ready":true,"reasons":[]}']);
    }
    await using ending = await startGateway();
    const stopped = ending.gateway.stop(300);
    const { status } = await rawRequest(ending.url, { method: "OPTIONS", path: "/" });
    await stopped;
    expect(status).toBe(503);
  });

  test("WSE-20 a publish and a poll go through", async () => {
    const body = JSON.stringify({ event: "a", data: 1, secret });
    const published = await lastAnswer(
      `POST /emit HTTP/1.0\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    expect(published.status).toBe(200);
    const poll = await lastAnswer("GET /socket.io/?EIO=4&transport=polling HTTP/1.0\r\n\r\n");
    expect([poll.status, poll.text.slice(0, 7)]).toEqual([200, '0{"sid"']);
  });

  test("T22 a path is refused as with a host, an upgrade and HTTP/1.1 without one are 400", async () => {
    const upgrade = Object.entries(handshakeHeaders()).map(([name, value]) => `${name}: ${value}\r\n`);
    for (const bytes of [
      "GET /socket.io/../-/metrics HTTP/1.0\r\n\r\n",
      "GET /-/metrics HTTP/1.1\r\n\r\n",
      "GET /-/metrics HTTP/1.1\r\nHost:\r\n\r\n",
      "CONNECT a:80 HTTP/1.0\r\n\r\n",
      `GET /socket.io/?EIO=4&transport=websocket HTTP/1.0\r\n${upgrade.join("")}\r\n`,
    ]) {
      expect([bytes, (await lastAnswer(bytes)).status]).toEqual([bytes, 400]);
    }
  });

  test("EIO-18 no page is of the same origin as nobody", async () => {
    const asked = "GET /socket.io/?EIO=4&transport=polling HTTP/1.0\r\nOrigin: http://localhost\r\n\r\n";
    expect((await lastAnswer(asked)).status).toBe(400);
  });
});

describe("RFC 9112 section 9.6: the answer to Connection: close says Connection: close", () => {
  const requests: readonly (readonly [method: string, path: string, status: number])[] = [
    ["GET", "/-/health/live", 200],
    ["HEAD", "/-/metrics", 200],
    ["POST", "/-/metrics", 405],
    ["OPTIONS", "/", 200],
    ["GET", "/", 405],
    ["GET", "/socket.io/?EIO=4&transport=polling", 200],
    ["GET", "/socket.io/?EIO=3&transport=polling", 200],
    ["OPTIONS", "/socket.io/?EIO=4&transport=polling", 200],
    ["GET", "/socket.io/?EIO=4&transport=pigeon", 400],
    ["POST", "/emit", 400],
    ["POST", "/publish", 401],
    ["OPTIONS", "/publish", 200],
    ["GET", "/ws/a", 426],
    ["GET", "/hub", 400],
    ["GET", "/status", 405],
    ["DELETE", "/-/nowhere", 404],
  ];
  test.each(requests)("EIO-15 WSE-25 WSC-09 %s %s: %d", async (method, path, status) => {
    for (const connection of ["close", "Close", "keep-alive, close", "TE ,\tclose"]) {
      const answer = await lastAnswer(
        `${method} ${path} HTTP/1.1\r\nHost: a\r\nConnection: ${connection}\r\n\r\n`,
      );
      expect([connection, answer.status, answer.headers.get("connection")]).toEqual([
        connection,
        status,
        status === 426 ? "close, Upgrade" : "close",
      ]);
    }
  });

  test("a poll that was held, a publish and a refused websocket say it, too", async () => {
    const client = await PollingClient.connect(gateway.url);
    using poll = await RawConnection.open(gateway.url);
    poll.write(`GET ${client.path()} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
    const body = JSON.stringify({ event: "a", data: 1, secret });
    const head = `POST /emit HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ${body.length}\r\n`;
    expect((await lastAnswer(`${head}\r\n${body}`)).headers.get("connection")).toBe("close");
    expect((await poll.response()).headers.get("connection")).toBe("close");
    for (const path of ["/-/nowhere", "/hub", "/socket.io/?EIO=4&transport=pigeon"]) {
      const headers = { ...handshakeHeaders(), Connection: "Upgrade, close" };
      const refused = await rawRequest(gateway.url, { path, headers });
      expect([path, refused.headers.get("connection")]).toEqual([path, "close"]);
    }
  });

  test("an answer on a connection that goes on says nothing of the kind", async () => {
    for (const connection of ["keep-alive", "closed", "x-close", "close-not"]) {
      const { headers } = await rawRequest(gateway.url, {
        path: "/-/health/live",
        headers: { Connection: connection },
      });
      expect([connection, headers.get("connection")]).toEqual([connection, undefined]);
    }
  });
});

test("RTE-10 HEAD under /-/ says the length that GET says", async () => {
  for (const path of ["/-/health/live", "/-/health/ready", "/-/nowhere", "/-/"]) {
    const [get, head] = await Promise.all([
      rawRequest(gateway.url, { path }),
      lastAnswer(`HEAD ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`),
    ]);
    expect(Number(head.headers.get("content-length"))).toBe(get.body.length);
    expect([head.status, head.headers.get("content-type")]).toEqual([
      get.status,
      get.headers.get("content-type"),
    ]);
  }
});

describe("SEC-13 T22 a path means the same to us as to the proxy that let it through", () => {
  const refused = [
    String.raw`/socket.io/..\-/metrics`,
    String.raw`/socket.io\..\-/metrics`,
    String.raw`/socket.io/..\..\-\metrics`,
    String.raw`/-\metrics`,
    String.raw`\-/metrics`,
    "/socket.io/../-/metrics",
    "/socket.io/%2e%2e/-/metrics",
    "/socket.io/%2E%2e/-/metrics",
    "/socket.io/.%2e/-/metrics",
    "/socket.io/%2E./-/metrics",
    "/socket.io/./../-/metrics",
    "/socket.io/%2e/",
    "/-/./metrics",
    "/-/metrics/..",
    "/-/metrics/.",
    "/-/metrics/../metrics",
    "/socket.io//../../-/metrics",
    "//../-/metrics",
    "/ws/a/../b",
    String.raw`/ws/%zz\..\..\-/metrics`,
    String.raw`/ws/%\../-/metrics`,
    String.raw`/ws/%%5c\..\..\-/metrics`,
    "http://a/socket.io/../-/metrics",
    `/${"a/".repeat(50)}../x`,
    `/a/b/c/d/e//f/../x`,
  ];
  test.each(refused)("T22 %s: 400, and the connection ends", async (path) => {
    for (const [method, query] of [
      ["GET", ""],
      ["HEAD", "?x=1"],
      ["POST", "?EIO=4&transport=polling"],
      ["OPTIONS", "?/../"],
    ]) {
      const answer = await lastAnswer(
        `${method} ${path}${query} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n`,
      );
      expect([method, answer.status, answer.headers.get("connection")]).toEqual([method, 400, "close"]);
    }
    const upgrade = await rawRequest(gateway.url, { path, headers: handshakeHeaders() });
    expect(upgrade.status).toBe(400);
  });

  const served: readonly (readonly [path: string, status: number])[] = [
    ["/-/health/live", 200],
    ["/-/health/live?x=/../..\\", 200],
    ["http://a/-/health/live", 200],
    ["/-/health/live/...", 404],
    ["/-/health/..live", 404],
    ["/-/health/live%2e", 404],
    ["/-/%5C..%5C", 404],
    ["/-/%252e%252e/", 404],
    ["/-/..%2f..", 404],
    ["/-/100%", 404],
    ["/-/%zz", 404],
  ];
  test.each(served)("%s is a path like any other: %d", async (path, status) => {
    expect((await rawRequest(gateway.url, { path })).status).toBe(status);
  });
});
