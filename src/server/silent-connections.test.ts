// Who is silent: connected to our port, and not a byte came. Nobody else is touched.

import { expect, test } from "bun:test";
import { createServer, connect } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { once } from "node:events";
import { KernelSockets } from "./kernel-sockets.ts";
import { endSilent } from "./silent-connections.ts";

const linuxTest = test.skipIf(process.platform !== "linux");

/** A server, and so many clients of it on each of these addresses. */
async function setUp(addresses: readonly string[]) {
  const served: Socket[] = [];
  const server = createServer((socket) => void served.push(socket.resume()));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const clients: Socket[] = [];
  for (const localAddress of addresses) {
    const accepted = once(server, "connection");
    const client = connect({ host: "127.0.0.1", port, localAddress });
    client.on("error", () => undefined).resume();
    await accepted;
    clients.push(client);
  }
  return {
    port,
    clients,
    async [Symbol.asyncDispose]() {
      for (const socket of [...clients, ...served]) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

function ending(): (port: number) => number {
  const sockets = KernelSockets.open();
  return (port) => (sockets ? endSilent(sockets, port) : 0);
}

linuxTest("SEC-06 T11 whoever said a byte stays, and who is on another port; the silent end", async () => {
  await using ours = await setUp(["127.0.0.1", "127.0.0.1", "127.0.0.2"]);
  await using others = await setUp(["127.0.0.1"]);
  const [speaker, ...silent] = ours.clients;
  speaker?.write("G");
  await Bun.sleep(50);
  const end = ending();
  const ends = silent.map(async (client) => once(client, "close"));
  expect(end(ours.port)).toBe(2);
  await Promise.all(ends);
  expect(end(ours.port)).toBe(0);
  expect(speaker?.readyState).toBe("open");
  expect(others.clients[0]?.readyState).toBe("open");
});

linuxTest(
  "SEC-15 T11 an address with many of them is first, and a few of others stay meanwhile",
  async () => {
    const many = Array.from({ length: 40 }, () => "127.0.0.2");
    await using ours = await setUp(["127.0.0.1", ...many, "127.0.0.3"]);
    const end = ending();
    const last = ours.clients[40];
    const ended = last && once(last, "close");
    expect(end(ours.port)).toBe(40);
    await ended;
    expect([ours.clients[0]?.readyState, ours.clients[41]?.readyState]).toEqual(["open", "open"]);
    expect(end(ours.port)).toBe(2);
  },
);
