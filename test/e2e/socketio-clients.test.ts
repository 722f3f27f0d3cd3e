// The official JavaScript clients of three generations against the gateway, each over polling, websocket, and the
// upgrade between them; backends speak over a real Redis.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { flaskEmit, flaskPublish } from "../support/flask.ts";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway } from "../support/gateway.ts";
import { OfficialClient } from "../support/generations.ts";
import type { ClientOptions, Generation, TransportChoice } from "../support/generations.ts";
import { freePort } from "../support/ports.ts";
import { connectRedis, startRedis } from "../support/redis.ts";
import type { RedisClient, RedisServer } from "../support/redis.ts";

// For a machine that does much else besides.
setDefaultTimeout(60_000);

let redis: RedisServer;
let gateway: TestGateway;
/** Publishes in the order of its calls. */
let bus: RedisClient;

beforeAll(async () => {
  redis = await startRedis();
  gateway = await startGateway({ redis: redis.url });
  bus = await connectRedis(redis.url);
  await bus.set("ws-emit::secret::shop", "S");
});

afterAll(async () => {
  bus.destroy();
  await gateway[Symbol.asyncDispose]();
  await redis.stop();
});

const publish = async (message: object): Promise<void> => flaskPublish(bus, message);

const emit = async (event: string, data: unknown, more: object = {}): Promise<void> =>
  flaskEmit(bus, [event, data], more);

/** Waits until the client is on the transport that its choice ends with. */
const settled = async (client: OfficialClient, transport: TransportChoice): Promise<void> => {
  const name = transport === "upgrade" ? "websocket" : transport;
  const deadline = performance.now() + 5_000;
  while (client.transportName !== name) {
    if (performance.now() > deadline) throw new Error(`Expected ${name}, got ${client.transportName}`);
    await Bun.sleep(5);
  }
};

const combinations: readonly (readonly [Generation, TransportChoice])[] = (
  ["4.8", "3.0", "2.5"] as const
).flatMap((generation) =>
  (["polling", "websocket", "upgrade"] as const).map((transport) => [generation, transport] as const),
);

