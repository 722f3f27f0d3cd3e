// The dialect behind a listener of its own, with an identity, a bus and a clock of the tests': what happens while
// something is waited for, and that nothing is kept of whoever is gone.

import { FakeSocket } from "../../../test/support/fake-socket.ts";
import { Connection } from "../../core/membership.ts";
import { describe, expect, setDefaultTimeout, spyOn, test } from "bun:test";
import { until } from "../../../test/support/until.ts";
import { RawWebSocket } from "../../../test/support/raw.ts";
import { heardUntil, Ws4redisHouse } from "../../../test/support/ws4redis.ts";
import { createClientId } from "../../base/client-id.ts";
import { GatewayError } from "../../vocabulary/errors.ts";
import { anonymous } from "../../core/identity.ts";
import type { Identity } from "../../core/identity.ts";
import type { IdentityRequest, IdentityResult } from "../../proofs/identity-source.ts";
import { createRawFormat, toRooms } from "../raw/format.ts";

const key = "0123456789abcdef0123456789abcdef";
const john: Identity = { kind: "identity", user: "john", groups: ["staff"], session: key };
const all = "subscribe-broadcast&subscribe-group&subscribe-user&subscribe-session";
const patience = 20_000;
setDefaultTimeout(60_000);

/** Answers that wait for the test. */
class Gate<Value> {
  #opened = Promise.withResolvers<Value>();
  waiting = 0;

  async pass(): Promise<Value> {
    this.waiting++;
    return this.#opened.promise;
  }

  open(value: Value): void {
    this.#opened.resolve(value);
  }

  fail(error: Error): void {
    this.#opened.reject(error);
  }
}

async function isEmpty(house: Ws4redisHouse): Promise<void> {
  await until(() => house.connected === 0 && house.admitted === 0 && house.listening.length === 0, patience);
  expect(house.hub.roomCount).toBe(0);
}

/** The clients that have a last message: an id is given to those alone. */
function speakersOf({ hub }: Ws4redisHouse): number {
  return [...hub.connections()].filter(({ id }) => id !== undefined).length;
}

