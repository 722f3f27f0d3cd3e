// A gateway that hears everything late, and is not cut off: a client that comes to it with a position from another one waits
// until it has caught up, and hears nothing twice. And positions that never come are answered without a wait.

import { expect, setDefaultTimeout, test } from "bun:test";
import { createClient } from "@redis/client";
import { formatMarker } from "../../src/brokers/marker.ts";
import { startGateway } from "../support/gateway.ts";
import { RawWebSocket } from "../support/raw.ts";
import { startRedis } from "../support/redis.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(60_000);

interface Message {
  readonly type?: string;
  readonly data?: number;
  readonly at?: string;
  readonly recovered?: boolean;
  readonly reason?: string;
}

/** A client in the room `time`, and all that it was sent. */
class Client implements Disposable {
  readonly messages: Message[] = [];
  readonly #socket: RawWebSocket;

  private constructor(socket: RawWebSocket) {
    this.#socket = socket;
    void this.#listen();
  }

  static async come(url: string, at?: string): Promise<Client> {
    const socket = await RawWebSocket.open(url, "/connect");
    socket.send(JSON.stringify({ id: 1, type: "join", room: "time", at }));
    return new Client(socket);
  }

  get verdict(): Message | undefined {
    return this.messages.find(({ type }) => type === "joined");
  }

  get said(): readonly Message[] {
    return this.messages.filter(({ data }) => data !== undefined);
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }

  async #listen(): Promise<void> {
    for (;;) {
      const text = await this.#socket.waitForMessage(60_000).catch(() => undefined);
      if (text === undefined) return;
      this.messages.push(JSON.parse(String(text)) as Message);
    }
  }
}

const connectTo = (url: string) => createClient({ url });

/** Numbers, 50 a second, until it is disposed. */
class Publisher implements AsyncDisposable {
  last = 0;
  readonly #client: ReturnType<typeof connectTo>;
  readonly #timer: NodeJS.Timeout;

  private constructor(client: ReturnType<typeof connectTo>) {
    this.#client = client;
    this.#timer = setInterval(() => void client.publish("belfry:time", String(++this.last)), 20);
  }

  static async start(url: string): Promise<Publisher> {
    const client = connectTo(url);
    await client.connect();
    return new Publisher(client);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.#client.close();
  }
}

test("I3 a client that comes to a gateway that is seconds behind is recovered when that has caught up, and hears nothing twice", async () => {
  await using redis = await startRedis();
  await using proxy = await TcpProxy.start(redis.port);
  await using prompt = await startGateway({ redis: redis.url });
  await using late = await startGateway({ redis: `redis://127.0.0.1:${proxy.port}` });
  await using publisher = await Publisher.start(redis.url);
  using first = await Client.come(prompt.url);
  using other = await Client.come(late.url);
  await until(() => other.said.some(({ at }) => at !== undefined));
  // Later and later, so that it is never silent: a silent link would be replaced.
  const behindMs = 3_500;
  for (let ms = 0; ms <= behindMs; ms += 100) {
    proxy.delay(ms, /SUBSCRIBE/i);
    await Bun.sleep(100);
  }
  const lastOf = (client: Client): number => client.said.at(-1)?.data ?? 0;
  await until(() => lastOf(first) - lastOf(other) > 100);
  const { at, data: had = 0 } = first.said.at(-1) ?? {};
  using back = await Client.come(late.url, at);
  await until(() => back.verdict !== undefined, 20_000);
  expect(back.verdict).toMatchObject({ recovered: true });
  const end = publisher.last + 20;
  await until(() => lastOf(back) >= end, 20_000);
  const numbers = back.said.map(({ data }) => data);
  expect(numbers).toEqual(Array.from(numbers, (_, index) => had + 1 + index));
  // It was behind, and not cut off.
  expect(other.messages.filter(({ type }) => type === "gap")).toEqual([]);
});

test("a position from before a gateway was there is answered at once", async () => {
  await using redis = await startRedis();
  await using gateway = await startGateway({ redis: redis.url });
  using first = await Client.come(gateway.url);
  const client = await createClient({ url: redis.url }).connect();
  await until(async () => {
    await client.publish("belfry:time", "1");
    return first.said.some(({ at }) => at !== undefined);
  });
  client.destroy();
  // A marker of this line, from a gateway that is no more.
  const [, line = ""] = /^[0-9a-f]{24}([0-9a-f]{8})/.exec(first.said.at(-1)?.at ?? "") ?? [];
  const at = `${formatMarker({ source: "b".repeat(24), line, number: 7 })}.3`;
  const began = performance.now();
  using back = await Client.come(gateway.url, at);
  await until(() => back.verdict !== undefined);
  expect(back.verdict).toMatchObject({ recovered: false, reason: "too_old" });
  expect(performance.now() - began).toBeLessThan(1_000);
});
