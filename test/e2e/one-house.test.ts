// Several dialects in one gateway, on one port: the same room is heard by all, whichever backend door a message came in
// by, and what browsers say in one dialect stays there (design: rooms and who may enter).

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { emit } from "../support/emit.ts";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway } from "../support/gateway.ts";
import { Page } from "../support/page.ts";
import { RawWebSocket } from "../support/raw.ts";
import { connectRedis, startRedis } from "../support/redis.ts";
import type { RedisClient, RedisServer } from "../support/redis.ts";
import { logIn, usernameField } from "../support/ws4redis.ts";

let redis: RedisServer;
let backend: RedisClient;
let gateway: TestGateway;

beforeAll(async () => {
  redis = await startRedis();
  backend = await connectRedis(redis.url);
  gateway = await startGateway({
    redis: redis.url,
    secret: "publish-secret-of-this-test",
    listeners: [{ address: "127.0.0.1:0", dialects: ["socketio", "ws-hub", "websocket-channels"] }],
    openRooms: ["open/*"],
  });
});

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await backend.close();
  await redis.stop();
});

const channel = async (name: string): Promise<RawWebSocket> => RawWebSocket.open(gateway.url, `/ws/${name}`);

async function say(room: string, data: unknown): Promise<void> {
  await emit(gateway.url, { event: "update", room, data, secret: "publish-secret-of-this-test" });
}

test("RTE-01 RTE-02 a room is heard by Socket.IO pages and channels clients alike, whichever door a message came in by", async () => {
  using page = await Page.connect(gateway.url);
  await page.join("news");
  using client = await channel("news");
  await say("news", { n: 1 });
  await backend.publish(
    "flask-socketio",
    '{"method":"emit","event":"update","data":{"n":2},"namespace":"/","room":"news"}',
  );
  expect([await page.next(), await page.next()]).toEqual([
    ["update", { n: 1 }],
    ["update", { n: 2 }],
  ]);
  expect(await client.waitForMessage()).toBe('{"event":"update","data":{"n":1}}');
  expect(await client.waitForMessage()).toBe('{"event":"update","data":{"n":2}}');
});

test("SEC-16 what is said on a channel stays among channels, unless the room is open to it", async () => {
  using page = await Page.connect(gateway.url);
  await page.join("chat", "open/chat");
  using closed = await channel("chat");
  using open = await channel("open/chat");
  closed.send("among us");
  open.send("to all");
  expect(await closed.waitForMessage()).toBe("among us");
  expect(await open.waitForMessage()).toBe("to all");
  expect(await page.next()).toEqual(["message", "to all"]);
});

test("SEC-10 RTE-03 a room with a room-space is refused at the handshake to who cannot show its secret", async () => {
  const answer = await RawWebSocket.tryOpen(gateway.url, "/ws/shop::orders");
  expect(answer).toMatchObject({ status: 403 });
});

test("RTE-02 HUB-05 HUB-08 WS-HUB's clients come to exactly /ws and hear their groups, by every door", async () => {
  const listener = backend.duplicate();
  await listener.connect();
  const announced = Promise.withResolvers<string>();
  await listener.subscribe("ws-hub:client-new", announced.resolve);
  using client = await RawWebSocket.open(gateway.url, "/ws?session_key=k1");
  expect(await announced.promise).toBe("k1");
  await listener.close();
  await backend.publish("ws-hub:groups-new:k1", "staff");
  await backend.publish("ws-hub:group-data:staff", "hello");
  expect(await client.waitForMessage()).toBe("hello");
  await say("ws-hub::staff", 1);
  expect(await client.waitForMessage()).toBe('{"event":"update","data":1}');
});