describe("while the persisted messages are fetched", () => {
  test("W4R-04 what is published meanwhile comes behind them, and nothing is lost", async () => {
    const gate = new Gate<readonly (Buffer | undefined)[]>();
    await using house = await Ws4redisHouse.start({ bus: () => ({ getBytes: async () => gate.pass() }) });
    using socket = await house.open("/ws/news?subscribe-broadcast");
    await until(() => gate.waiting === 1, patience);
    const live = Array.from({ length: 50 }, (_, at) => `live ${at}`);
    for (const text of live) await house.bus.publish("broadcast:news", text);
    // They went through the hub before the answer comes.
    const seen = await house.open("/ws/other?subscribe-broadcast");
    seen[Symbol.dispose]();
    gate.open([Buffer.from("kept")]);
    await house.bus.publish("broadcast:news", "last");
    expect(await heardUntil(socket, "last")).toEqual(["kept", ...live]);
  });

  test("W4R-04 SEC-06 a value over the bound of messages is skipped, and counted", async () => {
    await using house = await Ws4redisHouse.start({ limits: { busMessageBytes: 1_024 } });
    await house.bus.set("broadcast:news", Buffer.alloc(1_025, 65));
    await house.bus.set("user:john:news", Buffer.alloc(1_024, 66));
    await using other = await Ws4redisHouse.start({
      limits: { busMessageBytes: 1_024 },
      identity: { identify: async () => john },
      bus: () => ({ getBytes: async (keys) => house.bus.getBytes(keys) }),
    });
    using socket = await other.open("/ws/news?subscribe-broadcast&subscribe-user");
    expect(await socket.waitForMessage(patience)).toBe("B".repeat(1_024));
    expect(other.observed).toEqual(["skipped too_large"]);
  });

  test("W4R-04 what wants an acknowledgement waits its turn, too", async () => {
    const gate = new Gate<readonly (Buffer | undefined)[]>();
    await using house = await Ws4redisHouse.start({ bus: () => ({ getBytes: async () => gate.pass() }) });
    using socket = await house.open("/ws/news?subscribe-broadcast");
    await until(() => gate.waiting === 1, patience);
    const asking = { event: "ask", args: ["1"], attachments: [], volatile: false, onAck: () => undefined };
    house.hub.deliver({ kind: "publication", ...toRooms(["news"]), ...asking });
    gate.open([Buffer.from("kept")]);
    expect(await socket.waitForMessages(2, patience)).toEqual(["kept", '{"event":"ask","data":1}']);
  });

  test("W4R-04 nothing is asked for before the names of 0.2 are subscribed", async () => {
    const gate = new Gate<void>();
    const steps: string[] = [];
    await using house = await Ws4redisHouse.start({
      options: { naming: "legacy" },
      identity: { identify: async () => john },
      bus: (bus) => ({
        async subscribe(filter, onMessage) {
          if (filter.kind === "exact") await gate.pass();
          steps.push(`subscribe ${filter.name}`);
          return bus.subscribe(filter, onMessage);
        },
        async getBytes(keys) {
          steps.push(`get ${keys.join(" ")}`);
          return keys.map((name) => Buffer.from(name));
        },
      }),
    });
    using socket = await house.open("/ws/news?subscribe-user");
    await until(() => gate.waiting === 1, patience);
    gate.open();
    expect(await socket.waitForMessage(patience)).toBe("john:news");
    expect(steps).toEqual(["subscribe _broadcast_:*", "subscribe john:news", "get john:news"]);
  });

  test("W4R-08 W4R-05 the client may speak already, and its last words are known", async () => {
    const gate = new Gate<readonly (Buffer | undefined)[]>();
    await using house = await Ws4redisHouse.start({
      options: { publish: ["*"] },
      bus: () => ({ getBytes: async () => gate.pass() }),
    });
    using socket = await house.open("/ws/news?subscribe-broadcast&publish-broadcast");
    using other = await house.open("/ws/news?subscribe-broadcast");
    await until(() => gate.waiting === 2, patience);
    socket.send("mine");
    await until(() => speakersOf(house) === 1, patience);
    await house.bus.publish("broadcast:news", "mine");
    await house.bus.publish("broadcast:news", "end");
    gate.open([Buffer.from("mine")]);
    // What was kept is not subject to it.
    expect(await heardUntil(socket, "end")).toEqual(["mine"]);
    expect(await heardUntil(other, "end")).toEqual(["mine", "mine", "mine"]);
  });

  test("SEC-06 who waits too long for too much is dropped as slow, and everything of it given back", async () => {
    const gate = new Gate<readonly (Buffer | undefined)[]>();
    await using house = await Ws4redisHouse.start({
      limits: { sendQueueBytes: 65_536 },
      bus: () => ({ getBytes: async () => gate.pass() }),
    });
    using socket = await house.open("/ws/news?subscribe-broadcast");
    await until(() => gate.waiting === 1, patience);
    for (let at = 0; at < 4; at++) await house.bus.publish("broadcast:news", "x".repeat(32_768));
    expect((await socket.waitForClose(patience)).code).toBe(1006);
    await isEmpty(house);
    gate.open([]);
    expect(house.observed.filter((line) => line.startsWith("disconnected"))).toEqual(["disconnected slow"]);
  });

  test("SEC-02 W4R-12 a bus that does not answer closes with 1001", async () => {
    await using house = await Ws4redisHouse.start({
      bus: () => ({
        getBytes: async () => {
          throw new GatewayError("bus_unavailable", "Expected a Redis, got none");
        },
      }),
    });
    using socket = await house.open("/ws/news?subscribe-broadcast");
    expect(await socket.waitForClose(patience)).toEqual({ code: 1001, reason: "Websocket Closed" });
    await isEmpty(house);
    expect(house.observed).toEqual(["disconnected unavailable"]);
    // Who hears nothing needs nobody.
    using idle = await house.open("/ws/news");
    await until(() => house.connected === 1, patience);
    idle[Symbol.dispose]();
    await isEmpty(house);
  });

  test("W4R-12 what fails otherwise closes too, and is reported", async () => {
    await using house = await Ws4redisHouse.start({
      bus: () => ({
        getBytes: async () => {
          throw new TypeError("a fault of ours");
        },
      }),
    });
    using socket = await house.open("/ws/news?subscribe-broadcast");
    expect(await socket.waitForClose(patience)).toEqual({ code: 1001, reason: "Websocket Closed" });
    await until(() => house.observed.length === 2, patience);
    expect(house.observed[0]).toBe("report first_frames TypeError: a fault of ours");
  });
});

