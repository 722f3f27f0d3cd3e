// Rights that are taken back (docs/auth.md): by `POST /api/revoke` those that lost theirs are out within seconds on two gateways
// of one Redis, in every dialect, and get nothing afterwards: not live, not from what is kept, not when they come back.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { io } from "socket.io-client";
import type { Socket } from "socket.io-client";
import { EventStreamClient } from "../support/event-stream.ts";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway } from "../support/gateway.ts";
import { RawWebSocket } from "../support/raw.ts";
import { connectRedis, startRedis } from "../support/redis.ts";
import type { RedisClient, RedisServer } from "../support/redis.ts";
import { auth, nowSeconds, signToken } from "../support/tokens.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(60_000);

const secret = "publish-secret-of-the-test";
let redis: RedisServer;
let keys: RedisClient;
let gateways: TestGateway[] = [];

async function start(): Promise<TestGateway> {
  return startGateway({
    redis: redis.url,
    listeners: [
      { address: "127.0.0.1:0", dialects: ["native", "socketio", "websocket-channels", "ws4redis"] },
    ],
    ws4redis: { path: "/facility/", publish: [] },
    "websocket-channels": { path: "/ws/" },
    socketio: { joinAnswers: true, recovery: true },
    rooms: [{ match: "kept::*", history: { size: 100, seconds: 300 } }],
    auth,
    secret,
  });
}

beforeAll(async () => {
  redis = await startRedis();
  keys = await connectRedis(redis.url);
  gateways = [await start(), await start()];
});

afterAll(async () => {
  for (const gateway of gateways) await gateway[Symbol.asyncDispose]();
  keys.destroy();
  await redis.stop();
});

const urlOf = (index: number): string => gateways[index]?.url ?? "";

async function post(path: string, body: unknown, index = 0): Promise<Response> {
  return fetch(`${urlOf(index)}${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${secret}` },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
}

interface Revoked {
  readonly ended: number;
  readonly answered: readonly string[];
  readonly silent: readonly string[];
}

async function revoke(order: object, index = 0): Promise<Revoked> {
  const answer = await post("/api/revoke", order, index);
  expect(answer.status).toBe(200);
  return (await answer.json()) as Revoked;
}

async function publish(room: string, data: unknown): Promise<void> {
  expect((await post("/api/publish", { room, data })).status).toBe(200);
}

/** A client of some dialect, and what it heard of the data of publications. */
interface Seen extends Disposable {
  readonly name: string;
  readonly heard: string[];
  isOut(): boolean;
}

function ofSocket(name: string, socket: RawWebSocket): Seen {
  const heard: string[] = [];
  let isOut = false;
  void (async () => {
    for (;;) heard.push(String(await socket.waitForMessage(60_000)));
  })().catch(() => {
    isOut = true;
  });
  return { name, heard, isOut: () => isOut, [Symbol.dispose]: () => socket[Symbol.dispose]() };
}

function ofStream(stream: EventStreamClient): Seen {
  const heard: string[] = [];
  let isOut = false;
  void (async () => {
    for (;;) heard.push((await stream.next()).data);
  })().catch(() => {
    isOut = true;
  });
  return { name: "stream", heard, isOut: () => isOut, [Symbol.dispose]: () => stream[Symbol.dispose]() };
}

async function ofPage(transport: string, url: string, token: string, room: string): Promise<Seen> {
  const socket = io(url, { auth: { token }, transports: [transport], forceNew: true });
  const heard: string[] = [];
  let isOut = false;
  socket.on("disconnect", () => (isOut = true));
  socket.on("message", (data: unknown) => heard.push(JSON.stringify(data)));
  expect(await socket.timeout(5_000).emitWithAck("join", { room })).toEqual({ ok: true });
  return { name: transport, heard, isOut: () => isOut, [Symbol.dispose]: () => void socket.disconnect() };
}

/** One client in the room by each way that there is. */
async function everywhere(index: number, token: string, room: string): Promise<Seen[]> {
  const url = urlOf(index);
  const headers = { Authorization: `Bearer ${token}` };
  const opened = [
    RawWebSocket.open(url, `/connect?room=${room}`, headers).then((one) => ofSocket("native", one)),
    RawWebSocket.open(url, `/ws/${room}`, headers).then((one) => ofSocket("channels", one)),
    RawWebSocket.open(url, `/facility/${room}?subscribe-broadcast`, headers).then((one) =>
      ofSocket("ws4redis", one),
    ),
    EventStreamClient.open(`${url}/connect?room=${room}`, { authorization: `Bearer ${token}` }).then(
      ofStream,
    ),
    ofPage("polling", url, token, room),
    ofPage("websocket", url, token, room),
  ];
  return Promise.all(opened);
}

