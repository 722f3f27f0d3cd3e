import { afterEach, expect, test } from "bun:test";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { readFileSync } from "node:fs";
import { until } from "../../test/support/until.ts";
import type { CloseCause, Stream } from "./socket.ts";
import { defaultLimits } from "../vocabulary/limits.ts";
import { silent } from "../core/observe.ts";
import { KernelSockets, peerNamed } from "./kernel-sockets.ts";
import { Listener } from "./listener.ts";
import { StalledConnections } from "./stalled-connections.ts";
import { openStream } from "./stream.ts";
import type { StreamContext } from "./stream.ts";

const linuxTest = test.skipIf(process.platform !== "linux");

const open: Listener[] = [];
afterEach(async () => {
  for (const listener of open.splice(0)) await listener.stop();
});

/** A listener whose `/stream` is one, and everything that happened to the streams. */
function setUp(sendQueueBytes = defaultLimits.sendQueueBytes) {
  const streams: Stream[] = [];
  const ends: CloseCause[] = [];
  const listener = new Listener({
    address: { host: "127.0.0.1", port: 0 },
    routes: [
      {
        path: "/stream",
        isPrefix: false,
        fetch: () => new Response("plain"),
        stream: (_request, { query }) =>
          query.has("refuse")
            ? new Response("no", { status: 403 })
            : query.has("plain")
              ? undefined
              : { open: (stream) => void streams.push(stream), closed: (why) => void ends.push(why) },
      },
    ],
    origins: undefined,
    trustedProxies: [],
    maxMessageBytes: 1024,
    limits: { ...defaultLimits, sendQueueBytes },
    observe: silent,
  });
  open.push(listener);
  return { url: listener.url, listener, streams, ends };
}

/** The stream's text, as it comes. */
async function* textOf(response: Response): AsyncIterable<string> {
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) yield decoder.decode(chunk, { stream: true });
}

/** A client that asks and never reads. */
function neverReader(url: string): Socket {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname, () => {
    socket.write("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    socket.pause();
  });
  socket.on("error", () => undefined);
  return socket;
}

test("frames arrive as they stand and in order, with headers that proxies respect", async () => {
  const { url, streams, ends } = setUp();
  const response = await fetch(`${url}/stream`);
  expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
  expect(response.headers.get("x-accel-buffering")).toBe("no");
  await until(() => streams.length === 1);
  const sent = Array.from({ length: 1_000 }, (_, index) => `data: é${index}\n\n`);
  streams[0]?.send(sent.slice(0, 500));
  for (const frame of sent.slice(500)) streams[0]?.send([Buffer.from(frame)]);
  streams[0]?.close();
  let text = "";
  for await (const part of textOf(response)) text += part;
  expect(text).toBe(`:\n\n${sent.join("")}`);
  expect(ends).toEqual(["peer"]);
});

test("a route may refuse a stream, or answer plainly; other methods are never one", async () => {
  const { url, streams } = setUp();
  expect((await fetch(`${url}/stream?refuse`)).status).toBe(403);
  expect(await (await fetch(`${url}/stream?plain`)).text()).toBe("plain");
  expect(await (await fetch(`${url}/stream`, { method: "POST" })).text()).toBe("plain");
  expect(streams).toEqual([]);
});

test("a client that goes is told of once, and nothing is kept for it", async () => {
  const { url, streams, ends } = setUp();
  const abort = new AbortController();
  await fetch(`${url}/stream`, { signal: abort.signal });
  await until(() => streams.length === 1);
  abort.abort();
  await until(() => ends.length === 1);
  streams[0]?.send(["data: late\n\n"]);
  streams[0]?.close();
  expect([ends, streams[0]?.bufferedBytes]).toEqual([["peer"], expect.any(Number)]);
});