describe("all of them on one port", () => {
  const key = "0123456789abcdef0123456789abcdef";
  let house: TestGateway;

  const startHouse = async (): Promise<TestGateway> =>
    startGateway({
      redis: redis.url,
      secret: "publish-secret-of-this-test",
      listeners: [
        { address: "127.0.0.1:0", dialects: ["socketio", "ws-hub", "ws4redis", "websocket-channels"] },
      ],
      openRooms: ["open/*"],
      identity: { sessionEngine: "cache", username: usernameField },
      ws4redis: { publish: ["chat", "open/*", "user:john::*"] },
    });

  beforeAll(async () => {
    house = await startHouse();
  });

  afterAll(async () => {
    await house[Symbol.asyncDispose]();
  });

  const facility = async (name: string, query: string, headers = {}): Promise<RawWebSocket> =>
    RawWebSocket.open(house.url, `/ws/${name}?${query}`, headers);

  /** By each backend door in turn; each says its own name. */
  const doors: readonly (readonly [name: string, say: (room: string) => Promise<unknown>])[] = [
    ["queue", async (room) => backend.publish("flask-socketio", queued(room, "queue"))],
    ["facility", async (room) => backend.publish(`broadcast:${room}`, "facility")],
    ["channel", async (room) => backend.publish(`websocket:${room}`, "channel")],
    ["emit", async (room) => post("/emit", { event: "update", room, data: "emit", secret: publishSecret })],
    ["publish", async (room) => post("/publish", { [room]: "publish" })],
  ];
  const publishSecret = "publish-secret-of-this-test";

  function queued(room: string, data: string): string {
    return JSON.stringify({ method: "emit", event: "update", data, namespace: "/", room });
  }

  async function post(path: string, body: unknown): Promise<void> {
    const headers = { authorization: `Bearer ${publishSecret}` };
    const answer = await fetch(house.url + path, { method: "POST", headers, body: JSON.stringify(body) });
    expect(answer.status).toBe(200);
  }

  /** What each of them hears of all doors, one after the other. */
  async function heardIn(room: string, isOpen: boolean) {
    using page = await Page.connect(house.url);
    await page.join(room);
    using visitor = await facility(room, "subscribe-broadcast");
    using client = await RawWebSocket.open(house.url, `/ws/${room}`);
    const heard: Record<string, unknown[]> = { page: [], facility: [], channel: [] };
    for (const [name, say] of doors) {
      const isChannels = name === "channel";
      await say(room);
      heard["channel"]?.push(await client.waitForMessage());
      if (isChannels && !isOpen) continue;
      heard["facility"]?.push(await visitor.waitForMessage());
      heard["page"]?.push(await page.next());
    }
    // Nothing else came.
    await backend.publish("flask-socketio", queued(room, "end"));
    expect(await page.next()).toEqual(["update", "end"]);
    for (const socket of [visitor, client]) expect(await socket.waitForMessage()).toBe(asEvent("end"));
    return heard;
  }

  const asEvent = (data: string): string => JSON.stringify({ event: "update", data });

  test("SEC-16 RTE-03 W4R-03 an open room is heard by all three, whichever door a message came in by, each in its own form", async () => {
    const events = new Set(["queue", "emit"]);
    const plain = doors.map(([name]) => (events.has(name) ? asEvent(name) : name));
    expect(await heardIn("open/news", true)).toEqual({
      page: doors.map(([name]) => [events.has(name) ? "update" : "message", name]),
      facility: plain,
      channel: plain,
    });
  });

  test("SEC-16 RTE-03 W4R-03 in any other, what came by a channel of Redis stays among channels", async () => {
    expect(await heardIn("news", false)).toEqual({
      page: [
        ["update", "queue"],
        ["message", "facility"],
        ["update", "emit"],
        ["message", "publish"],
      ],
      facility: [asEvent("queue"), "facility", asEvent("emit"), "publish"],
      channel: [asEvent("queue"), "facility", "channel", asEvent("emit"), "publish"],
    });
  });

  test("SEC-16 WSC-06 what is posted to one gateway comes once to the clients of another, in every dialect and room", async () => {
    await using other = await startHouse();
    for (const room of ["open/two", "two"]) {
      using page = await Page.connect(other.url);
      await page.join(room);
      using visitor = await RawWebSocket.open(other.url, `/ws/${room}?subscribe-broadcast`);
      using client = await RawWebSocket.open(other.url, `/ws/${room}`);
      await post("/publish", { [room]: "once" });
      await backend.publish("flask-socketio", queued(room, "end"));
      expect([await page.next(), await page.next()]).toEqual([
        ["message", "once"],
        ["update", "end"],
      ]);
      for (const socket of [visitor, client])
        expect(await socket.waitForMessages(2)).toEqual(["once", asEvent("end")]);
    }
  });

  test("SEC-16 W4R-17 what a browser says at a facility stays in ws4redis, unless the room is open", async () => {
    using page = await Page.connect(house.url);
    await page.join("chat", "open/chat");
    for (const [room, isOpen] of [
      ["chat", false],
      ["open/chat", true],
    ] as const) {
      using client = await RawWebSocket.open(house.url, `/ws/${room}`);
      using visitor = await facility(room, "subscribe-broadcast&publish-broadcast&echo");
      visitor.send("said");
      expect(await visitor.waitForMessage()).toBe("said");
      if (isOpen) {
        expect(await client.waitForMessage()).toBe("said");
        expect(await page.next()).toEqual(["message", "said"]);
      }
      await backend.publish("flask-socketio", queued(room, "end"));
      expect(await client.waitForMessage()).toBe(asEvent("end"));
      expect(await page.next()).toEqual(["update", "end"]);
      await backend.del(`broadcast:${room}`);
    }
  });

  test("SEC-16 W4R-08 last words are nobody's room: a page cannot join it, nor hide what others say", async () => {
    using visitor = await facility("chat", "subscribe-broadcast&publish-broadcast");
    visitor.send("mine");
    using page = await Page.connect(house.url);
    await page.join("chat");
    // Another door has no last words: it is heard.
    await backend.publish("flask-socketio", queued("chat", "mine"));
    expect(await visitor.waitForMessage()).toBe(asEvent("mine"));
    expect(await page.next()).toEqual(["update", "mine"]);
    await backend.del("broadcast:chat");
  });

  test("SEC-07 SEC-10 W4R-03 T15 a user's room opens to that user alone, by whichever way in", async () => {
    const set = async (name: string, value: string): Promise<unknown> => backend.set(name, value);
    const john = await logIn(set, { key, user: "john", groups: ["staff"] });
    const mary = await logIn(set, { key: key.toUpperCase(), user: "mary" });
    const orders = "user:john::orders";
    const isRefused = async (path: string, headers = {}): Promise<boolean> => {
      const answer = await RawWebSocket.tryOpen(house.url, path, headers);
      if (answer instanceof RawWebSocket) answer[Symbol.dispose]();
      return !(answer instanceof RawWebSocket) && answer.status === 403;
    };
    const asFacility = `/ws/${orders}?subscribe-broadcast`;
    expect(await isRefused(asFacility)).toBe(true);
    expect(await isRefused(asFacility, mary)).toBe(true);
    expect(await isRefused(asFacility.replace("subscribe", "publish"), mary)).toBe(true);
    expect(await isRefused(`/ws/${orders}`)).toBe(true); // a channel
    expect(await isRefused("/ws/group:staff::x?subscribe-broadcast", mary)).toBe(true);
    expect(await isRefused("/ws/ws-hub::staff?subscribe-broadcast", john)).toBe(true);
    using page = await Page.connect(house.url);
    using johns = await Page.connect(house.url, { extraHeaders: john });
    // Without a secret: in vain, and silently (WSE-03). No cookie speaks in Socket.IO.
    await page.join(orders);
    await johns.join(orders);
    using byFacility = await facility(orders, "subscribe-broadcast", john);
    using byAudience = await facility("orders", "subscribe-user", john);
    using marys = await facility("orders", "subscribe-user", mary);
    const texts = ["as ws4redis", asEvent("as Socket.IO")];
    await backend.publish("user:john:orders", "as ws4redis");
    await backend.publish("flask-socketio", queued(orders, "as Socket.IO"));
    expect(await byAudience.waitForMessages(2)).toEqual(texts);
    expect(await byFacility.waitForMessages(2)).toEqual(texts);
    await backend.publish("user:mary:orders", "end");
    expect(await marys.waitForMessage()).toBe("end");
    await backend.publish(
      "flask-socketio",
      JSON.stringify({ method: "emit", event: "end", data: 1, namespace: "/" }),
    );
    expect(await page.next()).toEqual(["end", 1]);
    expect(await johns.next()).toEqual(["end", 1]);
  });

  test("SEC-16 WSC-03 the empty facility and the root channel are two, and trees are neither", async () => {
    using empty = await facility("", "subscribe-broadcast");
    using root = await RawWebSocket.open(house.url, "/ws/");
    await backend.publish("broadcast:", "to the empty facility");
    await backend.publish("websocket:/", "to every channel");
    expect(await empty.waitForMessage()).toBe("to the empty facility");
    expect(await root.waitForMessage()).toBe("to every channel");
    await backend.publish("broadcast:", "end");
    expect(await empty.waitForMessage()).toBe("end");
  });
});