const marks = ({ heard }: Seen, mark: string): number => heard.filter((text) => text.includes(mark)).length;

/** What a handshake or a join of each dialect makes of a token now. */
async function verdicts(index: number, token: string): Promise<readonly string[]> {
  const url = urlOf(index);
  const headers = { Authorization: `Bearer ${token}` };
  const protocols = ["belfry", `bearer.${token}`];
  const native = new WebSocket(`${url.replace("http", "ws")}/connect?room=news`, protocols);
  const first = await new Promise<string>((resolve) => {
    native.addEventListener("message", () => {
      resolve("in");
    });
    native.addEventListener("close", ({ code }) => {
      resolve(String(code));
    });
  });
  native.close();
  const status = async (path: string): Promise<string> => {
    const answer = await RawWebSocket.tryOpen(url, path, headers);
    if (!(answer instanceof RawWebSocket)) return `${path} ${answer.status}`;
    answer[Symbol.dispose]();
    return `${path} 101`;
  };
  const stream = await fetch(`${url}/connect?room=news`, {
    headers: { ...headers, accept: "text/event-stream" },
  });
  await stream.body?.cancel();
  const socket = io(url, { auth: { token }, forceNew: true, reconnection: false });
  const page = await new Promise<string>((resolve) => {
    socket.once("connect", () => {
      resolve("in");
    });
    socket.once("connect_error", (error) => {
      resolve(JSON.stringify((error as Error & { data?: unknown }).data));
    });
  });
  socket.disconnect();
  return [
    `native ${first}`,
    await status("/ws/news"),
    await status("/facility/news?subscribe-broadcast"),
    `stream ${stream.status}`,
    `page ${page}`,
  ];
}

const refused = [
  "native 4501",
  "/ws/news 401",
  "/facility/news?subscribe-broadcast 403",
  "stream 401",
  'page {"code":"token_invalid","retry":false}',
];
const admitted = [
  "native in",
  "/ws/news 101",
  "/facility/news?subscribe-broadcast 101",
  "stream 200",
  "page in",
];

describe.each(["user", "token"] as const)("by %s", (way) => {
  test("T28 its clients of all dialects are out on both gateways within 5 s and hear nothing more; others stay", async () => {
    const room = `chat::${way}`;
    const claims = { rooms: ["chat::*"], iat: nowSeconds() };
    const john = await signToken({ ...claims, sub: `john-${way}`, jti: `id-${way}` });
    const jane = await signToken({ ...claims, sub: `jane-${way}`, jti: `other-${way}` });
    const johns = (await Promise.all([0, 1].map(async (index) => everywhere(index, john, room)))).flat();
    const janes = (await Promise.all([0, 1].map(async (index) => everywhere(index, jane, room)))).flat();
    await publish(room, "before");
    await until(() => [...johns, ...janes].every((one) => marks(one, "before") === 1), 10_000);

    const began = performance.now();
    const outcome = await revoke(way === "user" ? { user: `john-${way}` } : { token: `id-${way}` }, 1);
    expect(outcome).toMatchObject({ ended: johns.length, silent: [] });
    expect(outcome.answered).toHaveLength(gateways.length);
    await until(
      () => johns.every((one) => one.isOut()),
      5_000,
      () =>
        `out: ${johns
          .filter((one) => !one.isOut())
          .map(({ name }) => name)
          .join()}`,
    );
    expect(performance.now() - began).toBeLessThan(5_000);
    await publish(room, "after");
    await until(() => janes.every((one) => marks(one, "after") === 1), 10_000);
    expect(johns.map((one) => marks(one, "after"))).toEqual(johns.map(() => 0));
    expect(janes.some((one) => one.isOut())).toBe(false);

    for (const index of [0, 1]) expect(await verdicts(index, john)).toEqual(refused);
    expect(await verdicts(1, jane)).toEqual(admitted);
    const fresh = { ...claims, sub: `john-${way}`, iat: nowSeconds() + 2, jti: "fresh" };
    expect(await verdicts(0, await signToken(fresh))).toEqual(admitted);
    for (const one of [...johns, ...janes]) one[Symbol.dispose]();
  });

  test("T28 a gateway that starts later refuses it, too", async () => {
    gateways.push(await start());
    const john = await signToken({ sub: `john-${way}`, jti: `id-${way}`, iat: nowSeconds() - 60 });
    expect(await verdicts(gateways.length - 1, john)).toEqual(refused);
  });
});

