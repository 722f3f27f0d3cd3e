// Backends that send clients away, and what those hear last: real clients of every generation and transport, beside the
// same clients of a real socket.io server on the same Redis, which shows what is right (NRE-06, SIO-11, EIO-14).

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { createServer } from "node:http";
import { createAdapter } from "@socket.io/redis-adapter";
import { Emitter } from "@socket.io/redis-emitter";
import { createClient } from "redis";
import { Server } from "socket.io";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway } from "../support/gateway.ts";
import { OfficialClient } from "../support/generations.ts";
import type { Generation, TransportChoice } from "../support/generations.ts";
import { PollingClient } from "../support/polling-client.ts";
import { RawWebSocket } from "../support/raw.ts";
import { startRedis } from "../support/redis.ts";
import type { RedisServer } from "../support/redis.ts";
import { ServedGateway } from "../support/serve.ts";
import { until } from "../support/until.ts";

// For a machine that does much else besides.
setDefaultTimeout(60_000);

type Client = Awaited<ReturnType<typeof connectRedis>>;

const generations: readonly Generation[] = ["4.8", "3.0", "2.5"];
const choices: readonly TransportChoice[] = ["polling", "websocket", "upgrade"];
const pairs = generations.flatMap((generation) =>
  choices.map((transport) => ({ generation, transport }) as const),
);

let redis: RedisServer;
let client: Client;
let emitter: Emitter;
let gateway: TestGateway;
let node: Awaited<ReturnType<typeof startNode>>;

beforeAll(async () => {
  redis = await startRedis();
  client = await connectRedis();
  emitter = new Emitter(client);
  gateway = await startGateway({ redis: redis.url });
  node = await startNode();
});

afterAll(async () => {
  await node.stop();
  await gateway[Symbol.asyncDispose]();
  await client.close();
  await redis.stop();
});

async function connectRedis() {
  return createClient({ url: redis.url }).connect();
}

/** A socket.io server with the Redis adapter, which speaks with clients of every generation. */
async function startNode() {
  const [pub, sub] = await Promise.all([connectRedis(), connectRedis()]);
  const io = new Server({ adapter: createAdapter(pub, sub), allowEIO3: true });
  for (const namespace of ["/", "/chat"]) io.of(namespace).on("connection", () => undefined);
  const http = createServer();
  io.attach(http);
  const { promise, resolve } = Promise.withResolvers<void>();
  http.listen(0, "127.0.0.1", resolve);
  await promise;
  const address = http.address();
  return {
    url: `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`,
    stop: async () => {
      await io.close();
      await Promise.all([pub.close(), sub.close()]);
    },
  };
}

/** The id under which a backend knows a client in a namespace: old clients of another one have both in it. */
const roomOf = (id: string): string => id.slice(id.indexOf("#") + 1);

/** One client in `/` and `/chat`, over one connection; it would come back by itself. */
class Visitor implements Disposable {
  readonly root: OfficialClient;
  readonly chat: OfficialClient["socket"];
  /** What `/chat` heard. */
  readonly chatHeard: string[] = [];
  readonly #chatGone = Promise.withResolvers<string>();

  private constructor(root: OfficialClient) {
    this.root = root;
    const manager = root.socket.io as unknown as { socket(path: string): OfficialClient["socket"] };
    this.chat = manager.socket("/chat");
    this.chat.on("update", (value) => this.chatHeard.push(String(value)));
    this.chat.on("disconnect", (reason) => {
      this.#chatGone.resolve(String(reason));
    });
  }

  static async connect(url: string, pair: (typeof pairs)[number]): Promise<Visitor> {
    const root = await OfficialClient.connect({ ...pair, url, isReconnecting: true });
    const visitor = new Visitor(root);
    const { promise, resolve } = Promise.withResolvers<void>();
    if (visitor.chat.connected) resolve();
    else
      visitor.chat.on("connect", () => {
        resolve();
      });
    await promise;
    return visitor;
  }

  /** Why `/chat` was left. */
  get chatGone(): Promise<string> {
    return this.#chatGone.promise;
  }

  [Symbol.dispose](): void {
    this.chat.disconnect();
    this.root[Symbol.dispose]();
  }
}

/** Long enough for clients that reconnect after 50 to 200 ms. */
const patienceMs = 600;

const urlOf = { belfry: () => gateway.url, node: () => node.url } as const;

for (const system of ["belfry", "node"] as const) {
  describe(`clients of ${system}`, () => {
    test.each(pairs)(
      "NRE-06 SIO-11 EIO-14 $generation over $transport: sent away from everywhere, it hears what came before and stays away",
      async (pair) => {
        using visitor = await Visitor.connect(urlOf[system](), pair);
        const room = roomOf(visitor.root.id);
        emitter.to(room).emit("update", "bye");
        emitter.in(room).disconnectSockets(true);
        expect(await visitor.root.next("update")).toEqual(["bye"]);
        expect((await visitor.root.next("disconnect"))[0]).toBe("io server disconnect");
        expect(await visitor.chatGone).toBe("io server disconnect");
        await Bun.sleep(patienceMs);
        expect([visitor.root.socket.connected, visitor.chat.connected]).toEqual([false, false]);
      },
    );

    test.each(pairs)(
      "NRE-06 $generation over $transport: sent away from one namespace, it stays in the other",
      async (pair) => {
        using visitor = await Visitor.connect(urlOf[system](), pair);
        const room = roomOf(visitor.root.id);
        emitter.to(room).emit("update", "bye");
        emitter.in(room).disconnectSockets();
        expect(await visitor.root.next("update")).toEqual(["bye"]);
        expect((await visitor.root.next("disconnect"))[0]).toBe("io server disconnect");
        emitter.of("/chat").emit("update", "still here");
        await until(() => visitor.chatHeard.includes("still here"));
        expect([visitor.root.socket.connected, visitor.chat.connected]).toEqual([false, true]);
      },
    );
  });
}