test("SEC-16 I1 without a Redis, what a backend posts to a channel is heard by other dialects, and by their clients that come back", async () => {
  const secret = "publish-secret-of-this-test";
  await using house = await startGateway({
    redis: "memory:",
    secret,
    listeners: [{ address: "127.0.0.1:0", dialects: ["websocket-channels", "native"] }],
    rooms: [{ match: "logged", history: { size: 10, seconds: 60 } }],
  });
  const publish = async (map: Readonly<Record<string, string>>): Promise<void> => {
    const headers = { authorization: `Bearer ${secret}` };
    const answer = await fetch(`${house.url}/publish`, {
      method: "POST",
      headers,
      body: JSON.stringify(map),
    });
    expect(await answer.text()).toBe("OK");
  };
  type Said = Readonly<Record<string, unknown>>;
  const next = async (socket: RawWebSocket): Promise<Said> =>
    JSON.parse(String(await socket.waitForMessage())) as Said;
  const join = async (socket: RawWebSocket, room: string, at?: unknown): Promise<Said> => {
    socket.send(JSON.stringify({ type: "join", id: 1, room, at }));
    return next(socket);
  };
  for (const room of ["taped", "logged"]) {
    using client = await RawWebSocket.open(house.url, `/ws/${room}`);
    let at: unknown;
    {
      using first = await RawWebSocket.open(house.url, "/connect");
      expect((await join(first, room))["at"]).toBeString();
      await publish({ [room]: "one", "elsewhere/": "a tree" });
      const heard = await next(first);
      expect(heard).toMatchObject({ room, data: "one" });
      at = heard["at"];
    }
    await publish({ [room]: "two" });
    using again = await RawWebSocket.open(house.url, "/connect");
    expect(await join(again, room, at)).toMatchObject({ room, recovered: true });
    expect(await next(again)).toMatchObject({ room, data: "two" });
    await publish({ [room]: "three" });
    expect(await next(again)).toMatchObject({ room, data: "three" });
    for (const text of ["one", "two", "three"]) expect(await client.waitForMessage()).toBe(text);
  }
});
