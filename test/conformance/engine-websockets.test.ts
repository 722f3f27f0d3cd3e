// What the engine does with websockets and connections that we cannot mend from here, pinned: each is told in
// docs/engine-notes.md. Where one of these fails with another engine, the note has to change, and code that works around it.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { ServerWebSocket } from "bun";
import { once } from "node:events";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { maskedFrame } from "../support/flooder.ts";
import { cpuSeconds, RunningProcess } from "../support/process.ts";
import { handshakeHeaders, RawConnection, requestBytes } from "../support/raw.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(30_000);

type Handler = Partial<Bun.WebSocketHandler<undefined>>;

/** The bare engine; `using` stops it. */
function serve(websocket: Handler) {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 2,
    fetch: (request, served) => (served.upgrade(request) ? undefined : new Response("")),
    websocket: { message: () => undefined, maxPayloadLength: 1_000, ...websocket },
  });
  return {
    url: `http://127.0.0.1:${server.port}`,
    port: server.port ?? 0,
    [Symbol.dispose]: () => void server.stop(true),
  };
}

/** A websocket whose client never ends it by itself. */
async function open(url: string): Promise<Socket> {
  const socket = connect({ host: "127.0.0.1", port: Number(new URL(url).port), allowHalfOpen: true });
  socket.on("error", () => undefined);
  socket.write(requestBytes(url, { path: "/", headers: handshakeHeaders() }));
  await once(socket, "data");
  return socket;
}

test("all messages of one read are handed over before a timer or a request has its turn", async () => {
  let heard = 0;
  const turns: number[] = [];
  using server = serve({
    message: () => {
      if (heard++ === 0) setImmediate(() => turns.push(heard));
    },
  });
  const socket = await open(server.url);
  const count = 10_000;
  socket.write(Buffer.concat(Array.from({ length: count }, () => maskedFrame(1, "40"))));
  await until(() => heard === count);
  await until(() => turns.length === 1);
  // All of them, or all of the packet that came first.
  expect(turns[0]).toBeGreaterThan(1_000);
  socket.destroy();
});

test("after close it goes on reading from a client that goes on sending, and terminate changes nothing", async () => {
  let closed: ServerWebSocket | undefined;
  let heard = 0;
  using server = serve({
    message: (ws) => {
      heard++;
      closed = ws;
      ws.close(1008, "");
    },
  });
  const socket = await open(server.url);
  socket.pause();
  const chunk = Buffer.concat(Array.from({ length: 64 * 1024 }, () => maskedFrame(1, "40")));
  let sent = 0;
  let isTerminated = false;
  while (sent < 256 * 1024 * 1024) {
    if (!socket.write(chunk)) await once(socket, "drain");
    sent += chunk.length;
    if (closed && !isTerminated) closed.terminate();
    isTerminated = closed !== undefined;
  }
  expect([isTerminated, heard, socket.writable]).toEqual([true, 1, true]);
  socket.destroy();
});

describe("a websocket that it closes by itself", () => {
  const faults = [
    ["Received too big message", 1009, Buffer.from([0x82, 0xfe, 0x07, 0xd0, 0, 0, 0, 0])],
    ["Received invalid UTF-8", 1007, Buffer.from([0x81, 0x81, 0, 0, 0, 0, 0xff])],
    ["Received invalid opcode", 1002, Buffer.from([0x83, 0x80, 0, 0, 0, 0])],
  ] as const;
  test.each([...faults])("is told as 1006 and %p, while the client sees %p", async (words, code, frame) => {
    const told: (readonly [number, string])[] = [];
    using server = serve({ close: (_ws, ...end) => void told.push(end) });
    using connection = await RawConnection.open(server.url);
    connection.write(requestBytes(server.url, { path: "/", headers: handshakeHeaders() }));
    await connection.response();

    connection.write(frame);
    const seen = await connection.ended();
    expect([seen[0], seen.readUInt16BE(2)]).toEqual([0x88, code]);
    await until(() => told.length === 1);
    expect(told).toEqual([[1006, words]]);
  });
});

test("fragments without a byte are told to nobody", async () => {
  const told: string[] = [];
  using server = serve({
    message: (_ws, message) => void told.push(String(message)),
    ping: () => void told.push("ping"),
    pong: () => void told.push("pong"),
  });
  const socket = await open(server.url);
  const fragment = Buffer.from([0x00, 0x80, 0, 0, 0, 0]);
  const fragments = Array.from({ length: 10_000 }, () => fragment);
  const first = Buffer.from([0x01, 0x81, 0, 0, 0, 0, 0x61]);
  socket.write(Buffer.concat([first, ...fragments, Buffer.from([0x80, 0x80, 0, 0, 0, 0])]));
  await until(() => told.length > 0);
  expect(told).toEqual(["a"]);
  socket.destroy();
});

const linuxTest = test.skipIf(process.platform !== "linux");

linuxTest("without a file descriptor it takes the CPU that it can get", async () => {
  const script =
    'console.log(Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("") }).port)';
  const command = ["sh", "-c", 'ulimit -n 64 && exec "$@"', "sh", process.execPath, "-e", script];
  await using spinning = new RunningProcess(command);
  const [port] = await spinning.waitFor(/\d+/);
  const crowd = Array.from({ length: 100 }, () => connect({ host: "127.0.0.1", port: Number(port) }));
  for (const socket of crowd) socket.on("error", () => undefined);
  // Silent connections are accepted after a second.
  await Bun.sleep(2_000);
  const before = cpuSeconds(spinning.pid);
  await Bun.sleep(2_000);
  const share = (cpuSeconds(spinning.pid) - before) / 2;
  for (const socket of crowd) socket.destroy();
  expect(share).toBeGreaterThan(0.2);
});

test("a connection that says nothing stays longer than idleTimeout says", async () => {
  using server = serve({});
  const started = performance.now();
  const socket = connect({ host: "127.0.0.1", port: server.port });
  socket.resume();
  await once(socket, "close");
  expect(performance.now() - started).toBeGreaterThan(8_000);
});