test("T28 replay after a revocation delivers nothing, from a log or a tape", async () => {
  const token = await signToken({ sub: "rita", rooms: ["chat::*", "kept::*"], iat: nowSeconds() });
  const headers = { Authorization: `Bearer ${token}` };
  const positions: Record<string, string> = {};
  using socket = await RawWebSocket.open(urlOf(0), "/connect?room=chat::r&room=kept::r", headers);
  for (const message of await socket.waitForMessages(2)) {
    const { room, at } = JSON.parse(String(message)) as { readonly room: string; readonly at: string };
    positions[room] = at;
  }
  expect(Object.keys(positions).sort()).toEqual(["chat::r", "kept::r"]);
  using stream = await EventStreamClient.open(`${urlOf(0)}/connect?room=kept::r`, {
    authorization: headers.Authorization,
  });
  await stream.next();
  await revoke({ user: "rita" });
  await socket.waitForClose();
  await stream.rest();
  for (const room of Object.keys(positions)) await publish(room, "secret-of-the-room");

  const cursor = encodeURIComponent(stream.lastEventId);
  for (const index of [0, 1]) {
    const url = `${urlOf(index)}/connect?room=kept::r&cursor=${cursor}`;
    for (const shown of [headers, {}]) {
      const answer = await fetch(url, { headers: { ...shown, accept: "text/event-stream" } });
      expect([401, 403]).toContain(answer.status);
      expect(await answer.text()).not.toContain("secret-of-the-room");
    }
    // By the first message, and by a join with a position.
    using back = await RawWebSocket.open(urlOf(index), "/connect");
    back.send(JSON.stringify({ id: 1, type: "token", token }));
    expect(String(await back.waitForMessage())).toContain("token_invalid");
    for (const [room, at] of Object.entries(positions)) {
      back.send(JSON.stringify({ id: 2, type: "join", room, at }));
      expect(String(await back.waitForMessage())).toContain("secret_wrong");
      back.send(JSON.stringify({ id: 3, type: "history", room, since: at }));
      expect(String(await back.waitForMessage())).toContain("not_in_room");
    }
  }
});

test("T28 a Socket.IO page whose token was taken back while it was away recovers nothing", async () => {
  const token = await signToken({ sub: "sam", rooms: ["chat::*"], iat: nowSeconds() });
  let shown: Record<string, unknown> = { token };
  const socket: Socket = io(urlOf(0), {
    auth: (answer) => {
      answer(shown);
    },
    forceNew: true,
    reconnectionDelay: 300,
    reconnectionDelayMax: 400,
  });
  const heard: unknown[] = [];
  socket.on("message", (data: unknown) => heard.push(data));
  expect(await socket.timeout(5_000).emitWithAck("join", { room: "chat::s" })).toEqual({ ok: true });
  await publish("chat::s", "before");
  await until(() => heard.length === 1);
  // It is away, and in no gateway's list when the order comes.
  const refusal = new Promise<unknown>((resolve) => {
    socket.once("connect_error", (error) => {
      resolve((error as Error & { data?: unknown }).data);
    });
  });
  socket.io.engine.close();
  await revoke({ user: "sam" });
  await publish("chat::s", "missed");
  expect(await refusal).toEqual({ code: "token_invalid", retry: false });
  // Nor without the token that it had: its session was of another.
  shown = {};
  const connected = new Promise((resolve) => socket.once("connect", () => resolve(undefined)));
  socket.connect();
  await connected;
  expect(socket.recovered).toBe(false);
  await publish("chat::s", "later");
  expect(await socket.timeout(5_000).emitWithAck("join", { room: "chat::s" })).toMatchObject({ ok: false });
  expect(heard).toEqual(["before"]);
  socket.disconnect();
});

test("T28 a ticket that was made before, and is shown after", async () => {
  const made = (await (await post("/api/tickets", { user: "tina", seconds: 60 })).json()) as {
    readonly ticket: string;
  };
  await revoke({ user: "tina" });
  using socket = await RawWebSocket.open(urlOf(0), `/connect?ticket=${made.ticket}`);
  expect((await socket.waitForClose()).code).toBe(4501);
});

