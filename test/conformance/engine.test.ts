// What the engine does with HTTP that we cannot mend from here, pinned: each is told in docs/engine-notes.md. Where one of
// these fails with another engine, the note and docs/operations.md have to change, and perhaps code that works around it.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect } from "node:net";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway } from "../support/gateway.ts";
import { PollingClient } from "../support/polling-client.ts";
import { RawConnection, rawRequest } from "../support/raw.ts";
import { until } from "../support/until.ts";

const secret = "publish-secret";
let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway({ secret });
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
});

const live = "GET /-/health/live HTTP/1.1\r\nHost: a\r\n\r\n";

/** All that comes until the gateway ends the connection. */
async function untilEnded(...writes: readonly string[]): Promise<string> {
  using connection = await RawConnection.open(gateway.url);
  for (const bytes of writes) {
    connection.write(bytes);
    // So that it comes as a packet of its own.
    if (writes.length > 1) await Bun.sleep(20);
  }
  return (await connection.ended()).toString();
}

const statuses = (text: string): readonly number[] =>
  [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status));

describe("requests behind one whose answer is not ready", () => {
  test("end the connection: neither has an answer, and the poll's session ends as with every poll that breaks off", async () => {
    for (const isLate of [false, true]) {
      const client = await PollingClient.connect(gateway.url);
      const poll = `GET ${client.path()} HTTP/1.1\r\nHost: a\r\n\r\n`;
      expect(await untilEnded(...(isLate ? [poll, live] : [poll + live]))).toBe("");
      const answer = await rawRequest(gateway.url, { method: "POST", path: client.path(), body: "40" });
      expect([answer.status, answer.text]).toEqual([400, '{"code":1,"message":"Session ID unknown"}']);
    }
  });

  test("are answered in order when every answer is ready at once", async () => {
    const last = live.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    expect(statuses(await untilEnded(live + live + last))).toEqual([200, 200, 200]);
  });
});

test("a method that the engine does not know ends the connection without an answer", async () => {
  for (const method of ["BREW", "get", "Get", "GETX"]) {
    expect([method, await untilEnded(`${method} / HTTP/1.1\r\nHost: a\r\n\r\n`)]).toEqual([method, ""]);
  }
});

test("chunks with a trailer are 400, though the body was whole: a publish with one is heard", async () => {
  const received = await gateway.metric("belfry_messages_received_total");
  const body = JSON.stringify({ event: "a", data: 1, secret });
  const head = "POST /emit HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  const chunks = `${body.length.toString(16)}\r\n${body}\r\n0\r\n`;
  expect(statuses(await untilEnded(`${head}${chunks}X-Trailer: 1\r\n\r\n${live}`))).toEqual([400]);
  expect(await gateway.metric("belfry_messages_received_total")).toBe(received + 1);
});

test("an empty line before a request is 400, between two requests, too", async () => {
  expect(statuses(await untilEnded(`\r\n${live}`))).toEqual([400]);
  expect(statuses(await untilEnded(`${live}\r\n${live}`))).toEqual([200, 400]);
});

test("the version of HTTP is not told: with a Host, an answer to HTTP/1.0 looks like one to HTTP/1.1", async () => {
  const text = await untilEnded("GET /-/health/live HTTP/1.0\r\nHost: a\r\n\r\n");
  expect(text).toStartWith("HTTP/1.1 200 OK\r\n");
  expect(text.toLowerCase()).not.toContain("connection:");
});

describe("Bun.serve by itself", () => {
  let server: ReturnType<typeof Bun.serve>;
  const seen: string[] = [];
  beforeAll(() => {
    server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      maxRequestBodySize: 1_000,
      routes: {
        "/:a/:b/:c": (request) => {
          seen.push(
            `${new URL(request.url, "http://a").pathname} from ${Object.values(request.params).join(" ")}`,
          );
          return new Response("");
        },
      },
      fetch: (request) => {
        seen.push(request.url);
        return new Response("");
      },
    });
  });
  afterAll(async () => {
    await server.stop(true);
  });

  const answerTo = async (bytes: string): Promise<string> => {
    using connection = await RawConnection.open(server.url.href);
    connection.write(bytes);
    const { status, headers } = await connection.response();
    return `${status} ${headers.get("connection") ?? "-"}`;
  };

  test("resolves the path before the handler sees it; only the parameters of a route show it as it came", async () => {
    seen.length = 0;
    await answerTo("GET /a/..\\b/c HTTP/1.1\r\nHost: a\r\n\r\n");
    await answerTo("GET /a/%2e%2e/c HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(seen).toEqual([String.raw`/b/c from a ..\b c`, "/c from a .. c"]);
  });

  test("swallows what stands behind a percent sign that escapes nothing, in parameters", async () => {
    seen.length = 0;
    await answerTo("GET /a/%\\x/c HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(seen).toEqual(["/a/%/x/c from a \uFFFD c"]);
  });

  test("does not say Connection: close to who asked for it, and closes", async () => {
    using connection = await RawConnection.open(server.url.href);
    connection.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    expect((await connection.response()).headers.get("connection")).toBeUndefined();
    await connection.ended();
  });

  test("answers a body over its limit at once and closes while the client still sends", async () => {
    expect(await answerTo("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n")).toBe("413 close");
  });

  test("leaves the path alone where the host is none, and refuses HTTP/1.1 without one", async () => {
    seen.length = 0;
    await answerTo("GET /../b HTTP/1.0\r\n\r\n");
    expect(seen).toEqual(["/../b"]);
    expect(await answerTo("GET / HTTP/1.1\r\n\r\n")).toBe("400 close");
  });

  test("keeps the connection of an answer that was given up while bytes wait for a client that does not read", async () => {
    const bodies: ReadableStreamDefaultController<Uint8Array>[] = [];
    let signal: AbortSignal | undefined;
    using streams = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch(request) {
        signal = request.signal;
        return new Response(new ReadableStream({ start: (given) => void bodies.push(given) }));
      },
    });
    const client = connect(streams.port ?? 0, "127.0.0.1", () => {
      client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
      client.pause();
    });
    const ended = new Promise((resolve) => {
      client.on("error", () => undefined).on("close", resolve);
    });
    await until(() => bodies.length === 1);
    await until(() => {
      bodies[0]?.enqueue(Buffer.alloc(100_000));
      return (bodies[0]?.desiredSize ?? 0) <= 0;
    });
    bodies[0]?.error();
    await Bun.sleep(300);
    expect(signal?.aborted).toBe(false);
    client.resume();
    await ended;
  });
});
