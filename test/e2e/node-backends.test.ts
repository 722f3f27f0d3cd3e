// Node backends on the gateway's Redis: the emitter package, the messages of its predecessors, and whole socket.io
// servers with the Redis adapter. They reach and command the gateway's clients, and never wait for the gateway.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { encode } from "@msgpack/msgpack";
import { createAdapter } from "@socket.io/redis-adapter";
import { Emitter } from "@socket.io/redis-emitter";
import { createClient } from "redis";
import { Server } from "socket.io";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway } from "../support/gateway.ts";
import { Page } from "../support/page.ts";
import { startRedis } from "../support/redis.ts";
import type { RedisServer } from "../support/redis.ts";
import { until } from "../support/until.ts";

/** How long a server waits for the others before it gives up, ms: whoever waits for us is late by as much. */
const requestsTimeoutMs = 3_000;

type Client = Awaited<ReturnType<typeof connectRedis>>;

let redis: RedisServer;
let gateway: TestGateway;
let client: Client;
let spy: Spy;
let emitter: Emitter;

beforeAll(async () => {
  redis = await startRedis();
  client = await connectRedis(redis.url);
  spy = await Spy.start(redis.url);
  emitter = new Emitter(client);
  gateway = await startGateway({ redis: redis.url });
}, 60_000);

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await spy.stop();
  await client.close();
  await redis.stop();
});

async function connectRedis(url: string) {
  return createClient({ url }).connect();
}

/** Runs it, and fails when it took as long as waiting for a server that does not answer. */
async function atOnce<T>(action: () => Promise<T>): Promise<T> {
  const started = performance.now();
  const result = await action();
  expect(performance.now() - started).toBeLessThan(requestsTimeoutMs / 2);
  return result;
}

/** Everything that is published on this Redis. */
class Spy {
  readonly messages: { readonly channel: string; readonly text: string }[] = [];
  readonly #client: Client;
  readonly #publisher: Client;

  private constructor(client: Client, publisher: Client) {
    this.#client = client;
    this.#publisher = publisher;
  }

  static async start(url: string): Promise<Spy> {
    const [client, publisher] = await Promise.all([connectRedis(url), connectRedis(url)]);
    const spy = new Spy(client, publisher);
    await client.pSubscribe("*", (text, channel) => {
      spy.messages.push({ channel, text });
    });
    return spy;
  }

  /** Others may have received it already: waits until all that was published before is here. @returns how many messages there are */
  async caughtUp(): Promise<number> {
    const mark = `caught up ${this.messages.length}`;
    await this.#publisher.publish(mark, "");
    await until(() => this.on(mark).length === 1);
    return this.messages.length;
  }

  /** What passed on a channel whose name begins so, from the `start`-th message on. */
  on(prefix: string, start = 0): readonly string[] {
    return this.messages
      .slice(start)
      .filter(({ channel }) => channel.startsWith(prefix))
      .map(({ text }) => text);
  }