describe("what a client says", () => {
  async function said(expire: number, ...texts: readonly string[]): Promise<readonly string[]> {
    const done: string[] = [];
    await using house = await Ws4redisHouse.start({
      options: { publish: ["*"], expire },
      identity: { identify: async () => john },
      bus: (bus) => ({
        async publish(channel, payload) {
          done.push(`publish ${channel} ${payload.toString()}`);
          await bus.publish(channel, payload);
        },
        async set(name, value, ttl) {
          done.push(`set ${name} ${value.toString()} ${ttl}`);
        },
      }),
    });
    using socket = await house.open("/ws/news?subscribe-broadcast&publish-broadcast&publish-user&echo");
    for (const text of texts) socket.send(text);
    await heardUntil(socket, texts.at(-1) ?? "", patience);
    return done;
  }

  test("W4R-05 goes out and is kept, name by name, for so many seconds", async () => {
    expect(await said(60, "a", "b")).toEqual(
      ["a", "b"].flatMap((text) =>
        ["broadcast:news", "user:john:news"].flatMap((name) => [
          `publish ${name} ${text}`,
          `set ${name} ${text} 60`,
        ]),
      ),
    );
  });

  test("W4R-05 with `expire` 0 Redis is not even asked to keep it", async () => {
    expect(await said(0, "a")).toEqual(["publish broadcast:news a", "publish user:john:news a"]);
  });

  test("WSE-26 SEC-02 what Redis does not take is lost, counted by why, and the connection stays", async () => {
    const errors = [
      new GatewayError("bus_unavailable", "Expected a Redis, got none"),
      new TypeError("a fault of ours"),
    ];
    await using house = await Ws4redisHouse.start({
      options: { publish: ["*"], expire: 0 },
      bus: () => ({
        async publish() {
          throw errors.shift() ?? new Error("Expected two messages");
        },
      }),
    });
    using socket = await house.open("/ws/news?publish-broadcast");
    socket.send("a");
    socket.send("b");
    await until(() => house.observed.length === 2, patience);
    expect(house.observed).toEqual([
      "refused bus_unavailable",
      "report client_message TypeError: a fault of ours",
    ]);
    expect(house.connected).toBe(1);
  });
});

describe("nothing is kept of whoever is gone", () => {
  test("SEC-06 in the middle of everything: rooms, last words, names of 0.2, places", async () => {
    await using house = await Ws4redisHouse.start({
      options: { naming: "both", publish: ["*"], echo: "asked" },
      identity: { identify: async () => john },
    });
    const sockets = await Promise.all(
      Array.from({ length: 20 }, async () => house.open(`/ws/news?${all}&publish-user`)),
    );
    for (const [at, socket] of sockets.entries()) socket.send(`said ${at}`);
    await until(() => speakersOf(house) === 20 && house.listening.length === 2, patience);
    expect(house.hub.roomCount).toBe(4);
    expect([house.admitted, house.connected]).toEqual([20, 20]);
    for (const [at, socket] of sockets.entries()) {
      if (at % 2 === 0) socket[Symbol.dispose]();
      else socket.sendFrame(8, Uint8Array.of(0x03, 0xe8));
    }
    await isEmpty(house);
    const deliver = spyOn(house.hub, "deliver");
    await house.bus.publish("broadcast:news", "said 0");
    await until(() => deliver.mock.calls.length === 1, patience);
    expect(deliver.mock.calls[0]?.[0]).toMatchObject({ skip: [] });
    for (const socket of sockets) socket[Symbol.dispose]();
  });

  test("SEC-06 while its persisted messages are fetched", async () => {
    const gate = new Gate<readonly (Buffer | undefined)[]>();
    await using house = await Ws4redisHouse.start({
      options: { naming: "both" },
      identity: { identify: async () => john },
      bus: () => ({ getBytes: async () => gate.pass() }),
    });
    const socket = await house.open(`/ws/news?${all}`);
    await until(() => gate.waiting === 1, patience);
    socket[Symbol.dispose]();
    await isEmpty(house);
    gate.open([Buffer.from("too late")]);
    expect(house.observed).toEqual(["disconnected client"]);
  });

  test("SEC-06 while its names of 0.2 are subscribed", async () => {
    const gate = new Gate<void>();
    await using house = await Ws4redisHouse.start({
      options: { naming: "legacy" },
      identity: { identify: async () => john },
      bus: (bus) => ({
        async subscribe(filter, onMessage) {
          if (filter.kind === "exact") await gate.pass();
          return bus.subscribe(filter, onMessage);
        },
      }),
    });
    const socket = await house.open("/ws/news?subscribe-user");
    await until(() => gate.waiting === 1, patience);
    socket[Symbol.dispose]();
    await until(() => house.connected === 0 && house.admitted === 0, patience);
    expect(house.listening).toEqual(["john:news"]);
    gate.open();
    await isEmpty(house);
  });

  test("SEC-06 while it is found out who it is", async () => {
    const gate = new Gate<IdentityResult>();
    await using house = await Ws4redisHouse.start({ identity: { identify: async () => gate.pass() } });
    const connection = await house.knock("/ws/news?subscribe-user");
    await until(() => gate.waiting === 1, patience);
    expect(house.admitted).toBe(1);
    connection[Symbol.dispose]();
    // The engine has to see the end before the answer comes; if it did not, the client opens and ends.
    gate.open(john);
    await isEmpty(house);
  });

  test.each<[string, () => Promise<IdentityResult>, number]>([
    ["denied", async () => ({ kind: "denied", reason: "callback_denied" }), 403],
    ["unavailable", async () => ({ kind: "unavailable", reason: "session_unavailable" }), 503],
    [
      "a fault of ours",
      async () => {
        throw new TypeError("s3cret");
      },
      500,
    ],
  ])("W4R-10 SEC-02 SEC-05 who is refused: %s", async (_, identify, status) => {
    await using house = await Ws4redisHouse.start({ identity: { identify } });
    const answer = await RawWebSocket.tryOpen(house.url, "/ws/news?subscribe-user");
    if (answer instanceof RawWebSocket) throw new Error("Expected a refusal");
    expect(answer.status).toBe(status);
    expect(answer.headers.get("content-type")).toBe("text/plain; charset=utf-8");
    expect(answer.text).not.toContain("s3cret");
    if (status === 503) expect(answer.headers.get("retry-after")).toBe("1");
    await isEmpty(house);
  });

  test("SEC-06 W4R-10 who is refused for its handshake after it is known", async () => {
    await using house = await Ws4redisHouse.start();
    const answer = await RawWebSocket.tryOpen(house.url, "/ws/news", { "Sec-WebSocket-Version": "6" });
    expect(answer).toMatchObject({ status: 400 });
    await isEmpty(house);
  });
});