describe("by another secret of a room-space", () => {
  const key = "ws-emit::secret::shop";

  test("T28 SEC-12 clients that showed the earlier one leave its rooms on both gateways; others stay", async () => {
    await keys.set(key, "earlier");
    const room = "shop::orders";
    const seen: Seen[] = [];
    const sockets: RawWebSocket[] = [];
    const pages: Socket[] = [];
    for (const index of [0, 1]) {
      const socket = await RawWebSocket.open(urlOf(index), "/connect?room=time");
      await socket.waitForMessage();
      socket.send(JSON.stringify({ id: 1, type: "join", room, secret: "earlier" }));
      expect(String(await socket.waitForMessage())).toContain('"joined"');
      sockets.push(socket);
      const page = io(urlOf(index), { forceNew: true });
      expect(await page.timeout(5_000).emitWithAck("join", { room, secret: "earlier" })).toEqual({
        ok: true,
      });
      pages.push(page);
      const member = await signToken({ sub: "member", rooms: ["shop::*"] });
      seen.push(...(await everywhere(index, member, room)));
    }
    const heard: unknown[] = [];
    for (const page of pages) page.on("message", (data: unknown) => heard.push(data));
    // Nothing changed yet, so no client leaves.
    expect((await revoke({ space: "shop" })).ended).toBe(0);
    await publish(room, "before");
    for (const socket of sockets) expect(String(await socket.waitForMessage())).toContain("before");
    await until(() => heard.length === 2);

    await keys.set(key, "later");
    await revoke({ space: "shop" });
    for (const socket of sockets) {
      const told = JSON.parse(String(await socket.waitForMessage(5_000))) as object;
      expect(told).toMatchObject({ type: "refused", room, error: { code: "secret_wrong" } });
    }
    await until(async () => (await gatewaysHear(room)) === seen.length, 5_000);
    await publish(room, "after");
    await publish("time", "still here");
    await until(() => seen.every((one) => marks(one, "after") === 1), 5_000);
    for (const socket of sockets) expect(String(await socket.waitForMessage())).toContain("still here");
    expect(heard).toEqual(["before", "before"]);
    // With the earlier secret none comes back, with the later one each does.
    for (const page of pages) {
      const join = async (shown: string) => page.timeout(5_000).emitWithAck("join", { room, secret: shown });
      expect(await join("earlier")).toMatchObject({ ok: false });
      expect(await join("later")).toEqual({ ok: true });
      page.disconnect();
    }
    for (const socket of sockets) socket[Symbol.dispose]();
    for (const one of seen) one[Symbol.dispose]();
  });

  /** Clients in the room, on the two gateways. */
  async function gatewaysHear(room: string): Promise<number> {
    const counts = await Promise.all(
      [0, 1].map(async (index) => {
        const answer = await post("/-/audience", { rooms: [room] }, index);
        return ((await answer.json()) as { readonly clients: number }).clients;
      }),
    );
    return counts.reduce((sum, count) => sum + count, 0);
  }
});

describe("POST /api/revoke", () => {
  test("SEC-11 it asks for the publish secret", async () => {
    const answer = await fetch(`${urlOf(0)}/api/revoke`, { method: "POST", body: '{"user":"john"}' });
    expect(answer.status).toBe(401);
  });

  test.each([
    "",
    "[]",
    "{}",
    { user: "" },
    { user: 1 },
    { user: "a", token: "b" },
    { user: "x".repeat(300) },
    { token: "a", before: 1 },
    { user: "a", before: 1.5 },
    { user: "a", seconds: 0 },
    { user: "a", seconds: 1e9 },
    { user: "a", more: 1 },
  ])("%j is refused, and repeats nothing", async (body) => {
    const answer = await post("/api/revoke", body);
    expect(answer.status).toBe(400);
    const text = await answer.text();
    expect(text).toContain('"body_invalid"');
    expect(text).not.toContain("xxx");
  });

  test("T28 `before` keeps what was issued after it, and what is not refused any more is taken again", async () => {
    const at = nowSeconds();
    const token = async (iat: number) => signToken({ sub: "vera", iat });
    await revoke({ user: "vera", before: at - 100, seconds: 2 });
    expect(await verdicts(0, await token(at - 100))).toEqual(refused);
    expect(await verdicts(0, await token(at - 99))).toEqual(admitted);
    await until(async () => (await verdicts(0, await token(at - 100)))[0] === "native in", 10_000);
  });
});
