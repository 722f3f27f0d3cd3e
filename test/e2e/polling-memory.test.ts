// Polling clients against a gateway in a process of its own: what they do not read costs little, however they go about it;
// what they do read comes whole, in the middle of an upgrade too (SEC-06, EIO-13).

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { PollingClient } from "../support/polling-client.ts";
import { Publisher } from "../support/publisher.ts";
import { RawConnection, RawWebSocket, requestBytes } from "../support/raw.ts";
import { startRedis } from "../support/redis.ts";
import type { RedisServer } from "../support/redis.ts";
import { ServedGateway } from "../support/serve.ts";
import { until } from "../support/until.ts";

const kib = 1024;
const mib = 1024 * kib;

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis({ args: ["--client-output-buffer-limit", "pubsub 0 0 0"] });
});
afterAll(async () => {
  await redis.stop();
});

async function serve(...args: readonly string[]): Promise<ServedGateway> {
  return ServedGateway.start({ args: ["--redis", redis.url, ...args] });
}

/** A polling client in the room `time`; its answers so far are read. */
async function join(gateway: ServedGateway): Promise<PollingClient> {
  const client = await PollingClient.connect(gateway.url);
  await client.post('420["join",{"room":"time"}]');
  expect((await client.poll()).text).toBe("430[]");
  return client;
}

/** The number of an event of the publisher. */
const numberIn = (packet: string): number => Number(/^42\["burst",\{"n":(\d+)/.exec(packet)?.[1]);
const upTo = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index);

/** Peak memory of a gateway since its start, bytes: Linux keeps it. */
function peakBytes(gateway: ServedGateway): number {
  const status = readFileSync(`/proc/${gateway.process.pid}/status`, "utf8");
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * kib;
}

/** Resolves when the gateway has delivered so many messages since its start. */
async function delivered(gateway: ServedGateway, count: number): Promise<void> {
  await until(async () => (await gateway.metrics()).sum("belfry_messages_received_total") >= count, 20_000);
}

describe("a client that reads", () => {
  let gateway: ServedGateway;
  let publisher: Publisher;
  let published = 0;
  beforeAll(async () => {
    gateway = await serve();
    publisher = await Publisher.open(redis.port);
  });
  afterAll(async () => {
    publisher[Symbol.dispose]();
    await gateway[Symbol.asyncDispose]();
  });

  async function publish(count: number, bytes: number): Promise<void> {
    await publisher.publish({ count, bytes });
    published += count;
    await delivered(gateway, published);
  }

  test.each([
    [120, 100_000],
    [60, mib],
    [50_000, 20],
  ])(
    "EIO-13 SEC-06 hears %d x %d bytes that came between 3probe and 5, and what comes then",
    async (count, bytes) => {
      const client = await join(gateway);
      using socket = await RawWebSocket.open(gateway.url, client.path("websocket"));
      socket.send("2probe");
      expect(await socket.waitForMessage()).toBe("3probe");
      await publish(count, bytes);
      socket.send("5");
      const numbers: number[] = [];
      while (numbers.length < count) numbers.push(numberIn(String(await socket.waitForMessage())));
      expect(numbers).toEqual([...upTo(count)]);
      await publish(1, 10);
      expect(numberIn(String(await socket.waitForMessage()))).toBe(0);
    },
    60_000,
  );

  test("EIO-06 SEC-06 gets a large backlog a mebibyte at a time, and each answer whole however late it reads", async () => {
    const client = await join(gateway);
    await publish(30, 100_000);
    using slow = await RawConnection.open(gateway.url);
    slow.pause();
    slow.write(requestBytes(gateway.url, { path: client.path() }));
    // The next poll waits for it.
    using next = await client.beginPoll();
    await Bun.sleep(1_500);
    expect(next.hasEnded).toBe(false);
    slow.resume();
    const first = (await slow.response()).text.split("\u001e").map(numberIn);
    const second = (await next.response()).text.split("\u001e").map(numberIn);
    const third = (await client.poll()).text.split("\u001e").map(numberIn);
    expect([...first, ...second, ...third]).toEqual([...upTo(30)]);
    expect(first).toHaveLength(11);
  }, 30_000);

  test("EIO-14 SEC-06 whose connection breaks in the middle of an answer has lost it: the session is over", async () => {
    const client = await join(gateway);
    // More than the kernels take.
    await publish(1, 7 * mib);
    const broken = await RawConnection.open(gateway.url);
    broken.pause();
    broken.write(requestBytes(gateway.url, { path: client.path() }));
    await Bun.sleep(200);
    broken[Symbol.dispose]();
    await until(async () => (await client.post("6")).status === 400, 20_000);
  }, 30_000);
});

// Peak memory is Linux's to tell; everything above holds on every system.
if (process.platform === "linux") {
  describe("clients that do not read", () => {
    /** Messages past ten sessions until all are closed; each asks with one more connection in each round, and reads none. */
    async function peakOf(isAsking: boolean): Promise<number> {
      // What waits for all of them is shared and may be as much as this; what is put together for each is the question here.
      await using gateway = await serve("--limits-send-queue-max-bytes", String(32 * mib));
      using publisher = await Publisher.open(redis.port);
      const clients: PollingClient[] = [];
      for (let index = 0; index < 10; index++) clients.push(await join(gateway));
      const sockets: Socket[] = [];
      const connections = async (): Promise<number> => (await gateway.metrics()).sum("belfry_connections");
      for (let round = 1; (await connections()) > 0; round++) {
        expect(round).toBeLessThan(20);
        for (const client of isAsking ? clients : []) {
          const socket = connect({ host: "127.0.0.1", port: Number(new URL(gateway.url).port) });
          socket.on("error", () => undefined).pause();
          socket.write(requestBytes(gateway.url, { path: client.path() }));
          sockets.push(socket);
        }
        await publisher.publish({ count: 13, bytes: 900_000 });
        await delivered(gateway, round * 13);
        // Time for them to be asked again, and to be judged.
        await Bun.sleep(200);
      }
      for (const socket of sockets) socket.destroy();
      return peakBytes(gateway);
    }

    test("SEC-06 ten with answers that they never read cost little more than ten that never ask", async () => {
      const without = await peakOf(false);
      const withThem = await peakOf(true);
      const raised = withThem - without;
      console.log(
        `unread answers: ${(without / mib).toFixed(0)} MiB without, ${(raised / mib).toFixed(1)} MiB more`,
      );
      expect(raised).toBeLessThan(100 * mib);
    }, 60_000);

    test("SEC-06 SIO-04 thirty that ask for ever and never poll keep within the bound of their queues", async () => {
      await using gateway = await serve();
      const clients: PollingClient[] = [];
      for (let index = 0; index < 30; index++) clients.push(await PollingClient.connect(gateway.url));
      const before = peakBytes(gateway);
      const asked = Array.from({ length: 9_000 }, (_, id) => `42${id}["leave",{"room":"a"}]`).join("\u001e");
      // Within what one may send.
      const few = asked.slice(0, asked.indexOf("\u001e421800["));
      let statuses = new Set<number>();
      for (let round = 0; round < 12 && !(statuses.size === 1 && statuses.has(400)); round++) {
        statuses = new Set();
        for (const client of clients) statuses.add((await client.post(round === 0 ? asked : few)).status);
        await Bun.sleep(950);
      }
      expect([...statuses]).toEqual([400]);
      console.log(`unread acknowledgements: ${((peakBytes(gateway) - before) / mib).toFixed(1)} MiB more`);
      expect(peakBytes(gateway) - before).toBeLessThan(30 * 4 * mib);
    }, 60_000);
  });
}
