import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { createServer as createTcpServer } from "node:net";
import type { AddressInfo, Server } from "node:net";
import { CertificateFolder } from "../../test/support/certificate.ts";
import { outboundProblem } from "./options.ts";
import { Outbound } from "./outbound.ts";
import type { OutboundOptions } from "./outbound.ts";

const request = { headers: { "content-type": "text/plain" }, body: "ping" };

function outbound(options: Partial<OutboundOptions> = {}): Outbound {
  return new Outbound({ timeoutMs: 2_000, ...options });
}

async function post(url: string, options: Partial<OutboundOptions> = {}) {
  return outbound(options).post(new URL(url), request);
}

async function listening(server: Server): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  return (server.address() as AddressInfo).port;
}

/** Counts whoever connects. */
async function trap() {
  let connections = 0;
  const server = createTcpServer((socket) => {
    connections++;
    socket.destroy();
  });
  const port = await listening(server);
  return {
    port,
    get connections() {
      return connections;
    },
    [Symbol.dispose]: () => void server.close(),
  };
}

/** As they may stand in a config: the forms in which one address can be written, and the ranges that are not public. */
const blocked = [
  "http://127.0.0.1",
  "https://127.0.0.1",
  "https://127.1",
  "https://2130706433",
  "https://0x7f000001",
  "https://0177.0.0.1",
  "https://0x7f.1",
  "https://0",
  "https://0.0.0.0",
  "https://[::1]",
  "https://[::]",
  "https://[::ffff:127.0.0.1]",
  "https://[::ffff:7f00:1]",
  "https://[0:0:0:0:0:ffff:a9fe:a9fe]",
  "https://[64:ff9b::127.0.0.1]",
  "https://[2002:7f00:1::]",
  "https://[2001:0:7f00:1::1]",
  "https://[fe80::1]",
  "https://[fc00::1]",
  "https://[fd12:3456::1]",
  "https://[ff02::1]",
  "https://[::127.0.0.1]",
  "https://169.254.169.254",
  "https://2852039166",
  "https://10.0.0.1",
  "https://172.16.0.1",
  "https://172.31.255.255",
  "https://192.168.1.1",
  "https://100.64.0.1",
  "https://198.18.0.1",
  "https://224.0.0.1",
  "https://255.255.255.255",
  "https://１２７.０.０.１",
] as const;

describe("T24 addresses that are not public", () => {
  test.each(blocked)("no request goes to %s", async (origin) => {
    using there = await trap();
    const url = `${origin}:${there.port}/latest/meta-data/`;
    expect(await post(url)).toEqual({ kind: "failed", reason: "address_blocked" });
    expect(there.connections).toBe(0);
    // The check of the config says so before any start.
    expect(outboundProblem(url, [])).toBeString();
  });

  const names = ["127.0.0.1", "::1", "::ffff:127.0.0.1", "169.254.169.254", "10.1.2.3", "fd00::1", "fe80::1"];
  test.each(names)("no request goes to a name that means %s", async (address) => {
    using there = await trap();
    const url = `https://hooks.example:${there.port}/`;
    const answer = await post(url, { resolve: async () => [address] });
    expect(answer).toEqual({ kind: "failed", reason: "address_blocked" });
    expect(there.connections).toBe(0);
  });

  test("a name of this machine is looked up by the system, and refused", async () => {
    using there = await trap();
    const answer = await post(`https://localhost:${there.port}/`);
    expect(answer).toEqual({ kind: "failed", reason: "address_blocked" });
    expect(there.connections).toBe(0);
    expect(outboundProblem("https://localhost/", [])).toContain("127.0.0.1");
  });

  test("a name that changes its address after it was judged is not looked up again", async () => {
    using there = await trap();
    const answers = [["192.0.43.8"], ["127.0.0.1"], ["127.0.0.1"]];
    const went: string[] = [];
    const answer = await post(`https://rebinding.example:${there.port}/x?y`, {
      resolve: async () => answers.shift() ?? [],
      fetch: async (url, { tls, headers }) => {
        went.push(url.href);
        expect([tls, new Headers(headers as HeadersInit).get("host")]).toEqual([
          { serverName: "rebinding.example" },
          `rebinding.example:${there.port}`,
        ]);
        return new Response();
      },
    });
    expect(answer).toMatchObject({ kind: "answer", status: 200 });
    expect(went).toEqual([`https://192.0.43.8:${there.port}/x?y`]);
    expect(answers.length).toBe(2);
    expect(there.connections).toBe(0);
  });

  test("of several addresses of a name, only those that are allowed are tried", async () => {
    const went: string[] = [];
    const answer = await post("https://two.example/", {
      resolve: async () => ["10.0.0.1", "192.0.43.8", "127.0.0.1", "2620:0:862::1"],
      fetch: async ({ hostname }) => {
        went.push(hostname);
        throw new Error("refused");
      },
    });
    expect(answer).toEqual({ kind: "failed", reason: "unreachable" });
    expect(went).toEqual(["192.0.43.8", "[2620:0:862::1]"]);
  });

  test("a public address is allowed by https alone", async () => {
    expect(await post("http://192.0.43.8/")).toEqual({ kind: "failed", reason: "insecure" });
    const resolve = async () => ["192.0.43.8"];
    expect(await post("http://plain.example/", { resolve })).toEqual({ kind: "failed", reason: "insecure" });
    expect(outboundProblem("http://plain.example/", [])).toContain("Expected https");
    expect(outboundProblem("https://plain.example/", [])).toBeUndefined();
    expect(outboundProblem("http://app:8000/", ["10.0.0.0/8"])).toBeUndefined();
  });
});

