// One gateway on several listeners: TCP, TLS and unix sockets, each with dialects of its own, all with the same rooms.
// Behind a unix socket stands a proxy, here a real nginx, which says who its clients are.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, lstatSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CertificateFolder } from "../support/certificate.ts";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway } from "../support/gateway.ts";
import { include, Nginx } from "../support/nginx.ts";
import { Page } from "../support/page.ts";
import { run, RunningProcess } from "../support/process.ts";
import { RawConnection, RawWebSocket, rawRequest } from "../support/raw.ts";
import { belfryPath } from "../support/serve.ts";

const secret = "publish-secret-of-this-test";
const polling = "/socket.io/?EIO=4&transport=polling";

let folder: string;
let certificates: CertificateFolder;
let tls: { readonly cert: string; readonly key: string };

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "belfry-"));
  certificates = new CertificateFolder();
  tls = await certificates.make("belfry-test");
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
  certificates[Symbol.dispose]();
});

const socketPath = (name: string): string => join(folder, `${name}.sock`);

/** Bun's takes options of TLS beside the URL. */
const TlsWebSocket = WebSocket as unknown as new (
  url: string,
  options: { readonly tls: { readonly ca?: string } },
) => WebSocket;

describe("one gateway, three listeners", () => {
  let gateway: TestGateway;
  let urls: readonly [tcp: string, tls: string, unix: string];

  beforeAll(async () => {
    gateway = await startGateway({
      secret,
      listeners: [
        { address: "127.0.0.1:0", dialects: ["socketio"] },
        { address: "127.0.0.1:0", tls, dialects: ["socketio", "websocket-channels"] },
        { unix: socketPath("house"), dialects: ["websocket-channels"] },
      ],
    });
    const [tcp = "", secure = "", unix = ""] = gateway.gateway.urls;
    urls = [tcp, secure, unix];
  });

  afterAll(async () => {
    await gateway[Symbol.asyncDispose]();
  });

  test("RTE-01 each has its address and its dialects", async () => {
    const [tcp, secure, unix] = urls;
    expect(tcp).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(secure).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    expect(unix).toBe(`unix:${socketPath("house")}`);
    const statuses = async (path: string): Promise<readonly number[]> => {
      const answers = await Promise.all(urls.map(async (url) => rawRequest(url, { path })));
      return answers.map(({ status }) => status);
    };
    expect(await statuses(polling)).toEqual([200, 200, 404]);
    expect(await statuses("/ws/room")).toEqual([404, 426, 426]);
    expect(await statuses("/-/health/live")).toEqual([200, 200, 200]);
  });

  test("RTE-01 a room is heard on all of them, whichever the message came in by", async () => {
    const [tcp, secure, unix] = urls;
    using page = await Page.connect(tcp);
    await page.join("news");
    using overTls = await RawWebSocket.open(secure, "/ws/news");
    using overUnix = await RawWebSocket.open(unix, "/ws/news");
    const body = JSON.stringify({ event: "update", room: "news", data: 1, secret });
    expect((await rawRequest(secure, { method: "POST", path: "/emit", body })).status).toBe(200);
    expect(await page.next()).toEqual(["update", 1]);
    for (const client of [overTls, overUnix]) {
      expect(await client.waitForMessage()).toBe('{"event":"update","data":1}');
    }
    overTls.send("from TLS");
    overUnix.send("from the socket");
    for (const client of [overTls, overUnix]) {
      const heard = await client.waitForMessages(2);
      expect(heard.map(String).toSorted()).toEqual(["from TLS", "from the socket"]);
    }
  });

  test("a WebSocket of a browser's kind speaks wss:// and proves whom it speaks to", async () => {
    const [, secure] = urls;
    const url = `${secure.replace("https", "wss")}/ws/browser`;
    const ca = await Bun.file(tls.cert).text();
    const socket = new TlsWebSocket(url, { tls: { ca } });
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    socket.addEventListener("open", () => {
      socket.send("hello");
    });
    socket.addEventListener("message", ({ data }) => {
      resolve(data);
    });
    socket.addEventListener("error", reject);
    expect(await promise).toBe("hello");
    socket.close();
    const stranger = new WebSocket(url);
    const failed = Promise.withResolvers<string>();
    stranger.addEventListener("open", () => {
      failed.resolve("open");
    });
    stranger.addEventListener("close", () => {
      failed.resolve("closed");
    });
    expect(await failed.promise).toBe("closed");
  });

  test("T22 what is no TLS gets no answer on a TLS port, and disturbs nobody", async () => {
    const [, secure] = urls;
    for (const bytes of ["GET /-/health/live HTTP/1.1\r\nHost: a\r\n\r\n", Buffer.alloc(64, 0xff)]) {
      using connection = await RawConnection.open(secure.replace("https", "http"));
      connection.write(bytes);
      const answer = await connection.ended();
      expect(answer.toString("latin1")).not.toContain("HTTP/");
    }
    expect((await rawRequest(secure, { path: "/-/health/live" })).status).toBe(200);
  });

  test("T22 the checks of requests hold on a unix socket, too", async () => {
    const [, , unix] = urls;
    for (const head of [
      "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
      "GET / HTTP/1.1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: [bad\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx",
    ]) {
      using connection = await RawConnection.open(unix);
      connection.write(head);
      expect((await connection.response()).status, head).toBe(400);
    }
  });
});

