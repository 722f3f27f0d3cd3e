// Several gateways on one Redis behave as one: whatever comes in by any door reaches the clients of all, each once, in
// one order. Then the door itself (`POST /emit`), the memory broker alone, and how a gateway leaves.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Emitter } from "@socket.io/redis-emitter";
import { postEmit } from "../support/emit.ts";
import type { EmitAnswer } from "../support/emit.ts";
import { until } from "../support/until.ts";
import { Crowd, Member } from "../support/crowd.ts";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway } from "../support/gateway.ts";
import { Random } from "../support/random.ts";
import { RawWebSocket, rawRequest } from "../support/raw.ts";
import { connectRedis, startRedis } from "../support/redis.ts";
import type { RedisClient, RedisServer } from "../support/redis.ts";

const secret = "a publish secret";
const queue = "flask-socketio";

let redis: RedisServer;
let client: RedisClient;
let gateways: readonly TestGateway[];
let urls: readonly string[];

beforeAll(async () => {
  redis = await startRedis();
  client = await connectRedis(redis.url);
  const starting = Array.from({ length: 3 }, async () => startGateway({ redis: redis.url, secret }));
  gateways = await Promise.all(starting);
  urls = gateways.map(({ url }) => url);
}, 60_000);

afterAll(async () => {
  for (const gateway of gateways) await gateway[Symbol.asyncDispose]();
  await client.close();
  await redis.stop();
});

test("PSQ-16 a gateway that listens is ready: the first request is served", () => {
  expect(gateways.map(({ wasReady }) => wasReady)).toEqual([true, true, true]);
});

/** The URL of a gateway. */
function urlOf(index: number): string {
  return urls[index] ?? "";
}

async function post(
  url: string,
  body: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = {},
): Promise<EmitAnswer> {
  const answer = await fetch(`${url}/emit`, { method: "POST", body, headers });
  return { status: answer.status, text: await answer.text() };
}

async function emitOk(url: string, fields: Readonly<Record<string, unknown>>): Promise<void> {
  expect(await postEmit(url, { secret, ...fields })).toEqual({ status: 200, text: "OK\n" });
}

/** A message of a Python backend. */
async function say(fields: Readonly<Record<string, unknown>>): Promise<void> {
  await client.publish(queue, JSON.stringify({ namespace: "/", host_id: "backend", ...fields }));
}

/** Waits until everyone heard something with this as its first argument. */
async function allHear(members: readonly Member[], first: unknown): Promise<void> {
  await until(
    () => members.every(({ firsts }) => firsts.at(-1) === first),
    20_000,
    () => `all to hear ${String(first)}, got ${members.map(({ firsts }) => String(firsts.at(-1))).join(" ")}`,
  );
}

/** Whom a message is for. */
interface Target {
  /** undefined is everyone. */
  readonly rooms: readonly string[] | undefined;
  readonly except: readonly string[];
  readonly skip: readonly string[];
}

/** What passes on this Redis, as somebody sees it who is no gateway. */
class Ledger implements AsyncDisposable {
  readonly marks: string[] = [];
  readonly payloads: { readonly channel: string; readonly text: string }[] = [];
  readonly #client: RedisClient;

  private constructor(client: RedisClient) {
    this.#client = client;
  }

  static async open(): Promise<Ledger> {
    const ledger = new Ledger(await connectRedis(redis.url));
    await ledger.#client.pSubscribe("*", (text, channel) => {
      ledger.payloads.push({ channel, text });
      const mark = /#\d+#/.exec(text)?.[0];
      if (mark !== undefined) ledger.marks.push(mark);
    });
    return ledger;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.close();
  }
}