  async stop(): Promise<void> {
    await Promise.all([this.#client.close(), this.#publisher.close()]);
  }
}

/** A socket.io server with the Redis adapter, and its own clients. */
class Neighbour implements AsyncDisposable {
  readonly io: Server;
  readonly url: string;
  readonly #clients: readonly Client[];

  private constructor(io: Server, url: string, clients: readonly Client[]) {
    this.io = io;
    this.url = url;
    this.#clients = clients;
  }

  /** @param count how many servers there are then: each knows of all others. */
  static async start(count: number): Promise<Neighbour> {
    const [pub, sub] = await Promise.all([connectRedis(redis.url), connectRedis(redis.url)]);
    const io = new Server({ adapter: createAdapter(pub, sub, { requestsTimeout: requestsTimeoutMs }) });
    io.on("connection", (socket) => {
      socket.on("join", async ({ room }: { room: string }, done: () => void) => {
        await socket.join(room);
        done();
      });
    });
    const http = createServer();
    io.attach(http);
    const { promise, resolve } = Promise.withResolvers<void>();
    http.listen(0, "127.0.0.1", resolve);
    await promise;
    await until(async () => (await serverCount()) === count);
    const address = http.address();
    const port = typeof address === "object" && address ? address.port : 0;
    return new Neighbour(io, `http://127.0.0.1:${port}`, [pub, sub]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.io.close();
    for (const client of this.#clients) await client.close();
  }
}

/** How servers count each other. */
async function serverCount(): Promise<number> {
  const counts = await client.pubSubNumSub(["socket.io-request#/#"]);
  return Number(counts["socket.io-request#/#"]);
}

/** Publishes `[uid, packet, opts]`, as emitters of any age do. */
async function publish(channel: string, ...message: readonly unknown[]): Promise<void> {
  await client.publish(channel, Buffer.from(encode(message)));
}

describe("@socket.io/redis-emitter 5.1", () => {
  test("NRE-01 NRE-02 a room's members hear what is sent to it, others do not", async () => {
    using inside = await Page.connect(gateway.url);
    using outside = await Page.connect(gateway.url);
    await inside.join("r1");
    await outside.join("r2");
    emitter.to("r1").emit("x", "é", 1.5, { a: [null, true] });
    emitter.emit("end");
    expect(await inside.next()).toEqual(["x", "é", 1.5, { a: [null, true] }]);
    expect(await inside.next()).toEqual(["end"]);
    expect(await outside.next()).toEqual(["end"]);
  });

  test("NRE-02 several rooms are a union: each client hears it once; rooms and sids can be left out", async () => {
    using both = await Page.connect(gateway.url);
    using one = await Page.connect(gateway.url);
    using muted = await Page.connect(gateway.url);
    await both.join("u1", "u2");
    await one.join("u2");
    await muted.join("u1", "u3");
    emitter.to(["u1", "u2"]).except("u3").emit("x", 1);
    emitter.to("u1").to("u2").except(one.id).emit("x", 2);
    emitter.to(one.id).emit("x", 3);
    emitter.emit("end");
    expect([await both.next(), await both.next(), await both.next()]).toEqual([["x", 1], ["x", 2], ["end"]]);
    expect([await one.next(), await one.next(), await one.next()]).toEqual([["x", 1], ["x", 3], ["end"]]);
    expect([await muted.next(), await muted.next()]).toEqual([["x", 2], ["end"]]);
  });

  test("NRE-03 NRE-05 SIO-15 binary anywhere, dates, undefined and large integers", async () => {
    using page = await Page.connect(gateway.url);
    emitter.emit("x", Buffer.of(1, 255), { a: [Buffer.alloc(0), new Date(0)] }, undefined, 2 ** 53 - 1);
    expect(await page.next()).toEqual([
      "x",
      Uint8Array.of(1, 255),
      { a: [new Uint8Array(0), "1970-01-01T00:00:00.000Z"] },
      null,
      2 ** 53 - 1,
    ]);
  });

  test("NRE-02 namespaces are apart, and volatile messages reach clients that read", async () => {
    using root = await Page.connect(gateway.url);
    using chat = await Page.connect(`${gateway.url}/chat`);
    emitter.of("/chat").volatile.emit("x", "chat");
    emitter.of("chat").emit("end");
    emitter.emit("end");
    expect([await chat.next(), await chat.next()]).toEqual([["x", "chat"], ["end"]]);
    expect(await root.next()).toEqual(["end"]);
  });

  test("SIO-14 a thousand messages arrive in their order", async () => {
    using page = await Page.connect(gateway.url);
    await page.join("o");
    for (let i = 0; i < 1_000; i++) (i % 2 ? emitter.to("o") : emitter).emit("x", i);
    for (let i = 0; i < 1_000; i++) expect(await page.next()).toEqual(["x", i]);
  });

  test("NRE-06 socketsJoin and socketsLeave move our clients, secrets or not; numbers are room names", async () => {
    using page = await Page.connect(gateway.url);
    emitter.to("shop::orders").emit("x", "outside");
    emitter.in(page.id).socketsJoin(["shop::orders", 42 as unknown as string]);
    emitter.to("shop::orders").emit("x", "inside");
    emitter.to(42 as unknown as string).emit("x", "number");
    emitter.in("shop::orders").socketsLeave("shop::orders");
    emitter.to("shop::orders").emit("x", "left");
    emitter.emit("end");
    expect([await page.next(), await page.next(), await page.next()]).toEqual([
      ["x", "inside"],
      ["x", "number"],
      ["end"],
    ]);
  });

  test("T19 T20 names that mean something to Redis or JavaScript are names like others", async () => {
    using page = await Page.connect(gateway.url);
    const names = ["*", "a\r\nPUBLISH b c", "r#s", "socket.io#/#", "__proto__", "hasOwnProperty", "\0é", ""];
    emitter.in(page.id).socketsJoin(names);
    for (const name of [...names, "a", "toString", "é"]) emitter.to(name).emit("x", name);
    emitter.emit("end");
    for (const name of names) expect(await page.next()).toEqual(["x", name]);
    expect(await page.next()).toEqual(["end"]);
  });

  test("NRE-06 disconnectSockets ends the namespace, or with close the whole connection", async () => {
    using page = await Page.connect(gateway.url);
    const other = page.socket.io.socket("/other");
    const connected = Promise.withResolvers<void>();
    other.once("connect", connected.resolve);
    await connected.promise;
    emitter.in(page.id).disconnectSockets();
    expect(await page.next()).toEqual(["(disconnect)", "io server disconnect"]);
    expect(other.connected).toBe(true);
    const ended = Promise.withResolvers<string>();
    other.once("disconnect", ended.resolve);
    emitter.of("/other").disconnectSockets(true);
    expect(["io server disconnect", "transport close"]).toContain(await ended.promise);
    await until(() => page.socket.io.engine.readyState !== "open");
  });
});

/** The emitters of socket.io 1 and 2, with the Redis client of their time. */
interface OldEmitter {
  readonly redis: { quit(): void };
  to(room: string): OldEmitter;
  emit(event: string, ...args: readonly unknown[]): OldEmitter;
}

const require = createRequire(import.meta.url);

function oldEmitter(version: "2" | "3"): OldEmitter & Disposable {
  const create: unknown = version === "2" ? require("socket.io-emitter-2") : require("socket.io-emitter-3");
  const made = (create as (url: string) => OldEmitter)(redis.url);
  return Object.assign(made, {
    [Symbol.dispose]: () => {
      made.redis.quit();
    },
  });
}

describe("older emitters", () => {
  test("NRE-05 SIO-15 socket.io-emitter 2.0, on msgpack-lite: dates, typed arrays, members of other classes", async () => {
    using old = oldEmitter("2");
    using page = await Page.connect(gateway.url);
    await page.join("lite");
    old
      .to("lite")
      .emit("x", "é😀", { at: new Date(0), later: [new Date(1_577_836_800_000)] }, undefined, 1.5);
    old
      .to("lite")
      .emit("numbers", Uint8Array.of(1, 255), [Int16Array.of(-2), new ArrayBuffer(3)], Float64Array.of(1));
    old.to("lite").emit("buffer", Buffer.of(1, 255));
    old.to("lite").emit("boxed", [Object(true), Object("s"), Object(1.5)], new TypeError("t"), /a/g);
    expect(await page.next()).toEqual([
      "x",
      "é😀",
      { at: "1970-01-01T00:00:00.000Z", later: ["2020-01-01T00:00:00.000Z"] },
      null,
      1.5,
    ]);
    expect(await page.next()).toEqual([
      "numbers",
      Uint8Array.of(1, 255),
      [Uint8Array.of(0xfe, 0xff), new Uint8Array(3)],
      new Uint8Array(Float64Array.of(1).buffer),
    ]);
    expect(await page.next()).toEqual(["buffer", Uint8Array.of(1, 255)]);
    expect(await page.next()).toEqual(["boxed", [true, "s", 1.5], {}, {}]);
  });

  test("NRE-05 SIO-15 socket.io-emitter 3.2, on notepack 2: dates, undefined, binary", async () => {
    using old = oldEmitter("3");
    using page = await Page.connect(gateway.url);
    await page.join("note");
    old.to("note").emit("x", "é😀", { at: new Date(0), not: undefined }, [undefined], Buffer.of(1, 255));
    old.to("note").emit("end", new ArrayBuffer(2));
    expect(await page.next()).toEqual([
      "x",
      "é😀",
      { at: "1970-01-01T00:00:00.000Z" },
      [null],
      Uint8Array.of(1, 255),
    ]);
    expect(await page.next()).toEqual(["end", new Uint8Array(2)]);
  });

  test("NRE-05 a broken character is U+FFFD in a packet of type 2, and ends one of type 5", async () => {
    using page = await Page.connect(gateway.url);
    const before = await gateway.metric("belfry_skipped_total", 'reason="msgpack_utf8"');
    const broken = (type: number): Buffer => {
      const whole = Buffer.from(
        encode(["emitter", { type, data: ["x", "a??"], nsp: "/" }, { rooms: [], flags: {} }]),
      );
      whole.write("\xe4\xb8", whole.indexOf("??"), "latin1");
      return whole;
    };
    await client.publish("socket.io#/#", broken(5));
    await client.publish("socket.io#/#", broken(2));
    expect(await page.next()).toEqual(["x", "a\ufffd"]);
    expect(await gateway.metric("belfry_skipped_total", 'reason="msgpack_utf8"')).toBe(before + 1);
  });

  const packet = { type: 2, data: ["x", 1], nsp: "/" };

  test("NRE-04 one message per room: each client hears it once", async () => {
    using both = await Page.connect(gateway.url);
    using one = await Page.connect(gateway.url);
    await both.join("p1", "p2");
    await one.join("p2");
    for (const room of ["p1", "p2"]) {
      await publish(`socket.io#/#${room}#`, "emitter", packet, { rooms: ["p1", "p2"], flags: {} });
    }
    emitter.emit("end");
    for (const page of [both, one])
      expect([await page.next(), await page.next()]).toEqual([["x", 1], ["end"]]);
  });

  test("NRE-04 the first emitters and the PHP port: one channel, two elements, lists for empty maps", async () => {
    using page = await Page.connect(gateway.url);
    await publish("socket.io#emitter", { type: 2, data: ["x", 1] }, { rooms: [], flags: [] });
    await publish("socket.io#emitter", packet, []);
    emitter.emit("end");
    expect([await page.next(), await page.next(), await page.next()]).toEqual([["x", 1], ["x", 1], ["end"]]);
  });

  test("NRE-04 a namespace without slash", async () => {
    using page = await Page.connect(`${gateway.url}/chat`);
    await page.join("r");
    await publish("socket.io#chat#r#", "emitter", { ...packet, nsp: "chat" }, { rooms: ["r"], flags: {} });
    expect(await page.next()).toEqual(["x", 1]);
  });
});

describe("bad messages", () => {
  test("T3 SIO-13 each is counted by its reason, and the next good one arrives", async () => {
    using page = await Page.connect(gateway.url);
    const bad: readonly (readonly [reason: string, channel: string, payload: Buffer])[] = [
      ["msgpack_truncated", "socket.io#/#", Buffer.alloc(0)],
      ["msgpack_truncated", "socket.io#/#", Buffer.from("ddffffffff", "hex")],
      ["node_shape", "socket.io#/#", Buffer.from(encode("x"))],
      ["event_reserved", "socket.io#/#", Buffer.from(encode(["u", { type: 2, data: ["connect"] }, {}]))],
      ["node_target", "socket.io#/#", Buffer.from(encode(["u", { type: 2, data: ["x"] }, null]))],
      [
        "placeholder_invalid",
        "socket.io#/#",
        Buffer.from(
          encode(["u", { type: 2, data: ["x", { _placeholder: true, num: 9 }, Buffer.of(1)] }, {}]),
        ),
      ],
      ["not_json", "socket.io-request#/#", Buffer.from("{")],
      ["node_request", "socket.io-request#/#", Buffer.from('{"type":4,"opts":{"rooms":"r"}}')],
    ];
    for (const [reason, channel, payload] of bad) {
      const before = await gateway.metric("belfry_skipped_total", `reason="${reason}"`);
      await client.publish(channel, payload);
      const skipped = () => gateway.metric("belfry_skipped_total", `reason="${reason}"`);
      await until(
        async () => (await skipped()) === before + 1,
        5_000,
        () => `one more message skipped as ${reason}`,
      );
    }
    emitter.emit("end");
    expect(await page.next()).toEqual(["end"]);
  });

  test("NRE-09 messages of the streams adapter on the same channel are not ours, and no junk", async () => {
    using page = await Page.connect(gateway.url);
    const before = await gateway.metric("belfry_skipped_total");
    await client.publish("socket.io#/#", Buffer.from(encode({ uid: "a", nsp: "/", type: 3, data: {} })));
    emitter.emit("end");
    expect(await page.next()).toEqual(["end"]);
    expect(await gateway.metric("belfry_skipped_total")).toBe(before);
  });
});

describe("socket.io servers with @socket.io/redis-adapter 8.3", () => {
  let near: Neighbour;
  let far: Neighbour;
  let nearPage: Page;
  let farPage: Page;
  let ours: Page;

  beforeAll(async () => {
    near = await Neighbour.start(1);
    far = await Neighbour.start(2);
    nearPage = await Page.connect(near.url);
    farPage = await Page.connect(far.url);
    ours = await Page.connect(gateway.url);
    for (const page of [nearPage, farPage, ours]) await page.join("shared");
  }, 30_000);

  afterAll(async () => {
    for (const page of [nearPage, farPage, ours]) page[Symbol.dispose]();
    await near[Symbol.asyncDispose]();
    await far[Symbol.asyncDispose]();
  });

  test("NRE-01 a server's room emit reaches the clients of all servers and ours, each once", async () => {
    near.io.to("shared").emit("x", Buffer.of(7), { n: 1 });
    near.io.emit("end");
    for (const page of [nearPage, farPage, ours]) {
      expect(await page.next()).toEqual(["x", Uint8Array.of(7), { n: 1 }]);
      expect(await page.next()).toEqual(["end"]);
    }
  });

  test("NRE-07 servers do not count us", async () => {
    expect(await serverCount()).toBe(2);
  });

  test("NRE-07 fetchSockets waits for the servers alone", async () => {
    const sockets = await atOnce(() => near.io.fetchSockets());
    expect(new Set(sockets.map(({ id }) => id))).toEqual(new Set([nearPage.id, farPage.id]));
  });

  test("NRE-07 a question about all rooms waits for the servers alone", async () => {
    await ours.join("only-here");
    const adapter = near.io.of("/").adapter as unknown as { allRooms(): Promise<Set<string>> };
    const rooms = await atOnce(() => adapter.allRooms());
    expect(rooms.has("shared")).toBe(true);
    expect(rooms.has("only-here")).toBe(false);
  });

  test("NRE-07 serverSideEmit with an acknowledgement waits for the servers alone", async () => {
    far.io.on("question", (word: string, answer: (word: string) => void) => {
      answer(`${word}!`);
    });
    expect(await atOnce(() => near.io.serverSideEmitWithAck("question", "well"))).toEqual(["well!"]);
  });

  test("NRE-07 a broadcast with acknowledgements is a plain one for our clients, and nobody waits for them", async () => {
    for (const page of [nearPage, farPage]) {
      page.socket.once("ask", (_word: string, answer: (word: string) => void) => {
        answer(page.id);
      });
    }
    const answers: unknown = await atOnce(() =>
      near.io.timeout(requestsTimeoutMs).to("shared").emitWithAck("ask", "who"),
    );
    expect(new Set(answers as string[])).toEqual(new Set([nearPage.id, farPage.id]));
    expect((await ours.next()).slice(0, 2)).toEqual(["ask", "who"]);
    for (const page of [nearPage, farPage]) expect((await page.next())[0]).toBe("ask");
  });

  test("NRE-07 none of the questions was answered by us", async () => {
    const start = await spy.caughtUp();
    await near.io.fetchSockets();
    emitter.emit("end");
    for (const page of [nearPage, farPage, ours]) expect(await page.next()).toEqual(["end"]);
    await spy.caughtUp();
    expect(spy.on("socket.io-response#", start)).toHaveLength(1);
  });

  test("NRE-06 a server's commands act on our clients", async () => {
    using page = await Page.connect(gateway.url);
    near.io.in(page.id).socketsJoin("moved");
    near.io.to("moved").emit("x", "in");
    near.io.in("moved").socketsLeave("moved");
    near.io.to("moved").emit("x", "out");
    near.io.in(page.id).disconnectSockets();
    expect(await page.next()).toEqual(["x", "in"]);
    expect(await page.next()).toEqual(["(disconnect)", "io server disconnect"]);
  });

  test("NRE-07 an order about a single socket of ours is carried out and answered, another is not", async () => {
    const start = await spy.caughtUp();
    const order = { uid: "tvbf70", type: 2, room: "single" };
    for (const [requestId, sid] of [
      ["first", "nobody"],
      ["second", ours.id],
    ]) {
      await client.publish("socket.io-request#/#", JSON.stringify({ ...order, requestId, sid }));
    }
    emitter.to("single").emit("x", "single");
    expect(await ours.next()).toEqual(["x", "single"]);
    await until(() => spy.on("socket.io-response#/#", start).length === 1);
    expect(spy.on("socket.io-response#/#", start)).toEqual(['{"requestId":"second"}']);
  });

  test("PSQ-17 after our canaries on both channels the servers still work", async () => {
    const start = spy.messages.length;
    const deadline = performance.now() + 60_000;
    const canaries = (prefix: string): number => spy.on(`${prefix}/belfry`, start).length;
    while (canaries("socket.io#") < 2 || canaries("socket.io-request#") < 2) {
      if (performance.now() > deadline) throw new Error("Expected two canaries on each channel within 60 s");
      await Bun.sleep(50);
    }
    near.io.emit("end");
    for (const page of [nearPage, farPage, ours]) expect(await page.next()).toEqual(["end"]);
    expect(await atOnce(() => far.io.fetchSockets())).toHaveLength(2);
  }, 90_000);
});