test("T12 SEC-06 where there is no place, nobody is asked who it is", async () => {
  let asked = 0;
  await using house = await Ws4redisHouse.start({
    limits: { connections: 1 },
    identity: {
      async identify() {
        asked++;
        return anonymous;
      },
    },
  });
  using first = await house.open("/ws/news");
  const answer = await RawWebSocket.tryOpen(house.url, "/ws/news");
  expect(answer).toMatchObject({ status: 503, text: "Expected fewer connections\n" });
  expect(asked).toBe(1);
  first[Symbol.dispose]();
  await isEmpty(house);
});

describe("who asks", () => {
  async function askedWith(path: string, headers: Readonly<Record<string, string>> = {}) {
    const all: IdentityRequest[] = [];
    await using house = await Ws4redisHouse.start({
      options: { allowedChannels: { "news*": "subscribe-user publish-user", "*": "" } },
      identity: {
        async identify(_request, asked) {
          all.push(asked);
          return anonymous;
        },
      },
    });
    const answer = await RawWebSocket.tryOpen(house.url, path, headers);
    if (!(answer instanceof RawWebSocket)) return { asked: all, status: answer.status };
    answer[Symbol.dispose]();
    return { asked: all, status: 101 };
  }

  test("DJS-10 W4R-13 is told of the facility, of the channels that the rules left, and of the request", async () => {
    const { asked } = await askedWith("/ws/news%2F1?Subscribe-User=0&subscribe-group&echo&t=%41");
    expect(asked).toEqual([
      {
        facility: "news/1",
        channels: ["subscribe-user"],
        path: "/ws/news%2F1",
        query: "Subscribe-User=0&subscribe-group&echo&t=%41",
        origin: undefined,
        remote: "127.0.0.1",
      },
    ]);
  });

  test("W4R-13 is not even asked where the rules allow nothing", async () => {
    expect(await askedWith("/ws/other?subscribe-user")).toEqual({ asked: [], status: 403 });
  });

  test("W4R-16 is not asked for a page of another site", async () => {
    const headers = { Cookie: "sessionid=x", Origin: "http://evil.example" };
    expect(await askedWith("/ws/news?subscribe-user", headers)).toEqual({ asked: [], status: 403 });
  });
});