describe("three gateways on one Redis", () => {
  test("SIO-14 WSE-26 PSQ-07 PSQ-08 NRE-02 one order for the clients of all, whatever door the messages came by", async () => {
    await using ledger = await Ledger.open();
    using crowd = await Crowd.connect(urls, 18);
    const { members } = crowd;
    const rooms = new Map<Member, readonly string[]>();
    for (const [index, member] of members.entries()) {
      const joined = ["all", ...(index % 2 === 0 ? ["half"] : []), ...(index % 3 === 0 ? ["third"] : [])];
      rooms.set(member, joined);
      for (const room of joined) expect(await member.join(room)).toBe(true);
    }

    const random = new Random(4);
    const targets = new Map<string, Target>();
    const mark = (target: Target): string => {
      const name = `#${targets.size}#`;
      targets.set(name, target);
      return name;
    };
    const someRooms = (): readonly string[] | undefined =>
      random.pick([undefined, ["all"], ["half"], ["half", "third"], ["third", "all", "nobody"], ["third"]]);
    const someIds = (): readonly string[] =>
      random.pick([[], [random.pick(members).id], [random.pick(members).id, random.pick(members).id]]);
    const none = { except: [], skip: [] };

    const overHttp = async (url: string): Promise<void> => {
      for (let count = 0; count < 350; count++) {
        const target: Target = { rooms: someRooms(), ...none };
        await emitOk(url, { event: "tick", data: mark(target), room: target.rooms });
      }
    };
    const overTheQueue = async (channel: string): Promise<void> => {
      const own = await connectRedis(redis.url);
      for (let count = 0; count < 450; count++) {
        const target: Target = { rooms: someRooms(), except: [], skip: someIds() };
        const fields = {
          room: target.rooms ?? null,
          skip_sid: target.skip,
          namespace: "/",
          host_id: "backend",
        };
        await own.publish(
          channel,
          JSON.stringify({ method: "emit", event: "tick", data: mark(target), ...fields }),
        );
      }
      await own.close();
    };
    const fromNode = async (): Promise<void> => {
      const own = await connectRedis(redis.url);
      const emitter = new Emitter(own);
      for (let count = 0; count < 300; count++) {
        const target: Target = {
          rooms: someRooms(),
          except: random.pick([[], ["third"], someIds()]),
          skip: [],
        };
        let operator = emitter.except([...target.except]);
        if (target.rooms) operator = operator.to([...target.rooms]);
        operator.emit("tick", mark(target));
        // One message after the other, as the other publishers do.
        await own.ping();
      }
      await own.close();
    };
    await Promise.all([...urls.map(overHttp), overTheQueue(queue), overTheQueue("socketio"), fromNode()]);
    const last = mark({ rooms: undefined, ...none });
    await emitOk(urlOf(0), { event: "tick", data: last });

    await allHear(members, last);
    await until(() => ledger.marks.at(-1) === last);
    expect(ledger.marks).toHaveLength(2_251);
    expect(new Set(ledger.marks)).toEqual(new Set(targets.keys()));
    for (const member of members) {
      const own = new Set([...(rooms.get(member) ?? []), member.id]);
      const isFor = ({ rooms: to, except, skip }: Target): boolean =>
        (to?.some((room) => own.has(room)) ?? true) &&
        !except.some((room) => own.has(room)) &&
        !skip.includes(member.id);
      const expected = ledger.marks.filter((name) => isFor(targets.get(name) ?? { rooms: [], ...none }));
      expect({ way: member.way, marks: member.firsts }).toEqual({ way: member.way, marks: expected });
      expect(member.troubles).toEqual([]);
    }
  }, 60_000);

  test("WSE-23 PSQ-05 a namespace, a room of it and its everyone, on every gateway", async () => {
    using chat = await Crowd.connect(urls, 6, { namespace: "/chat" });
    using plain = await Crowd.connect(urls, 6);
    for (const member of [...chat.members, ...plain.members]) expect(await member.join("r")).toBe(true);
    await emitOk(urlOf(1), { event: "tick", data: "chat room", namespace: "/chat", room: "r" });
    await emitOk(urlOf(2), { event: "tick", data: "chat all", namespace: "/chat" });
    await emitOk(urlOf(0), { event: "tick", data: "plain room", room: "r" });
    await allHear(chat.members, "chat all");
    await allHear(plain.members, "plain room");
    for (const { firsts } of chat.members) expect(firsts).toEqual(["chat room", "chat all"]);
    for (const { firsts } of plain.members) expect(firsts).toEqual(["plain room"]);
  });

  test("PSQ-10 each receiver's acknowledgement goes back over Redis, from whichever gateway it is on", async () => {
    await using ledger = await Ledger.open();
    using crowd = await Crowd.connect(urls, 9, { events: [] });
    using outside = await Member.connect(urlOf(0), "4 websocket", { events: ["ask"] });
    for (const [index, member] of crowd.members.entries()) {
      expect(await member.join("asked")).toBe(true);
      member.socket.on("ask", (question: unknown, answer: (...args: unknown[]) => void) => {
        answer(question, index);
      });
    }
    await say({ method: "emit", event: "ask", data: "who", room: "asked", callback: ["asked", "/", 7] });
    const answers = (): readonly string[] =>
      ledger.payloads
        .filter(({ text }) => text.includes('"callback"') && !text.includes('"emit"'))
        .map(({ text }) => text);
    await until(() => answers().length === 9);
    const got = answers().map((text) => JSON.parse(text) as { args: [string, number] });
    const fields = { method: "callback", host_id: "backend", sid: "asked", namespace: "/", id: 7 };
    for (const [index, answer] of got.sort((a, b) => a.args[1] - b.args[1]).entries()) {
      expect(answer).toEqual({ ...fields, args: ["who", index] });
    }
    expect(
      ledger.payloads.filter(({ text }) => text.includes('"callback"')).map(({ channel }) => channel),
    ).toEqual(Array.from({ length: 10 }, () => queue));
    expect(outside.heard).toEqual([]);
  });

  test("PSQ-12 PSQ-13 PSQ-14 a backend's orders reach a client on whichever gateway it is", async () => {
    using crowd = await Crowd.connect(urls, 3);
    const { members } = crowd;
    for (const { id } of members) await say({ method: "enter_room", sid: id, room: "space::entered" });
    await emitOk(urlOf(0), { event: "tick", data: 1, room: "space::entered" });
    await allHear(members, 1);
    const [first, second, third] = members;
    await say({ method: "leave_room", sid: first?.id, room: "space::entered" });
    await emitOk(urlOf(1), { event: "tick", data: 2, room: "space::entered" });
    await say({ method: "close_room", room: "space::entered" });
    await emitOk(urlOf(2), { event: "tick", data: 3, room: "space::entered" });
    await say({ method: "disconnect", sid: third?.id });
    await emitOk(urlOf(0), { event: "tick", data: 4 });
    await allHear(
      [first, second].filter((member) => member !== undefined),
      4,
    );
    expect(members.map(({ firsts }) => firsts)).toEqual([
      [1, 4],
      [1, 2, 4],
      [1, 2],
    ]);
    expect(third?.troubles).toEqual(["disconnect io server disconnect"]);
    expect(first?.troubles).toEqual([]);
  });

  test("WSE-07 SIO-16 nobody listens in on a client of another gateway, a backend reaches it by its id", async () => {
    using crowd = await Crowd.connect(urls, 3);
    const { members } = crowd;
    for (const member of members) {
      for (const { id } of members) expect(await member.join(id)).toBe(true);
    }
    for (const [index, { id }] of members.entries()) {
      await emitOk(urlOf((index + 1) % 3), { event: "tick", data: index, room: id });
    }
    await emitOk(urlOf(0), { event: "tick", data: "end" });
    await allHear(members, "end");
    expect(members.map(({ firsts }) => firsts)).toEqual([
      [0, "end"],
      [1, "end"],
      [2, "end"],
    ]);
  });

  test("WSE-05 WSE-03 WSE-06 SEC-12 a room-space's secret in Redis admits on every gateway, the first key decides", async () => {
    await redis.command("SET", "r2ws::room_secret::dir", "oldest");
    await redis.command("SET", "ws-emit::room_secret::dir", "older");
    using early = await Crowd.connect(urls, 3);
    for (const member of early.members) {
      expect(await member.join("dir::a", { secret: "oldest" })).toBe(true);
      expect(await member.join("dir::b", { secret: "older" })).toBe(true);
    }
    await redis.command("SET", "ws-emit::secret::dir", "current");
    using late = await Crowd.connect(urls, 3);
    for (const member of late.members) {
      expect(await member.join("dir::a", { secret: "older" })).toBe(true);
      expect(await member.join("dir::b", { secret: "current" })).toBe(true);
      expect(await member.join("dir::c")).toBe(true);
    }
    for (const room of ["dir::a", "dir::b", "dir::c"])
      await emitOk(urlOf(1), { event: "tick", data: room, room });
    await emitOk(urlOf(1), { event: "tick", data: "end" });
    await allHear([...early.members, ...late.members], "end");
    // A refusal looks like a success; a change evicts nobody.
    for (const { firsts } of [...early.members, ...late.members]) expect(firsts).toEqual(["dir::b", "end"]);
    await redis.command("DEL", "ws-emit::secret::dir", "ws-emit::room_secret::dir", "r2ws::room_secret::dir");
  });

  test("EIO-15 a session of another gateway is unknown here, and the answer says so", async () => {
    const handshake = await fetch(`${urlOf(0)}/socket.io/?EIO=4&transport=polling`);
    const { sid } = JSON.parse((await handshake.text()).slice(1)) as { sid: string };
    for (const method of ["GET", "POST"]) {
      const answer = await fetch(`${urlOf(1)}/socket.io/?EIO=4&transport=polling&sid=${sid}`, { method });
      expect([answer.status, await answer.json()]).toEqual([400, { code: 1, message: "Session ID unknown" }]);
    }
    const upgrade = await RawWebSocket.tryOpen(urlOf(1), `/socket.io/?EIO=4&transport=websocket&sid=${sid}`);
    expect(upgrade).toMatchObject({ status: 400, text: '{"code":1,"message":"Session ID unknown"}' });
  });

  test("RTE-11 a gateway has one connection for all its subscriptions and one for commands", async () => {
    await using server = await startRedis();
    await using gateway = await startGateway({ redis: server.url, secret });
    using member = await Member.connect(gateway.url, "4 websocket");
    expect(await member.join("dir::a", { secret: "x" })).toBe(true);
    await emitOk(gateway.url, { event: "tick" });
    const list = String(await server.command("CLIENT", "LIST"))
      .trim()
      .split("\n");
    const counts = list.map((line) =>
      [/ sub=(\d+)/.exec(line)?.[1], / psub=(\d+)/.exec(line)?.[1]].join(" "),
    );
    // Two queue channels, the broker's and the two of the peers, two patterns of the Node world and the native one; commands;
    // and the connection that asks here.
    expect(counts.sort()).toEqual(["0 0", "0 0", "5 3"]);
  });

  test("PSQ-16 the clients of the others hear nothing of a gateway that leaves, and miss nothing", async () => {
    await using leaving = await startGateway({ redis: redis.url, secret });
    using crowd = await Crowd.connect(urls, 6);
    using guests = await Crowd.connect([leaving.url], 3);
    let sent = 0;
    const stopped = { is: false };
    const publishing = (async () => {
      while (!stopped.is) await emitOk(urlOf(sent % 3), { event: "tick", data: sent++ });
    })();
    await until(() => guests.members.every(({ heard }) => heard.length > 20));
    await leaving.gateway.stop(500);
    await until(() => guests.members.every(({ socket }) => !socket.connected));
    const before = sent;
    await until(() => sent > before + 20);
    stopped.is = true;
    await publishing;
    await allHear(crowd.members, sent - 1);
    for (const { firsts, troubles } of crowd.members) {
      expect(firsts).toEqual(Array.from({ length: sent }, (_, index) => index));
      expect(troubles).toEqual([]);
    }
    // Those who left heard a gapless part.
    for (const { firsts } of guests.members)
      expect(firsts).toEqual(firsts.map((_, index) => Number(firsts[0]) + index));
  });
});

