// Slow consumers against readers, with the gateway in a process of its own and Redis in the path: who does not read is
// closed and costs little, who reads gets everything in order, whatever comes at once (SEC-06, T10, M1, M2).

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { PollingClient } from "../support/polling-client.ts";
import { RunningProcess } from "../support/process.ts";
import { Publisher } from "../support/publisher.ts";
import { handshakeHeaders, requestBytes } from "../support/raw.ts";
import { startRedis } from "../support/redis.ts";
import type { RedisServer } from "../support/redis.ts";
import { ServedGateway } from "../support/serve.ts";
import { until } from "../support/until.ts";

const kib = 1024;
const mib = 1024 * kib;

let redis: RedisServer;
beforeAll(async () => {
  // Redis itself drops a subscriber that is 32 MiB behind: these tests are about what lies beyond Redis.
  redis = await startRedis({ args: ["--client-output-buffer-limit", "pubsub 0 0 0"] });
});
afterAll(async () => {
  await redis.stop();
});

async function serve(...args: readonly string[]): Promise<ServedGateway> {
  return ServedGateway.start({ args: ["--redis", redis.url, ...args] });
}

/** A websocket in the room `time` that checks the numbers of what it reads, and may stop reading. */
class Reader implements Disposable {
  readonly socket: Socket;
  /** The number that must come next. */
  next: number;
  isClosed = false;
  wrong: string | undefined;
  #left = 0;
  #head: number[] = [];

  private constructor(socket: Socket, first: number) {
    this.socket = socket;
    this.next = first;
    socket.on("data", (chunk: Buffer) => {
      this.#read(chunk);
    });
    socket.on("close", () => {
      this.isClosed = true;
    });
    socket.on("error", () => undefined);
  }

  static async join(url: string, first = 0): Promise<Reader> {
    const socket = connect({ host: "127.0.0.1", port: Number(new URL(url).port) });
    let seen = "";
    const listen = (chunk: Buffer): void => {
      seen += chunk.toString("latin1");
    };
    socket.on("data", listen);
    const path = "/socket.io/?EIO=4&transport=websocket";
    socket.write(requestBytes(url, { path, headers: handshakeHeaders() }));
    for (const [text, answer] of [
      ["40", "40{"],
      ['420["join",{"room":"time"}]', "430[]"],
    ] as const) {
      await until(() => seen.includes('"sid"'), 20_000);
      // Text, masked with zeros.
      socket.write(Buffer.concat([Uint8Array.of(0x81, 0x80 | text.length, 0, 0, 0, 0), Buffer.from(text)]));
      await until(() => seen.includes(answer), 20_000);
    }
    socket.off("data", listen);
    return new Reader(socket, first);
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }

  /** Only the beginning of each frame is looked at: the rest is passed over. */
  #read(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      const passed = Math.min(this.#left, chunk.length - at);
      this.#left -= passed;
      at += passed;
      const byte = chunk[at++];
      if (byte === undefined) return;
      this.#head.push(byte);
      this.#judgeHead();
    }
  }

  #judgeHead(): void {
    const head = Buffer.from(this.#head);
    const short = (head[1] ?? 0) & 0x7f;
    const start = short === 126 ? 4 : short === 127 ? 10 : 2;
    if (head.length < start) return;
    const length =
      short === 126 ? head.readUInt16BE(2) : short === 127 ? Number(head.readBigUInt64BE(2)) : short;
    const looked = Math.min(length, 32);
    if (head.length < start + looked) return;
    const number = /^42\["burst",\{"n":(\d+)/.exec(head.subarray(start).toString("latin1"))?.[1];
    if (number !== undefined && Number(number) !== this.next++)
      this.wrong ??= `${number} as ${this.next - 1}`;
    this.#head = [];
    this.#left = length - looked;
  }
}

/** Peak memory of a gateway since its start, bytes: Linux keeps it. */
function peakBytes(gateway: ServedGateway): number {
  const status = readFileSync(`/proc/${gateway.process.pid}/status`, "utf8");
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * kib;
}

async function slowCount(gateway: ServedGateway): Promise<number> {
  return (await gateway.metrics()).sum("belfry_slow_consumers_total");
}

interface Run {
  readonly readers: number;
  readonly neverReaders: number;
  /** Of each message. */
  readonly bytes: number;
}

/** Publishes 200 MiB at 80 MiB/s past readers and others. @returns the gateway's peak memory. */
async function peakOf({ readers, neverReaders, bytes }: Run): Promise<number> {
  await using gateway = await serve();
  const good: Reader[] = [];
  for (let index = 0; index < readers; index++) good.push(await Reader.join(gateway.url));
  const bad: Reader[] = [];
  for (let index = 0; index < neverReaders; index++) {
    const reader = await Reader.join(gateway.url);
    reader.socket.pause();
    bad.push(reader);
  }
  using publisher = await Publisher.open(redis.port);
  const count = Math.ceil((200 * mib) / bytes);
  await publisher.publish({ count, bytes, bytesPerSecond: 80 * mib });
  await until(() => good.every((reader) => reader.next === count), 20_000);
  expect(good.map(({ wrong, isClosed }) => wrong ?? isClosed)).toEqual(good.map(() => false));
  expect(await slowCount(gateway)).toBe(neverReaders);
  expect((await gateway.metrics()).sum("belfry_connections")).toBe(readers);
  for (const reader of [...good, ...bad]) reader[Symbol.dispose]();
  return peakBytes(gateway);
}

/** A burst that a client survives however slow it is: no larger than `limits.sendQueueMaxBytes`, 128 MiB. */
const bursts: Readonly<Record<string, { readonly count: number; readonly bytes: number }>> = {
  "15 x 8 MiB": { count: 15, bytes: 8 * mib - kib },
  "1,900 x 64 KiB": { count: 1_900, bytes: 64 * kib },
  "100,000 x 100 bytes": { count: 100_000, bytes: 100 },
};

/** Messages that a client hears before the burst: at leisure, and more than provenCarriedBytes of server/slow-consumer.ts. */
const before = { count: 160, bytes: 64 * kib, bytesPerSecond: 60 * mib };

describe("SEC-06 a client that reads survives a burst in one go, and hears all of it in order", () => {
  let gateway: ServedGateway;
  let publisher: Publisher;
  beforeAll(async () => {
    gateway = await serve("--cors", "*");
    publisher = await Publisher.open(redis.port);
  });
  afterAll(async () => {
    publisher[Symbol.dispose]();
    await gateway[Symbol.asyncDispose]();
  });

  /** A client in a process of its own. Its last line is `all <count>` when all is well. */
  async function startClient(...args: readonly (string | number)[]): Promise<RunningProcess> {
    const program = fileURLToPath(new URL("../support/burst-client.ts", import.meta.url));
    const client = new RunningProcess([process.execPath, program, gateway.url, ...args.map(String)]);
    await client.waitFor(/joined/);
    return client;
  }

  async function lastLine(client: RunningProcess): Promise<string | undefined> {
    await client.waitFor(/^(all|lost|expected).*$/m, 40_000);
    return client.output.trim().split("\n").at(-1);
  }

  for (const [name, { count, bytes }] of Object.entries(bursts)) {
    test(`SEC-06 ${name}, and four times it is busy for 300 ms`, async () => {
      const total = before.count + count;
      await using client = await startClient("websocket", total, 300, before.count, Math.ceil(count / 4));
      await publisher.publish(before);
      await publisher.publish({ first: before.count, count, bytes });
      expect(await lastLine(client)).toBe(`all ${total}`);
    }, 60_000);
  }

  test("SEC-06 a newcomer that is busy from the first message on: 4 MiB", async () => {
    const count = 1_000;
    await using client = await startClient("websocket", count, 300, 0, 500);
    await publisher.publish({ count, bytes: 4 * kib });
    expect(await lastLine(client)).toBe(`all ${count}`);
  }, 60_000);

  test("SIO-14 SEC-06 clients that pause as they like go from topic to queue and back, and miss and repeat nothing", async () => {
    const readers: Reader[] = [];
    for (let index = 0; index < 6; index++) readers.push(await Reader.join(gateway.url));
    await publisher.publish(before);
    await until(() => readers.every((reader) => reader.next === before.count), 20_000);
    const moody = readers.slice(1);
    const timer = setInterval(() => {
      for (const { socket } of moody) {
        if (Math.random() < 0.1) socket.pause();
        else if (Math.random() < 0.3) socket.resume();
      }
    }, 5);
    let first = before.count;
    for (const [count, bytes] of [
      [400, 64 * kib],
      [20_000, 500],
      [10, 3 * mib],
      [200, 64 * kib],
      [20_000, 100],
    ] as const) {
      await publisher.publish({ first, count, bytes, bytesPerSecond: 60 * mib });
      first += count;
    }
    clearInterval(timer);
    for (const { socket } of moody) socket.resume();
    await until(
      () => readers.every(({ next, wrong, isClosed }) => next === first || isClosed || wrong !== undefined),
      20_000,
    );
    expect(readers.map(({ wrong, isClosed }) => wrong ?? isClosed)).toEqual(readers.map(() => false));
    for (const reader of readers) reader[Symbol.dispose]();
  }, 60_000);

  test("SEC-06 of all these none was slow; a polling client that never polls is closed, and told what waited", async () => {
    expect(await slowCount(gateway)).toBe(0);
    using reader = await Reader.join(gateway.url);
    const session = await PollingClient.connect(gateway.url);
    await session.post('42["join",{"room":"time"}]');
    let first = 0;
    while ((await slowCount(gateway)) === 0) {
      expect(first).toBeLessThan(2_000);
      await publisher.publish({ first, count: 100, bytes: 64 * kib, bytesPerSecond: 25 * mib });
      first += 100;
    }
    await until(() => reader.next === first, 20_000);
    expect(reader.wrong).toBeUndefined();
    // What waited is told, a mebibyte at a time, then the end (EIO-14).
    const heard: string[] = [];
    while (heard.at(-1) !== "1") {
      const { status, text } = await session.poll();
      expect(status).toBe(200);
      heard.push(...text.split("\u001e"));
    }
    expect(heard.length * 64 * kib).toBeGreaterThan(4 * mib);
    for (const [index, packet] of heard.slice(0, -1).entries())
      expect(packet).toStartWith(`42["burst",{"n":${index},`);
    expect((await session.poll()).status).toBe(400);
  }, 30_000);

  test("SEC-06 over polling, too: 1,500 x 64 KiB", async () => {
    await using client = await startClient("polling", 1_500);
    await publisher.publish({ count: 1_500, bytes: 64 * kib });
    expect(await lastLine(client)).toBe("all 1500");
  }, 60_000);
});

// Peak memory is Linux's to tell; everything above holds on every system.
if (process.platform === "linux") {
  test("SEC-06 T10 one client that never reads raises the peak by at most 16 MiB, 50 by little more: their frames are shared", async () => {
    const bytes = 64 * kib;
    const without: number[] = [];
    const withOne: number[] = [];
    for (let pair = 0; pair < 2; pair++) {
      without.push(await peakOf({ readers: 1, neverReaders: 0, bytes }));
      withOne.push(await peakOf({ readers: 1, neverReaders: 1, bytes }));
    }
    const withMany = await peakOf({ readers: 1, neverReaders: 50, bytes });
    const raised = Math.min(...withOne) - Math.min(...without);
    const raisedByMany = withMany - Math.min(...without);
    console.log(
      `never reading: 1 client ${(raised / mib).toFixed(1)} MiB, 50 ${(raisedByMany / mib).toFixed(1)} MiB`,
    );
    expect(raised).toBeLessThanOrEqual(16 * mib);
    expect(raisedByMany).toBeLessThanOrEqual(64 * mib);
  }, 60_000);
}