test("SEC-06 a client that does not read is closed as slow at its bound; one that reads gets all of it", async () => {
  const { url, streams, ends } = setUp(256 * 1024);
  const reader = await fetch(`${url}/stream`);
  await until(() => streams.length === 1);
  const socket = neverReader(url);
  await until(() => streams.length === 2);
  const frame = `data: ${"x".repeat(16 * 1024)}\n\n`;
  // A comment comes first.
  let read = -":\n\n".length;
  const reading = (async () => {
    for await (const part of textOf(reader)) read += part.length;
  })();
  let sent = 0;
  // The kernels on both sides take some megabytes in the place of a client that does not read.
  while (ends.length === 0 && sent < 64 * 1024 * 1024) {
    for (const stream of streams) stream.send([frame]);
    sent += frame.length;
    expect(streams[1]?.bufferedBytes ?? 0).toBeLessThan(512 * 1024);
    await until(() => read === sent);
  }
  expect(ends).toEqual(["slow"]);
  streams[0]?.close();
  await reading;
  expect(read).toBe(sent);
  socket.destroy();
});

/** Sockets that the kernel has for a port of ours, in whatever state: `<state> <bytes that wait>` of each. */
function socketsOf(url: string): readonly string[] {
  const port = Number(new URL(url).port).toString(16).toUpperCase().padStart(4, "0");
  return readFileSync("/proc/net/tcp", "utf8")
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local = "", , state]) => local.endsWith(`:${port}`) && state !== "0A")
    .map(([, , , state = "", queues = ""]) => `${state} ${Number.parseInt(queues, 16)}`);
}

/** Sends to all streams until the kernels take no more for them, and at least so many are over. */
async function flood(streams: readonly Stream[], isEnough: () => boolean): Promise<void> {
  const frame = Buffer.from(`data: ${"x".repeat(200 * 1024)}\n\n`);
  for (let sent = 0; !isEnough() && sent < 200; sent++) {
    for (const stream of streams) stream.send([frame]);
    await Bun.sleep(1);
  }
  expect(isEnough()).toBe(true);
}

linuxTest("SEC-06 a stream that is closed as slow leaves no socket, and nothing in the kernel", async () => {
  const { url, streams, ends } = setUp();
  const { url: otherUrl, streams: others } = setUp();
  const sockets = Array.from({ length: 20 }, () => neverReader(url));
  sockets.push(neverReader(otherUrl));
  await until(() => streams.length === 20 && others.length === 1);
  await flood(streams, () => ends.length === 20);
  await until(() => socketsOf(url).length === 0);
  expect(socketsOf(otherUrl)).toEqual([expect.stringMatching(/^01 /)]);
  for (const socket of sockets) socket.destroy();
});

linuxTest(
  "SEC-06 a stream that is closed behind what its client does not read ends all the same",
  async () => {
    const streams: Stream[] = [];
    const ends: CloseCause[] = [];
    const handler = {
      open: (stream: Stream) => void streams.push(stream),
      closed: (why: CloseCause) => void ends.push(why),
    };
    const sockets = KernelSockets.open();
    using server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: (request, engine) => openStream(handler, context, peerNamed(engine.requestIP(request))),
    });
    const context: StreamContext = {
      limits: defaultLimits,
      stalled: sockets && new StalledConnections(sockets, server.port ?? 0),
      farewellMs: 100,
    };
    const socket = neverReader(server.url.href);
    await until(() => streams.length === 1);
    const [stream] = streams;
    await flood(streams, () => stream?.isWritable === false);
    stream?.close();
    expect([ends, socketsOf(server.url.href).length]).toEqual([["peer"], 1]);
    await until(() => socketsOf(server.url.href).length === 0);
    socket.destroy();
  },
);

test("SEC-14 a draining listener opens no stream", async () => {
  const { url, listener, streams, ends } = setUp();
  listener.drain();
  expect((await fetch(`${url}/stream`)).status).toBe(503);
  expect([streams, ends]).toEqual([[], ["peer"]]);
});