describe("POST /emit", () => {
  let member: Member;

  beforeAll(async () => {
    member = await Member.connect(urlOf(1), "4 websocket");
    expect(await member.join("r")).toBe(true);
  });

  afterAll(() => {
    member[Symbol.dispose]();
  });

  /** What the client heard of it, the name of the event left out. */
  async function heardOf(send: () => Promise<void>): Promise<readonly unknown[]> {
    const start = member.heard.length;
    await send();
    await emitOk(urlOf(0), { event: "tick", data: "(end)", room: "r" });
    await until(() => member.heard.at(-1)?.[0] === "(end)" && member.heard.length > start);
    return member.heard.slice(start, -1);
  }

  const values = [
    ["a list is one argument", [1, [2]], [[1, [2]]]],
    ["null is none", null, []],
    ["text", "\u{1f514} \u0000 \u2028", ["\u{1f514} \u0000 \u2028"]],
  ] as const;
  test.each([...values])("WSE-24 WSE-21 data is exactly one argument: %s", async (_title, data, args) => {
    expect(await heardOf(async () => emitOk(urlOf(0), { event: "tick", room: "r", data }))).toEqual([args]);
  });

  test("WSE-24 T20 a large integer and a `__proto__` key arrive as they were sent", async () => {
    const body = `{"secret":${JSON.stringify(secret)},"event":"tick","room":"r","data":{"__proto__":{"x":12345678901234567890}}}`;
    using raw = await RawWebSocket.open(urlOf(2), "/socket.io/?EIO=4&transport=websocket");
    raw.send("40");
    raw.send('42["join",{"room":"r"}]');
    await raw.waitForMessages(2);
    await heardOf(async () => expect(await post(urlOf(0), body)).toEqual({ status: 200, text: "OK\n" }));
    expect(await raw.waitForMessage()).toBe('42["tick",{"__proto__":{"x":12345678901234567890}}]');
    expect(({} as Record<string, unknown>)["x"]).toBeUndefined();
  });

  const addressees = [
    ["null", null, true],
    ["another room", "elsewhere", false],
    ["a list with this room", ["elsewhere", "r"], true],
  ] as const;
  test.each([...addressees])("WSE-23 whom `room` addresses: %s", async (_title, room, isHeard) => {
    const heard = await heardOf(async () => emitOk(urlOf(2), { event: "tick", room, data: "x" }));
    expect(heard).toEqual(isHeard ? [["x"]] : []);
  });

  const wrong = { event: "tick", room: "r" };
  const wrongSecrets = [
    ["wrong", { ...wrong, secret: "nope" }],
    ["missing", wrong],
    ["a list with the right one", { ...wrong, secret: [secret] }],
  ] as const;
  test.each([...wrongSecrets])(
    "WSE-22 SEC-05 SEC-11 the secret is %s: refused, nothing of it comes back",
    async (_title, body) => {
      const heard = await heardOf(async () => {
        expect(await post(urlOf(0), JSON.stringify(body))).toEqual({
          status: 403,
          text: "Incorrect secret\n",
        });
      });
      expect(heard).toEqual([]);
    },
  );

  const deep = (levels: number): string =>
    `{"secret":${JSON.stringify(secret)},"event":"tick","data":${"[".repeat(levels)}${"]".repeat(levels)}}`;
  const many = Object.fromEntries(Array.from({ length: 2_000 }, (_, index) => [`k${index}`, 1]));
  const withSecret = (fields: object): string => JSON.stringify({ secret, ...fields });
  const badBodies = [
    ["no event", withSecret({ room: "r" }), 400],
    ["no UTF-8", Buffer.from([0x7b, 0xff, 0x7d]), 400],
    ["much too deep", deep(400_000), 400],
    ["too many members", withSecret({ event: "tick", ...many }), 400],
    ["too large", withSecret({ event: "tick", data: "x".repeat(1_048_576) }), 413],
  ] as const;
  test.each([...badBodies])(
    "WSE-25 WSE-26 T9 T20 a bad body is refused at once: %s",
    async (_title, body, status) => {
      const heard = await heardOf(async () => {
        const start = performance.now();
        const answer = await post(urlOf(0), body);
        const tookMs = performance.now() - start;
        expect(answer.status).toBe(status);
        expect(answer.text).toMatch(/^Expected .*\n$/);
        expect(answer.text).not.toContain("tick");
        expect(tookMs).toBeLessThan(1_000);
      });
      expect(heard).toEqual([]);
    },
  );

  test("T9 a packed body is refused, whatever it would unpack to", async () => {
    const bomb = Bun.gzipSync(new Uint8Array(64 * 1024 * 1024));
    for (const encoding of ["gzip", "deflate", "br", "gzip, gzip"]) {
      const start = performance.now();
      const answer = await post(urlOf(0), bomb, { "Content-Encoding": encoding });
      expect([encoding, answer.status]).toEqual([encoding, 415]);
      expect(performance.now() - start).toBeLessThan(1_000);
    }
  });

  test("WSE-20 the exact path, two methods, and no CORS", async () => {
    const ask = async (method: string, path: string) => {
      const { status, headers } = await rawRequest(urlOf(0), {
        method,
        path,
        headers: { Origin: "http://x.example" },
      });
      expect([...headers.keys()].filter((name) => name.startsWith("access-control"))).toEqual([]);
      return { status, allow: headers.get("allow") };
    };
    expect(await ask("OPTIONS", "/emit")).toMatchObject({ status: 200 });
    for (const method of ["GET", "PUT", "DELETE", "PATCH"]) {
      expect(await ask(method, "/emit")).toEqual({ status: 405, allow: "OPTIONS, POST" });
    }
    for (const path of ["/emit/", "/emit/x", "/EMIT", "/emitx"])
      expect(await ask("POST", path)).toMatchObject({ status: 404 });
  });
});

