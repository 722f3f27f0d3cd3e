// The end of a gateway as its clients live through it: told to go, they find the next one by themselves (SEC-14, F10).

import { describe, expect, test } from "bun:test";
import { emit } from "../support/emit.ts";
import { OfficialClient } from "../support/generations.ts";
import type { Generation, TransportChoice } from "../support/generations.ts";
import { startGateway } from "../support/gateway.ts";
import { PollingClient } from "../support/polling-client.ts";
import { freePort } from "../support/ports.ts";
import { RawWebSocket, rawRequest } from "../support/raw.ts";
import { until } from "../support/until.ts";

const secret = "publish-secret";

async function say(url: string, data: unknown): Promise<void> {
  await emit(url, { event: "update", room: "time", data, secret });
}

describe("SEC-14 EIO-14 real clients of every generation and transport", () => {
  const generations: readonly Generation[] = ["4.8", "3.0", "2.5"];
  const choices: readonly TransportChoice[] = ["polling", "websocket", "upgrade"];

  test("SEC-14 are closed by the first gateway and come back to the second, by themselves", async () => {
    const port = await freePort();
    const listeners = [{ address: `127.0.0.1:${port}` }];
    const first = await startGateway({ listeners, secret, drain: 5 });
    const { url } = first;
    const clients: OfficialClient[] = [];
    for (const generation of generations) {
      for (const transport of choices) {
        const client = await OfficialClient.connect({ generation, transport, url, isReconnecting: true });
        client.socket.on("connect", () => void client.socket.emit("join", { room: "time" }));
        expect(await client.ask("join", { room: "time" })).toEqual([]);
        clients.push(client);
      }
    }
    await say(url, 1);
    for (const client of clients) expect(await client.next("update")).toEqual([1]);
    await first.gateway.stop();
    for (const client of clients) {
      // Never `io server disconnect`: after that, official clients stay away.
      expect((await client.next("disconnect"))[0]).toMatch(/^transport (close|error)$/);
    }
    await using second = await startGateway({ listeners, secret });
    for (const client of clients) await client.next("connect", 10_000);
    expect(await second.metric("belfry_connections")).toBe(clients.length);
    // Their joins are on the way: who is in hears every tick from then on.
    const heard = clients.map(async (client) => client.next("update", 10_000));
    const timer = setInterval(() => void say(url, 2), 50);
    for (const each of await Promise.all(heard)) expect(each).toEqual([2]);
    clearInterval(timer);
    for (const client of clients) client[Symbol.dispose]();
  }, 30_000);
});

describe("SEC-14 a drain finds clients in every state", () => {
  test("SEC-14 one between two polls is told by its next one, one in the middle of an upgrade by both", async () => {
    await using gateway = await startGateway({ secret });
    const between = await PollingClient.connect(gateway.url);
    const upgrading = await PollingClient.connect(gateway.url);
    using probe = await RawWebSocket.open(gateway.url, upgrading.path("websocket"));
    probe.send("2probe");
    expect(await probe.waitForMessage()).toBe("3probe");
    const stopping = gateway.gateway.stop(1_000);
    await until(async () => (await gateway.metric("belfry_connections")) === 0);
    expect((await between.poll()).text).toBe("1");
    expect((await probe.waitForClose()).code).toBe(1000);
    await stopping;
  });

  test("SEC-14 one that is far behind is closed like the others, and holds nothing up", async () => {
    await using gateway = await startGateway({ secret });
    using behind = await RawWebSocket.open(gateway.url, "/socket.io/?EIO=4&transport=websocket");
    behind.send("40");
    behind.send('42["join",{"room":"time"}]');
    await behind.waitForMessages(2);
    await until(async () => (await gateway.metric("belfry_rooms")) === 1);
    behind.connection.pause();
    const text = "x".repeat(500_000);
    for (let count = 0; count < 12; count++) await say(gateway.url, text);
    const started = performance.now();
    await gateway.gateway.stop(5_000);
    expect(performance.now() - started).toBeLessThan(2_000);
    expect(await gateway.metric("belfry_disconnections_total", 'reason="shutdown"')).toBe(1);
    expect(await gateway.metric("belfry_connections")).toBe(0);
  });

  test("SEC-14 newcomers are refused while health answers and open sessions go on, until they are closed", async () => {
    await using gateway = await startGateway({ secret, drain: 5 });
    // Closing them takes most of a second.
    const sockets: RawWebSocket[] = [];
    for (let count = 0; count < 60; count++) {
      const socket = await RawWebSocket.open(gateway.url, "/socket.io/?EIO=4&transport=websocket");
      socket.send("40");
      await socket.waitForMessages(2);
      sockets.push(socket);
    }
    const stopping = gateway.gateway.stop();
    expect(gateway.gateway.readiness()).toEqual({ isReady: false, reasons: ["The gateway is draining"] });
    let isStopped = false;
    void stopping.then(() => (isStopped = true));
    let refused = 0;
    while ((await gateway.metric("belfry_connections")) > 0) {
      const upgrade = await RawWebSocket.tryOpen(gateway.url, "/socket.io/?EIO=4&transport=websocket");
      expect(upgrade).toMatchObject({ status: 503 });
      const poll = await rawRequest(gateway.url, { path: "/socket.io/?EIO=4&transport=polling" });
      expect(poll.status).toBe(403);
      expect((await rawRequest(gateway.url, { path: "/-/health/live" })).status).toBe(200);
      expect((await rawRequest(gateway.url, { path: "/-/health/ready" })).status).toBe(503);
      refused++;
    }
    expect(refused).toBeGreaterThan(5);
    await until(() => isStopped);
    for (const socket of sockets) expect((await socket.waitForClose()).code).toBe(1001);
  });
});