test("EIO-11 a poll is held for as long as it needs on every kind of listener", async () => {
  await using gateway = await startGateway({
    listeners: [{ address: "127.0.0.1:0" }, { address: "127.0.0.1:0", tls }, { unix: socketPath("held") }],
    // Longer than the engine keeps a connection on which nothing happens.
    socketio: { pingInterval: 13 },
  });
  const held = gateway.gateway.urls.map(async (url) => {
    const { text } = await rawRequest(url, { path: polling });
    const { sid } = JSON.parse(text.slice(1)) as { readonly sid: string };
    return rawRequest(url, { path: `${polling}&sid=${sid}` }, 30_000);
  });
  expect((await Promise.all(held)).map(({ text }) => text)).toEqual(["2", "2", "2"]);
}, 60_000);

describe("clients behind a unix socket", () => {
  const named = (address?: string): Record<string, string> =>
    address === undefined ? {} : { "X-Forwarded-For": address };

  test("SEC-15 limits count whom the proxy names, and never the proxy itself", async () => {
    await using gateway = await startGateway({
      listeners: [{ unix: socketPath("limits") }],
      limits: { connectionsPerAddress: 2, handshakesPerAddress: 100 },
    });
    const ask = async (address?: string): Promise<number> =>
      (await rawRequest(gateway.url, { path: polling, headers: named(address) })).status;
    for (let count = 0; count < 10; count++) expect(await ask()).toBe(200);
    expect([await ask("203.0.113.9"), await ask("203.0.113.9"), await ask("203.0.113.9")]).toEqual([
      200, 200, 403,
    ]);
    // What the client wrote itself stands before what the proxy adds.
    expect(await ask("198.51.100.1, 203.0.113.9")).toBe(403);
    expect(await ask("203.0.113.9, 203.0.113.10")).toBe(200);
    expect(await ask("nonsense")).toBe(200);
    expect(await gateway.metric("belfry_refused_total", 'reason="connections_per_address"')).toBe(2);
  });

  test("SEC-15 W4R-16 EIO-18 behind nginx: its clients count one by one, and its site is our own origin", async () => {
    const path = socketPath("nginx");
    await using gateway = await startGateway({
      listeners: [{ unix: path, dialects: ["socketio"] }],
      limits: { connectionsPerAddress: 1 },
    });
    // Nothing about the Host: the upstream's is `belfry`.
    await using nginx = await Nginx.start({
      upstreams: { belfry: `unix:${path}` },
      server: `location / {
        proxy_pass http://belfry;
        proxy_set_header X-Forwarded-For $http_x_test_client;
        proxy_set_header X-Forwarded-Host $http_host;
      }`,
    });
    const ask = async (client: string, origin: string): Promise<number> => {
      const headers = { "X-Test-Client": client, Origin: origin };
      return (await rawRequest(nginx.url, { path: polling, headers })).status;
    };
    expect(await ask("203.0.113.1", nginx.url)).toBe(200);
    expect(await ask("203.0.113.1", nginx.url)).toBe(403);
    expect(await ask("203.0.113.2", nginx.url)).toBe(200);
    for (const foreign of ["https://evil.example", "http://belfry", "http://localhost", "null"]) {
      expect(await ask("203.0.113.3", foreign), foreign).toBe(400);
    }
    expect(await gateway.metric("belfry_connections")).toBe(2);
  });

  test("EIO-13 the snippet for nginx works over a unix socket as it is", async () => {
    const path = socketPath("snippet");
    await using gateway = await startGateway({ listeners: [{ unix: path }], secret });
    await using nginx = await Nginx.start({
      upstreams: { belfry: `unix:${path}` },
      server: include("belfry.conf"),
    });
    for (const transports of [["websocket"], ["polling"]]) {
      using page = await Page.connect(nginx.url, { transports, extraHeaders: { origin: nginx.url } });
      await page.join("tower");
      const body = JSON.stringify({ event: "bell", room: "tower", data: 1, secret });
      expect((await rawRequest(gateway.url, { method: "POST", path: "/emit", body })).status).toBe(200);
      expect(await page.next()).toEqual(["bell", 1]);
    }
  });

  test("SEC-14 a drain closes them with their codes, and the socket's file goes", async () => {
    const path = socketPath("drain");
    const gateway = await startGateway({ listeners: [{ unix: path, dialects: ["websocket-channels"] }] });
    const clients: RawWebSocket[] = [];
    for (let count = 0; count < 20; count++) clients.push(await RawWebSocket.open(gateway.url, "/ws/x"));
    const stopped = gateway.gateway.stop(1_000);
    for (const client of clients) {
      expect(await client.waitForClose()).toEqual({ code: 1001, reason: "Shutting down" });
      client[Symbol.dispose]();
    }
    await stopped;
    expect(existsSync(path)).toBe(false);
    await gateway[Symbol.asyncDispose]();
  });
});