describe("the memory broker alone", () => {
  test("WSE-26 SIO-14 one order for all clients, without a Redis", async () => {
    await using gateway = await startGateway({ secret });
    using crowd = await Crowd.connect([gateway.url], 6);
    const publish = async (publisher: number): Promise<void> => {
      for (let count = 0; count < 200; count++)
        await emitOk(gateway.url, { event: "tick", data: publisher * 1_000 + count });
    };
    await Promise.all([0, 1, 2].map(publish));
    await emitOk(gateway.url, { event: "tick", data: "end" });
    await allHear(crowd.members, "end");
    const [first, ...others] = crowd.members;
    expect(first?.heard).toHaveLength(601);
    for (const { firsts } of others) expect(firsts).toEqual(first?.firsts ?? []);
    for (const publisher of [0, 1, 2]) {
      const own = (first?.firsts ?? []).filter((mark) => Math.floor(Number(mark) / 1_000) === publisher);
      expect(own).toEqual(Array.from({ length: 200 }, (_, count) => publisher * 1_000 + count));
    }
  });

  test("SEC-10 SEC-11 gateways of one process share nothing: rooms, secrets, limits, sessions, numbers", async () => {
    await using one = await startGateway({ secret: "secret of one", roomSecrets: { shop: "one" } });
    await using two = await startGateway({
      secret: "secret of two",
      roomSecrets: { shop: "two" },
      socketio: { path: "/io/" },
    });
    using first = await Member.connect(one.url, "4 websocket");
    const answer = await fetch(`${two.url}/io/?EIO=4&transport=polling`);
    expect(answer.status).toBe(200);
    expect((await fetch(`${two.url}/socket.io/?EIO=4&transport=polling`)).status).toBe(404);
    for (let guess = 0; guess < 3; guess++) await first.join("shop::o", { secret: "two" });
    await first.join("shop::p", { secret: "one" });
    expect(await postEmit(one.url, { event: "tick", secret: "secret of two" })).toMatchObject({
      status: 403,
    });
    await emitOk(two.url, { event: "tick", secret: "secret of two", data: "of two", room: "shop::p" });
    await emitOk(one.url, { event: "tick", secret: "secret of one", data: "of one", room: "shop::p" });
    await allHear([first], "of one");
    expect(first.firsts).toEqual(["of one"]);
    expect([await one.metric("belfry_connections"), await two.metric("belfry_connections")]).toEqual([1, 1]);
    expect([await one.metric("belfry_rooms"), await two.metric("belfry_rooms")]).toEqual([1, 0]);
    expect(await two.metric("belfry_refused_total", 'dialect="socketio"')).toBe(0);
    expect(await two.metric("belfry_messages_delivered_total")).toBe(0);
    await one.gateway.stop(0);
    await emitOk(two.url, { event: "tick", secret: "secret of two" });
  });
});