describe("W4R-16 what browsers send unasked", () => {
  const foreign = { Origin: "http://evil.example" };
  const cases: readonly (readonly [string, Readonly<Record<string, string>>, number])[] = [
    ["a cookie", { ...foreign, Cookie: "x=y" }, 403],
    ["a cookie and an Origin that is none", { Origin: "null", Cookie: "x=y" }, 403],
    ["a cookie and an empty Origin", { Origin: "", Cookie: "x=y" }, 403],
    ["a password that it keeps", { ...foreign, Authorization: "Basic am9objpz" }, 403],
    ["a ticket of its domain", { ...foreign, Authorization: "Negotiate abc" }, 403],
    ["a token, which no browser adds", { ...foreign, Authorization: "Bearer abc" }, 101],
    ["nothing", foreign, 101],
    ["a cookie, and no page", { Cookie: "x=y" }, 101],
    [
      "a cookie, with the Origin's name of version 8",
      { "Sec-WebSocket-Origin": "http://evil.example", "Sec-WebSocket-Version": "8", Cookie: "x=y" },
      403,
    ],
    [
      "no cookie, in version 8",
      { "Sec-WebSocket-Origin": "http://evil.example", "Sec-WebSocket-Version": "8" },
      101,
    ],
  ];
  test.each(cases)("W4R-16 SEC-08 %s", async (_, headers, status) => {
    await using house = await Ws4redisHouse.start();
    using answer = wrap(await RawWebSocket.tryOpen(house.url, "/ws/news", headers));
    expect(answer.status).toBe(status);
  });

  test("W4R-16 where nobody looks at cookies, any page may come", async () => {
    await using house = await Ws4redisHouse.start({ identity: { readsCookies: false } });
    using answer = wrap(await RawWebSocket.tryOpen(house.url, "/ws/news", { ...foreign, Cookie: "x=y" }));
    expect(answer.status).toBe(101);
  });
});

function wrap(
  answer: Awaited<ReturnType<typeof RawWebSocket.tryOpen>>,
): Disposable & { readonly status: number } {
  if (!(answer instanceof RawWebSocket)) return { status: answer.status, [Symbol.dispose]: () => undefined };
  return {
    status: 101,
    [Symbol.dispose]() {
      answer[Symbol.dispose]();
    },
  };
}

describe("on a clock of the test's own", () => {
  const heartbeat = "--hb--";

  /** One client, and what it hears until the mark that goes out behind each step. */
  async function clocked(
    options: NonNullable<Parameters<typeof Ws4redisHouse.start>[0]>["options"],
    identity: Identity = anonymous,
  ) {
    const clock = { now: 1_000 };
    const house = await Ws4redisHouse.start({
      options: { publish: ["*"], ...options },
      identity: { identify: async () => identity },
      now: () => clock.now,
    });
    const socket = await house.open("/ws/news?subscribe-broadcast&publish-broadcast");
    await until(() => house.connected === 1, patience);
    let marks = 0;
    const after = async (step: () => void) => {
      step();
      const mark = `mark ${++marks}`;
      await house.bus.publish("broadcast:news", mark);
      return heardUntil(socket, mark, patience);
    };
    const tickTo = (now: number): void => {
      while (clock.now < now) {
        clock.now = Math.min(now, clock.now + 250);
        house.tick();
      }
    };
    return { house, socket, after, tickTo, clock };
  }

  test("W4R-09 after at most 4 s of nothing the text goes out, again and again", async () => {
    const { house, after, tickTo } = await clocked({ heartbeat });
    await using _house = house;
    expect(await after(() => tickTo(1_000 + 3_000))).toEqual([]);
    expect(await after(() => tickTo(1_000 + 4_000))).toEqual([heartbeat]);
    expect(await after(() => tickTo(1_000 + 16_000))).toEqual([heartbeat, heartbeat, heartbeat]);
  });

  test("W4R-09 without one configured there is none, and a text like it is a message", async () => {
    const { house, socket, after, tickTo } = await clocked({ echo: "always" });
    await using _house = house;
    expect(await after(() => tickTo(60_000))).toEqual([]);
    socket.send(heartbeat);
    expect(await socket.waitForMessage(patience)).toBe(heartbeat);
  });

  test("W4R-09 pings go out every 30 s, whatever else is said; who answers none is dropped after 75 s", async () => {
    const { house, socket, tickTo, clock } = await clocked({ heartbeat });
    await using _house = house;
    const pings = async (): Promise<number> => {
      let seen = 0;
      socket.sendFrame(9, `sync ${clock.now}`);
      for (;;) {
        const frame = await nextFrame(socket);
        if (frame.opcode === 9) seen++;
        if (frame.opcode === 10 && frame.text === `sync ${clock.now}`) return seen;
      }
    };
    tickTo(1_000 + 29_000);
    expect(await pings()).toBe(0);
    tickTo(1_000 + 31_000);
    expect(await pings()).toBe(1);
    tickTo(1_000 + 61_000);
    expect(await pings()).toBe(1);
    tickTo(1_000 + 76_000);
    expect((await socket.waitForClose(patience)).code).toBe(1006);
    await isEmpty(house);
    expect(house.observed).toEqual(["disconnected ping_timeout"]);
  });

  test("T18 DJS-11 when the identity ends, the connection does: 1008", async () => {
    const expiresAtMs = Date.now() + 60_000;
    const { house, socket, after } = await clocked({}, { ...john, expiresAtMs });
    await using _house = house;
    const tickAt = (nowMs: number): void => {
      house.hub.visitors.tick(nowMs, () => false);
    };
    expect(
      await after(() => {
        tickAt(expiresAtMs - 1);
      }),
    ).toEqual([]);
    expect(house.connected).toBe(1);
    tickAt(expiresAtMs);
    expect(await socket.waitForClose(patience)).toEqual({ code: 1008, reason: "Identity expired" });
    await isEmpty(house);
  });
});

