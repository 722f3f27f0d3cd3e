// What the client misses while its line is cut, it gets once and in order when it is back, or is told that it may be missing.

import { expect, test } from "bun:test";
import { startRedis } from "../test/support/redis.ts";
import { startGateway } from "../test/support/gateway.ts";
import type { GatewayConfig, TestGateway } from "../test/support/gateway.ts";
import { until } from "../test/support/until.ts";
import { TcpProxy } from "../test/support/tcp-proxy.ts";
import { connect } from "./client.ts";
import type { Client, ClientOptions, Transport } from "./client.ts";
import { BlockedWebSocket, FetchEventSource } from "../test/support/web-classes.ts";

interface Events {
  count: number;
}

const secret = "publish-secret-of-the-client";

async function publish({ url }: TestGateway, room: string, data: number): Promise<void> {
  const headers = { authorization: `Bearer ${secret}` };
  const body = JSON.stringify({ room, event: "count", data });
  const { status } = await fetch(`${url}/api/publish`, { method: "POST", headers, body });
  expect(status).toBe(200);
}

/** A client behind a proxy, and all that it was told, in order. */
class Scene implements AsyncDisposable {
  readonly told: string[] = [];
  transport: Transport | undefined;
  readonly gateway: TestGateway;
  readonly proxy: TcpProxy;
  readonly client: Client<Events>;
  #wake = Promise.withResolvers<void>();

  private constructor(gateway: TestGateway, proxy: TcpProxy, options: ClientOptions) {
    this.gateway = gateway;
    this.proxy = proxy;
    this.client = connect<Events>(`http://127.0.0.1:${proxy.port}/connect`, { ...options, maxDelayMs: 200 });
    this.client.on("count", (data, { room }) => this.#tell(`${room} ${data}`));
    this.client.watch("recovered", ({ room, missed }) => this.#tell(`recovered ${room} ${missed}`));
    this.client.watch("gap", ({ rooms, reason }) => this.#tell(`gap ${rooms.join()} ${reason}`));
    this.client.watch("state", ({ state, transport }) => {
      if (state === "waiting") this.#tell("cut");
      this.transport = transport;
    });
  }

  static async open(config: GatewayConfig, options: ClientOptions = {}): Promise<Scene> {
    const gateway = await startGateway({ secret, ...config });
    return new Scene(gateway, await TcpProxy.start(Number(new URL(gateway.url).port)), options);
  }

  #tell(text: string): void {
    // Each attempt ends in one more wait.
    if (text !== "cut" || this.told.at(-1) !== "cut") this.told.push(text);
    this.#wake.resolve();
    this.#wake = Promise.withResolvers<void>();
  }

  async until(text: string): Promise<void> {
    while (!this.told.includes(text)) await this.#wake.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.disconnect();
    await this.proxy.stop();
    await this.gateway[Symbol.asyncDispose]();
  }
}

const stores = [
  ["a tape", {}],
  ["a log", { rooms: [{ match: "*", history: { size: 100, seconds: 60 } }] }],
] as const;

test.each(stores)(
  "what was published while the line was cut comes once and in order: %s",
  async (_title, config) => {
    await using scene = await Scene.open(config as GatewayConfig);
    await scene.client.join("a");
    await publish(scene.gateway, "a", 1);
    await scene.until("a 1");
    scene.proxy.cut();
    await scene.until("cut");
    for (const data of [2, 3, 4]) await publish(scene.gateway, "a", data);
    scene.proxy.heal();
    await scene.until("a 4");
    await publish(scene.gateway, "a", 5);
    await scene.until("a 5");
    expect(scene.told).toEqual(["a 1", "cut", "recovered a 3", "a 2", "a 3", "a 4", "a 5"]);
  },
);

test.each(stores)(
  "a page whose network takes no websockets any more goes on by event stream, and back: %s",
  async (_title, config) => {
    let isBlocked = false;
    const Sometimes = class {
      constructor(url: string) {
        return (isBlocked ? new BlockedWebSocket() : new WebSocket(url)) as never;
      }
      send(): void {}
      close(): void {}
    };
    const classes = { WebSocket: Sometimes, EventSource: FetchEventSource };
    await using scene = await Scene.open(config as GatewayConfig, classes);
    await scene.client.join("a");
    await publish(scene.gateway, "a", 1);
    await scene.until("a 1");
    let data = 1;
    const said: string[] = [];
    for (const isNowBlocked of [true, true, false, true]) {
      isBlocked = isNowBlocked;
      scene.proxy.cut();
      await scene.until("cut");
      for (let count = 0; count < 2; count++) await publish(scene.gateway, "a", ++data);
      scene.proxy.heal();
      await scene.until(`a ${data}`);
      await until(() => scene.transport === (isBlocked ? "stream" : "websocket"));
      await publish(scene.gateway, "a", ++data);
      await scene.until(`a ${data}`);
      said.push(...scene.told.splice(0));
    }
    const heard = said.filter((text) => /^(?:a|gap)/.test(text));
    expect(heard).toEqual(Array.from({ length: data }, (_, index) => `a ${index + 1}`));
  },
  20_000,
);

test("where nothing is kept it is told that something may be missing", async () => {
  await using scene = await Scene.open({ tape: { seconds: 0 } });
  await scene.client.join("a");
  scene.proxy.cut();
  await scene.until("cut");
  await publish(scene.gateway, "a", 1);
  scene.proxy.heal();
  await scene.until("gap a no_position");
  await publish(scene.gateway, "a", 2);
  await scene.until("a 2");
  expect(scene.told).toEqual(["cut", "gap a no_position", "a 2"]);
});

test("a log that was lost is told once, and the room goes on from where it stands then", async () => {
  await using redis = await startRedis();
  await using scene = await Scene.open({
    redis: redis.url,
    rooms: [{ match: "kept", history: { size: 100, seconds: 60 } }],
  });
  await scene.client.join("kept");
  await scene.client.join("a");
  await publish(scene.gateway, "kept", 1);
  await scene.until("kept 1");
  const before = scene.client.position("kept");
  await redis.restart();
  await scene.until("gap kept gap");
  await scene.until("gap a gap");
  const after = scene.client.position("kept");
  expect(after).toMatch(/^\w+:0\.0$/);
  expect(after).not.toBe(before);
  expect(scene.client.position("a")).toMatch(/^[^:]+$/);
  scene.proxy.cut();
  await scene.until("cut");
  await publish(scene.gateway, "kept", 2);
  scene.proxy.heal();
  await scene.until("kept 2");
  await scene.until("recovered a 0");
  expect(scene.told.toSorted()).toEqual(
    ["cut", "gap a gap", "gap kept gap", "kept 1", "kept 2", "recovered a 0", "recovered kept 1"].toSorted(),
  );
}, 30_000);

test("a later page goes on where an earlier one stood", async () => {
  await using scene = await Scene.open({});
  await scene.client.join("a");
  await publish(scene.gateway, "a", 1);
  await scene.until("a 1");
  const at = scene.client.position("a") ?? "";
  scene.client.disconnect();
  await publish(scene.gateway, "a", 2);
  const later = connect<Events>(`${scene.gateway.url}/connect`);
  const { promise, resolve } = Promise.withResolvers<number>();
  later.on("count", resolve);
  expect(await later.join("a", { at })).toMatchObject({ recovered: true });
  expect(await promise).toBe(2);
  later.disconnect();
  const other = connect<Events>(`${scene.gateway.url}/connect`);
  expect(await other.join("a", { at: "of-another-time" })).toMatchObject({
    recovered: false,
    reason: "epoch",
  });
  other.disconnect();
});