/** A server on the loopback, where requests are allowed to go. */
function serve(answer: (request: Request) => Response | Promise<Response>) {
  const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: answer, idleTimeout: 30 });
  return {
    url: `http://127.0.0.1:${server.port}`,
    port: server.port,
    [Symbol.dispose]: () => void server.stop(true),
  };
}
const allowPrivate = ["127.0.0.0/8"];

describe("requests", () => {
  test("method, body and headers arrive, and the answer comes back", async () => {
    using there = serve(async (got) => {
      const { method, headers } = got;
      return Response.json(
        { method, host: headers.get("host"), type: headers.get("content-type"), body: await got.text() },
        { status: 201 },
      );
    });
    const answer = await post(`http://hooks.example:${there.port}/a?b=c`, {
      allowPrivate,
      resolve: async () => ["127.0.0.1"],
    });
    if (answer.kind !== "answer") throw new Error(answer.reason);
    expect([answer.status, JSON.parse(answer.body.toString())]).toEqual([
      201,
      { method: "POST", host: `hooks.example:${there.port}`, type: "text/plain", body: "ping" },
    ]);
  });

  test.each([301, 302, 303, 307, 308])("T24 a redirect (%d) is not followed", async (status) => {
    let requests = 0;
    using there = serve(({ url }) => {
      requests++;
      const next = new URL(url).pathname === "/" ? "/next" : "http://169.254.169.254/latest/meta-data/";
      return new Response(null, { status, headers: { location: next } });
    });
    for (const path of ["/", "/metadata"]) {
      expect(await post(`${there.url}${path}`, { allowPrivate })).toMatchObject({ kind: "answer", status });
    }
    expect(requests).toBe(2);
  });

  test("T24 an answer may have 64 KiB, and no more", async () => {
    using there = serve(({ url }) => new Response("x".repeat(Number(new URL(url).pathname.slice(1)))));
    expect(await post(`${there.url}/65536`, { allowPrivate })).toMatchObject({ kind: "answer", status: 200 });
    expect(await post(`${there.url}/65537`, { allowPrivate })).toEqual({
      kind: "failed",
      reason: "answer_too_large",
    });
  });

  test("T24 a compressed answer is not unpacked", async () => {
    const bomb = Bun.gzipSync(Buffer.alloc(10_000_000));
    using there = serve(() => new Response(bomb, { headers: { "content-encoding": "gzip" } }));
    const answer = await post(there.url, { allowPrivate });
    expect(answer).toMatchObject({ kind: "answer", status: 200 });
    if (answer.kind === "answer") expect(answer.body.equals(bomb)).toBe(true);
  });

  test("T24 an answer without end is given up at the deadline, or at the bound", async () => {
    const text = new Uint8Array(1_024);
    using there = serve(({ url }) => {
      const pauseMs = Number(new URL(url).pathname.slice(1));
      return new Response(
        new ReadableStream({
          async pull(controller) {
            await Bun.sleep(pauseMs);
            controller.enqueue(text);
          },
        }),
      );
    });
    const before = performance.now();
    expect(await post(`${there.url}/100`, { allowPrivate, timeoutMs: 500 })).toEqual({
      kind: "failed",
      reason: "timeout",
    });
    expect(performance.now() - before).toBeLessThan(1_500);
    expect(await post(`${there.url}/0`, { allowPrivate })).toMatchObject({ reason: "answer_too_large" });
  });

  test("a server that does not answer, one that is not there, and a resolver that hangs", async () => {
    using there = serve(async () => new Promise<Response>(() => {}));
    expect(await post(there.url, { allowPrivate, timeoutMs: 200 })).toMatchObject({ reason: "timeout" });
    using gone = await trap();
    expect(await post(`http://127.0.0.1:${gone.port}`, { allowPrivate })).toMatchObject({
      reason: "unreachable",
    });
    const hangs = async (): Promise<string[]> => new Promise(() => {});
    expect(await post("https://a.example", { resolve: hangs, timeoutMs: 200 })).toMatchObject({
      reason: "timeout",
    });
    expect(await post("https://a.example", { resolve: async () => [] })).toMatchObject({
      reason: "name_unknown",
    });
    expect(await post("https://no-such-name.invalid")).toMatchObject({ reason: "name_unknown" });
  });

  test("the certificate must be for the name of the URL, though the connection goes to an address", async () => {
    using folder = new CertificateFolder();
    const files = await folder.make("hooks");
    const [cert, key] = [readFileSync(files.cert, "utf8"), readFileSync(files.key, "utf8")];
    const server = createServer({ cert, key }, (_request, response) => response.end("pong"));
    const port = await listening(server);
    const options: Partial<OutboundOptions> = {
      allowPrivate,
      resolve: async () => ["127.0.0.1"],
      fetch: async (url, init) => fetch(url, { ...init, tls: { ...init.tls, ca: cert } }),
    };
    // It is for the name localhost.
    expect(await post(`https://localhost:${port}/`, options)).toMatchObject({ kind: "answer", status: 200 });
    expect(await post(`https://other.example:${port}/`, options)).toMatchObject({ reason: "unreachable" });
    const trusting = { ...options, fetch };
    expect(await post(`https://localhost:${port}/`, trusting)).toMatchObject({ reason: "unreachable" });
    server.close();
  });
});