async function nextFrame(socket: RawWebSocket): Promise<{ readonly opcode: number; readonly text: string }> {
  return socket.connection.read((received) => {
    const length = received.length < 2 ? 0 : received.readUInt8(1);
    if (received.length < 2 + length || length > 125 || received.length < 2) return undefined;
    const text = received.subarray(2, 2 + length).toString();
    return { result: { opcode: received.readUInt8(0) & 0x0f, text }, length: 2 + length };
  }, patience);
}

describe("rooms of somebody", () => {
  test("SEC-10 WSE-07 T15 the id of a client is no facility for broadcasts, known here or not", async () => {
    await using house = await Ws4redisHouse.start({ options: { publish: ["*"] } });
    const agent = { disconnect: () => undefined, request: () => undefined };
    const format = createRawFormat("other");
    const known = { id: "known-here", namespace: "/", format, carrier: new FakeSocket(), agent };
    house.hub.enter(new Connection(known));
    for (const facility of [known.id, createClientId()]) {
      for (const token of ["subscribe-broadcast", "publish-broadcast"])
        expect(await RawWebSocket.tryOpen(house.url, `/ws/${facility}?${token}`)).toMatchObject({
          status: 403,
        });
      using own = await house.open(`/ws/${facility}?subscribe-user`);
      own.send("x");
    }
  });

  test("SEC-10 T16 a room-space opens to whom it is named for; every refusal has the same words", async () => {
    const status = async (identity: Identity, facility: string, token = "subscribe-broadcast") => {
      await using house = await Ws4redisHouse.start({ identity: { identify: async () => identity } });
      const answer = await RawWebSocket.tryOpen(house.url, `/ws/${facility}?${token}`);
      if (answer instanceof RawWebSocket) {
        answer[Symbol.dispose]();
        return 101;
      }
      expect(answer.text).toBe("Expected a facility and channels that you may have\n");
      return answer.status;
    };
    expect(await status(john, "user:john::orders")).toBe(101);
    expect(await status(john, "group:staff::orders")).toBe(101);
    expect(await status(john, `session:${key}::orders`)).toBe(101);
    expect(await status({ ...john, user: "mary" }, "user:john::orders")).toBe(403);
    expect(await status(anonymous, "user:john::orders")).toBe(403);
    expect(await status(john, "group:admins::orders")).toBe(403);
    expect(await status(john, "shop::orders")).toBe(403);
    expect(await status(john, "ws4redis::")).toBe(403);
    expect(await status(john, "user%3Amary%3a%3Aorders")).toBe(403);
    // The room is the one of broadcasts; another audience has its own.
    expect(await status(anonymous, "user:john::orders", "subscribe-user")).toBe(101);
  });

  test("SEC-16 the empty facility is a room of its own", async () => {
    await using house = await Ws4redisHouse.start();
    using socket = await house.open("/ws/?subscribe-broadcast");
    await until(() => house.hub.roomCount === 1, patience);
    await house.bus.publish("broadcast:", "to the empty one");
    expect(await socket.waitForMessage(patience)).toBe("to the empty one");
  });
});
