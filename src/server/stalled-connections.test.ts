// Which connections end: those from an address and port that were named, to our own port. None else is touched.

import { expect, test } from "bun:test";
import { once } from "node:events";
import { connect } from "node:net";
import { until } from "../../test/support/until.ts";
import { KernelSockets, peerNamed } from "./kernel-sockets.ts";
import type { Peer } from "./kernel-sockets.ts";
import { StalledConnections } from "./stalled-connections.ts";

const linuxTest = test.skipIf(process.platform !== "linux");

/** A server on both families, and what the engine says of each of its peers. */
function setUp() {
  const peers: Peer[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "::",
    fetch(request) {
      const peer = peerNamed(server.requestIP(request));
      if (peer !== undefined) peers.push(peer);
      return new Response(new ReadableStream({ start: (controller) => controller.enqueue(":") }));
    },
  });
  return { server, peers };
}

async function openFrom(host: string, { server, peers }: ReturnType<typeof setUp>) {
  const socket = connect(server.port ?? 0, host, () => socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
  socket.on("error", () => undefined).resume();
  const before = peers.length;
  await until(() => peers.length > before);
  return socket;
}

linuxTest.each(["127.0.0.1", "::1"])(
  "SEC-06 one from %s is found by how the engine names it",
  async (host) => {
    const ours = setUp();
    const others = setUp();
    const stalled = await openFrom(host, ours);
    const neighbour = await openFrom(host, ours);
    const elsewhere = await openFrom(host, others);
    const [peer] = ours.peers;
    const [there] = others.peers;
    const sockets = KernelSockets.open();
    if (peer === undefined || there === undefined || !sockets) throw new Error("Expected connections");
    const connections = new StalledConnections(sockets, ours.server.port ?? 0);
    const ended = once(stalled, "close");
    connections.end(peer);
    connections.end(there);
    await ended;
    expect([neighbour.readyState, elsewhere.readyState]).toEqual(["open", "open"]);
    for (const { server } of [ours, others]) await server.stop(true);
  },
);
