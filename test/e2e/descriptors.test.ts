// A gateway that has no file descriptor left (SEC-06, T11): it does not spin, who is connected is served, and connections
// that said nothing make way for those who speak.

import { expect, setDefaultTimeout, test } from "bun:test";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { until } from "../support/until.ts";
import { cpuSeconds } from "../support/process.ts";
import { RawWebSocket } from "../support/raw.ts";
import { ServedGateway } from "../support/serve.ts";

setDefaultTimeout(60_000);

const files = 200;
const crowd = 400;
const measureMs = 4_000;

/** The kernel of Linux tells who is silent, and how much CPU a process had. */
const linuxTest = test.skipIf(process.platform !== "linux");

/** So many connections that say this much, and come again when they are ended; `using` ends them. */
class Crowd implements Disposable {
  readonly #sockets = new Set<Socket>();
  #ended = 0;
  #isOver = false;

  constructor(url: string, words: string) {
    for (let count = 0; count < crowd; count++) this.#join(Number(new URL(url).port), words);
  }

  /** Connections that the gateway ended. */
  get ended(): number {
    return this.#ended;
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  #join(port: number, words: string): void {
    const socket = connect({ host: "127.0.0.1", port });
    this.#sockets.add(socket);
    socket.resume();
    if (words !== "") socket.write(words);
    socket.on("error", () => undefined);
    socket.once("close", () => {
      this.#sockets.delete(socket);
      if (this.#isOver) return;
      this.#ended++;
      setTimeout(() => this.#isOver || this.#join(port, words), 50);
    });
  }
}

/** The part of one CPU that the gateway takes, while its connected clients are asked now and then. */
async function cpuShare(gateway: ServedGateway, client: RawWebSocket): Promise<number> {
  const { pid } = gateway.process;
  const before = cpuSeconds(pid);
  const started = performance.now();
  for (let round = 0; performance.now() - started < measureMs; round++) {
    client.send(`42${round}["leave",{"room":"r"}]`);
    expect(await client.waitForMessage(10_000)).toBe(`43${round}[]`);
    await Bun.sleep(100);
  }
  return (cpuSeconds(pid) - before) / ((performance.now() - started) / 1_000);
}

async function start(): Promise<{ readonly gateway: ServedGateway; readonly client: RawWebSocket }> {
  const gateway = await ServedGateway.start({ files });
  const client = await RawWebSocket.open(gateway.url, "/socket.io/?EIO=4&transport=websocket");
  client.send("40");
  await client.waitForMessages(2);
  return { gateway, client };
}

linuxTest(
  "SEC-06 T11 400 silent connections at 200 descriptors: they are ended first, newcomers are served, no CPU is burnt",
  async () => {
    const { gateway, client } = await start();
    await using _gateway = gateway;
    using _client = client;
    using silent = new Crowd(gateway.url, "");
    await until(() => gateway.process.output.includes("files_exhausted"), 20_000);
    const share = cpuShare(gateway, client);
    const times: number[] = [];
    for (let asked = 0; asked < 10; asked++) {
      const started = performance.now();
      const answer = await fetch(`${gateway.url}/-/health/live`, { headers: { connection: "close" } });
      expect(answer.status).toBe(200);
      times.push(performance.now() - started);
      await Bun.sleep(200);
    }
    console.log(
      `CPU ${((await share) * 100).toFixed(0)} %, newcomers served in ${Math.max(...times).toFixed(0)} ms at most, ${silent.ended} silent ones ended`,
    );
    expect(await share).toBeLessThan(0.2);
    expect(Math.max(...times)).toBeLessThan(5_000);
    expect(silent.ended).toBeGreaterThan(files);
  },
);

linuxTest(
  "SEC-06 T11 400 connections that said a little: no CPU is burnt, who is connected is served, and then all is well",
  async () => {
    const { gateway, client } = await start();
    await using _gateway = gateway;
    using _client = client;
    {
      using _slow = new Crowd(gateway.url, "GET /-/health/live HTTP/1.1\r\nHost: a\r\n");
      await until(() => gateway.process.output.includes("files_exhausted"), 20_000);
      const share = await cpuShare(gateway, client);
      console.log(`CPU ${(share * 100).toFixed(0)} %`);
      expect(share).toBeLessThan(0.2);
    }
    await until(async () => (await fetch(`${gateway.url}/-/health/live`)).status === 200, 20_000);
    client.send('421["leave",{"room":"r"}]');
    expect(await client.waitForMessage()).toBe("431[]");
  },
);