describe("a gateway that ends", () => {
  test("SEC-14 EIO-14 fewer than 1,000 clients are closed within a second, after readiness turned red", async () => {
    const gateway = await startGateway({ drain: 30 });
    const sockets = await Promise.all(
      Array.from({ length: 40 }, async () =>
        RawWebSocket.open(gateway.url, "/socket.io/?EIO=4&transport=websocket"),
      ),
    );
    const handshake = await fetch(`${gateway.url}/socket.io/?EIO=4&transport=polling`);
    const { sid } = JSON.parse((await handshake.text()).slice(1)) as { sid: string };
    const poll = fetch(`${gateway.url}/socket.io/?EIO=4&transport=polling&sid=${sid}`);
    const closes = sockets.map(async (socket) => {
      const close = await socket.waitForClose(5_000);
      return { close, isReady: gateway.gateway.readiness().isReady };
    });
    const start = performance.now();
    const stopping = gateway.gateway.stop();
    const ready = await fetch(`${gateway.url}/-/health/ready`);
    expect([ready.status, await ready.json()]).toEqual([
      503,
      { ready: false, reasons: ["The gateway is draining"] },
    ]);
    expect((await fetch(`${gateway.url}/-/health/live`)).status).toBe(200);
    expect((await fetch(`${gateway.url}/socket.io/?EIO=4&transport=polling`)).status).toBe(403);
    const refused = await RawWebSocket.tryOpen(gateway.url, "/socket.io/?EIO=4&transport=websocket");
    expect(refused).toMatchObject({ status: 503 });
    for (const closed of await Promise.all(closes)) {
      expect(closed).toEqual({ close: { code: 1001, reason: "" }, isReady: false });
    }
    expect(await (await poll).text()).toBe("1");
    // The closes go out within 1 s; seeing all of them may take a little longer.
    expect(performance.now() - start).toBeLessThan(1_500);
    await stopping;
    expect(performance.now() - start).toBeLessThan(2_500);
    await gateway[Symbol.asyncDispose]();
  });

  test("SEC-14 F10 more clients are spread evenly over the drain time", async () => {
    const gateway = await startGateway();
    const address = `${gateway.url.replace("http", "ws")}/socket.io/?EIO=4&transport=websocket`;
    const closedAt: number[] = [];
    const codes = new Set<number>();
    const opened = Array.from({ length: 1_200 }, async () => {
      const socket = new WebSocket(address);
      const { promise, resolve } = Promise.withResolvers<void>();
      socket.addEventListener("message", () => {
        resolve();
      });
      socket.addEventListener("close", ({ code }) => {
        closedAt.push(performance.now());
        codes.add(code);
      });
      await promise;
    });
    await Promise.all(opened);
    const start = performance.now();
    await gateway.gateway.stop(2_000);
    await until(() => closedAt.length === 1_200);
    expect([...codes]).toEqual([1001]);
    const perQuarter = [0, 0, 0, 0];
    for (const at of closedAt) {
      const quarter = Math.min(3, Math.floor((at - start) / 500));
      perQuarter[quarter] = (perQuarter[quarter] ?? 0) + 1;
    }
    // At most one and a half times the mean, at least half of it.
    for (const count of perQuarter) expect(count).toBeWithin(150, 451);
    await gateway[Symbol.asyncDispose]();
  });
});