describe("belfry serve", () => {
  const serve = (...args: readonly string[]): RunningProcess =>
    new RunningProcess([belfryPath, "serve", "--log-format", "json", ...args]);
  const listening = /"event":"listening","url":"([^"]+)"/;

  test("F9 --unix says where it listens; after a kill the next start replaces the socket; a second one is refused", async () => {
    const path = socketPath("process");
    const args = ["--unix", path, "--unix-mode", "600"];
    await using killed = serve(...args);
    expect((await killed.waitFor(listening))[1]).toBe(`unix:${path}`);
    killed.kill("SIGKILL");
    await killed.exited;
    expect(lstatSync(path).isSocket()).toBe(true);
    await using gateway = serve(...args);
    await gateway.waitFor(listening);
    expect((lstatSync(path).mode & 0o777).toString(8)).toBe("600");
    const { code, stdout, stderr } = await run([belfryPath, "serve", ...args]);
    expect(code).not.toBe(0);
    expect(stdout + stderr).toContain(
      `Expected the unix socket ${path} to be free, another process listens there`,
    );
    expect((await rawRequest(`unix:${path}`, { path: "/-/health/live" })).status).toBe(200);
    expect(await gateway.stop()).not.toBe(137);
    expect(existsSync(path)).toBe(false);
  }, 60_000);

  test("SEC-04 --tls-cert and --tls-key serve https; files that do not belong together refuse to start", async () => {
    await using gateway = serve("-a", "127.0.0.1:0", "--tls-cert", tls.cert, "--tls-key", tls.key);
    const url = (await gateway.waitFor(listening))[1] ?? "";
    expect(url).toStartWith("https://127.0.0.1:");
    expect((await rawRequest(url, { path: "/-/health/live" })).status).toBe(200);
    const other = await certificates.make("another");
    const wrong = await run([belfryPath, "serve", "--tls-cert", tls.cert, "--tls-key", other.key]);
    expect(wrong.code).not.toBe(0);
    expect(wrong.stdout + wrong.stderr).toContain(
      `Expected the key in ${other.key} to belong to the certificate in ${tls.cert}`,
    );
    expect(wrong.stdout + wrong.stderr).not.toContain("BEGIN");
  }, 60_000);
});