describe("other doors", () => {
  test.each(pairs)(
    "NRE-06 NRE-07 $generation over $transport: the request about a single socket closes its client, from any namespace",
    async (pair) => {
      using visitor = await Visitor.connect(gateway.url, pair);
      const sid = roomOf(visitor.chat.id ?? "");
      const order = { uid: "tvbf70", requestId: "one", type: 4, sid, close: true };
      await client.publish("socket.io-request#/chat#", JSON.stringify(order));
      expect(await visitor.chatGone).toBe("io server disconnect");
      expect((await visitor.root.next("disconnect"))[0]).toBe("io server disconnect");
      await Bun.sleep(patienceMs);
      expect([visitor.root.socket.connected, visitor.chat.connected]).toEqual([false, false]);
    },
  );

  test.each(pairs)(
    "PSQ-12 SIO-03 $generation over $transport: Python's disconnect; with version 3 `/` takes all along, as its servers do",
    async (pair) => {
      using visitor = await Visitor.connect(gateway.url, pair);
      const sid = roomOf(visitor.root.id);
      const say = async (message: object): Promise<number> =>
        client.publish("flask-socketio", JSON.stringify({ namespace: "/", host_id: "h", ...message }));
      await say({ method: "emit", event: "update", data: "bye", room: sid, skip_sid: null });
      await say({ method: "disconnect", sid });
      expect(await visitor.root.next("update")).toEqual(["bye"]);
      expect((await visitor.root.next("disconnect"))[0]).toBe("io server disconnect");
      if (pair.generation === "2.5") expect(await visitor.chatGone).toBe("io server disconnect");
      await Bun.sleep(patienceMs);
      expect([visitor.root.socket.connected, visitor.chat.connected]).toEqual([
        false,
        pair.generation !== "2.5",
      ]);
    },
  );

  test("NRE-06 EIO-14 twelve clients that poll hear what was said just before, all of them", async () => {
    const visitors: OfficialClient[] = [];
    for (let count = 0; count < 12; count++) {
      visitors.push(
        await OfficialClient.connect({
          generation: "4.8",
          transport: "polling",
          url: gateway.url,
          isReconnecting: true,
        }),
      );
    }
    for (let value = 1; value <= 3; value++) emitter.emit("update", value);
    emitter.disconnectSockets(true);
    for (const visitor of visitors) {
      for (let value = 1; value <= 3; value++) expect(await visitor.next("update")).toEqual([value]);
      expect((await visitor.next("disconnect"))[0]).toBe("io server disconnect");
      visitor[Symbol.dispose]();
    }
  });

  test("NRE-06 EIO-14 one that reads slowly hears all that waits for it, and then that it leaves", async () => {
    using slow = await RawWebSocket.open(gateway.url, "/socket.io/?EIO=4&transport=websocket");
    slow.send("40");
    const sid = /"sid":"([^"]+)"/.exec(String((await slow.waitForMessages(2))[1]))?.[1] ?? "";
    slow.connection.pause();
    const text = "x".repeat(100_000);
    for (let value = 0; value < 60; value++) emitter.to(sid).emit("update", value, text);
    emitter.in(sid).disconnectSockets(true);
    await until(async () => (await gateway.metric("belfry_connections")) === 0);
    slow.connection.resume();
    for (let value = 0; value < 60; value++)
      expect(String(await slow.waitForMessage())).toStartWith(`42["update",${value},`);
    expect(await slow.waitForMessage()).toBe("41");
    expect((await slow.waitForClose()).code).toBe(1000);
  });
});

describe("the end of a gateway", () => {
  test("SEC-14 EIO-14 with --drain 0 clients hear what was said just before, polling as over a websocket", async () => {
    await using served = await ServedGateway.start({ args: ["--redis", redis.url, "--drain", "0"] });
    const visitors: OfficialClient[] = [];
    for (const pair of pairs) visitors.push(await OfficialClient.connect({ ...pair, url: served.url }));
    const between = await PollingClient.connect(served.url);
    for (let value = 1; value <= 3; value++) emitter.emit("update", value);
    // Redis has sent everything once it answers this, and the gateway has it when it answers as well.
    await client.ping();
    await fetch(`${served.url}/-/health/live`);
    const ended = served.process.stop();
    for (const visitor of visitors) {
      for (let value = 1; value <= 3; value++) expect(await visitor.next("update")).toEqual([value]);
      expect((await visitor.next("disconnect"))[0]).toMatch(/^transport (close|error)$/);
      visitor[Symbol.dispose]();
    }
    expect((await between.poll()).text.split("\u001e")).toHaveLength(3);
    await ended;
  });
});