describe.each(combinations)("socket.io-client %s over %s", (generation, transport) => {
  const connect = async (more: Partial<ClientOptions> = {}): Promise<OfficialClient> =>
    OfficialClient.connect({ generation, transport, url: gateway.url, ...more });

  test("SIO-02 SIO-03 EIO-13 connects, on the transport that it wants, and hears what is for everyone and for itself", async () => {
    using client = await connect();
    await settled(client, transport);
    await emit("update", { time: 1 });
    expect(await client.next("update")).toEqual([{ time: 1 }]);
    await emit("update", "mine", { room: client.id });
    await emit("update", "not mine", { skip_sid: client.id });
    await emit("update", null);
    expect([await client.next("update"), await client.next("update")]).toEqual([["mine"], []]);
  });

  test("SIO-05 SIO-11 SIO-16 namespaces: connects to one beside `/`, hears it alone, is disconnected by a backend", async () => {
    using client = await connect({ url: `${gateway.url}/chat?token=abc` });
    await emit("update", "elsewhere");
    await emit("update", "here", { namespace: "/chat" });
    expect(await client.next("update")).toEqual(["here"]);
    await emit("update", "own", { namespace: "/chat", room: client.id });
    expect(await client.next("update")).toEqual(["own"]);
    await publish({ method: "disconnect", sid: client.id, namespace: "/chat" });
    expect((await client.next("disconnect"))[0]).toBe("io server disconnect");
  });

  test("SIO-05 a refused namespace is an error that the client understands", async () => {
    await using listed = await startGateway({ socketio: { namespaces: ["/"] } });
    const refused = connect({ url: `${listed.url}/random` }).then(
      () => "connected",
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    );
    expect(await refused).toBe("Invalid namespace");
  });

  test("WSE-03 WSE-04 WSE-05 SIO-08 joins and leaves, public rooms and with a secret", async () => {
    using client = await connect();
    expect(await client.ask("join", { room: "time" })).toEqual([]);
    expect(await client.ask("join", { room: "shop::a" })).toEqual([]);
    expect(await client.ask("join", { room: "shop::b", secret: "S" })).toEqual([]);
    for (const room of ["time", "shop::a", "shop::b"]) await emit("update", room, { room });
    expect([await client.next("update"), await client.next("update")]).toEqual([["time"], ["shop::b"]]);
    expect(await client.ask("leave", { room: "time" })).toEqual([]);
    expect(await client.ask("leave", { room: "shop::b" })).toEqual([]);
    for (const room of ["time", "shop::b"]) await emit("update", room, { room });
    await emit("update", "end");
    expect(await client.next("update")).toEqual(["end"]);
  });

  test("SIO-10 acknowledges what a backend asks", async () => {
    using client = await connect({ events: [] });
    const questions: unknown[] = [];
    client.socket.on("ask", (question, answer) => {
      questions.push(question);
      if (typeof answer === "function") answer("yes", { n: 1 });
    });
    const answers = await connectRedis(redis.url);
    const { promise, resolve } = Promise.withResolvers<unknown>();
    await answers.subscribe("flask-socketio", (text) => {
      const message: unknown = JSON.parse(text);
      if (typeof message === "object" && message && "args" in message) resolve(message);
    });
    await emit("ask", "really?", { room: client.id, callback: [client.id, "/", 3], host_id: "h" });
    const answer = {
      method: "callback",
      host_id: "h",
      sid: client.id,
      namespace: "/",
      id: 3,
      args: ["yes", { n: 1 }],
    };
    expect(await promise).toEqual(answer);
    expect(questions).toEqual(["really?"]);
    answers.destroy();
  });

  test("SIO-09 EIO-09 EIO-10 binary both ways, nested", async () => {
    using client = await connect();
    await settled(client, transport);
    const holder = (num: number): object => ({ _placeholder: true, num });
    await emit("update", [[{ a: holder(0) }, "é€", [holder(1)]], "AAH/", ""], { binary: true });
    await emit("update", "after");
    expect(await client.next("update")).toEqual([{ a: [0, 1, 255] }, "é€", [[]]]);
    expect(await client.next("update")).toEqual(["after"]);
    const blob = Buffer.from([0, 1, 30, 255]);
    expect(await client.ask("join", { room: "blobs", blob, more: [blob] })).toEqual([]);
    await emit("update", "joined", { room: "blobs" });
    expect(await client.next("update")).toEqual(["joined"]);
  });

  test("EIO-07 EIO-20 EIO-22 large messages both ways", async () => {
    using client = await connect();
    await settled(client, transport);
    const text = "é".repeat(100_000);
    await emit("update", text);
    expect(await client.next("update")).toEqual([text]);
    const bytes = Buffer.alloc(200_000, 7);
    await emit("update", [[{ _placeholder: true, num: 0 }], bytes.toString("base64")], { binary: true });
    expect(await client.next("update")).toEqual([[...bytes]]);
    expect(await client.ask("join", { room: "large", text })).toEqual([]);
    expect(await client.ask("join", { room: "larger", bytes })).toEqual([]);
  });

  test("EIO-13 SIO-14 what is published without a pause arrives in order, none lost, none twice, whatever the transport does", async () => {
    const state = { sent: 0, isOver: false };
    const publishing = (async () => {
      while (!state.isOver) {
        await Promise.all([emit("update", state.sent++), emit("update", state.sent++)]);
        await Bun.sleep(1);
      }
    })();
    const clients = await Promise.all(Array.from({ length: 5 }, async () => connect()));
    for (const client of clients) await settled(client, transport);
    const target = state.sent + 50;
    while (state.sent < target) await Bun.sleep(5);
    state.isOver = true;
    await publishing;
    await emit("update", "end");
    for (const client of clients) {
      const heard: unknown[] = [];
      while (heard.at(-1) !== "end") heard.push((await client.next("update"))[0]);
      heard.pop();
      const first = Number(heard[0]);
      expect(first).toBeLessThan(target);
      expect(heard).toEqual(Array.from({ length: state.sent - first }, (_, index) => first + index));
      client[Symbol.dispose]();
    }
  });

  test("EIO-14 SIO-11 comes back by itself when the gateway is restarted on its port, and hears again", async () => {
    const address = `127.0.0.1:${await freePort()}`;
    const first = await startGateway({ redis: redis.url, listeners: [{ address }] });
    using client = await connect({ url: first.url, isReconnecting: true });
    await settled(client, transport);
    const id = client.id;
    await client.ask("join", { room: "time" });
    await first.gateway.stop(1_000);
    await first[Symbol.asyncDispose]();
    const [reason] = await client.next("disconnect");
    // Anything but `io server disconnect`, after which clients stay away.
    expect(["transport close", "transport error"]).toContain(String(reason));
    await using second = await startGateway({ redis: redis.url, listeners: [{ address }] });
    await client.next("connect", 10_000);
    expect(client.id).not.toBe(id);
    expect(await client.ask("join", { room: "time" })).toEqual([]);
    await emit("update", "again", { room: "time" });
    expect(await client.next("update")).toEqual(["again"]);
    expect(await second.metric("belfry_connections")).toBe(1);
  });

  test("EIO-11 EIO-12 stays connected over many heartbeats", async () => {
    await using quick = await startGateway({
      redis: redis.url,
      socketio: { pingInterval: 0.05, pingTimeout: 0.5 },
    });
    using client = await connect({ url: quick.url });
    await settled(client, transport);
    const { promise, resolve } = Promise.withResolvers<void>();
    let beats = 0;
    client.socket.io.engine.on("packet", (packet) => {
      const isBeat =
        typeof packet === "object" && packet && "type" in packet && /^p[io]ng$/.test(String(packet.type));
      if (isBeat && ++beats === 13) resolve();
    });
    // Well past the 0.55 s after which a silent client is closed.
    await promise;
    // To it alone: the other gateway may hear this later, when it has clients of the next test.
    await emit("update", "alive", { room: client.socket.id });
    expect(await client.next("update")).toEqual(["alive"]);
    expect(client.socket.connected).toBe(true);
  });
});
