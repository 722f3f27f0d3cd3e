// Silence has a reason, and it is said: whatever keeps a message from a page leaves a number in the metrics and a warning
// with the remedy, once a minute, in whole gateways as pages and proxies see them.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { emit } from "../support/emit.ts";
import { until } from "../support/until.ts";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway } from "../support/gateway.ts";
import { Page } from "../support/page.ts";
import { handshakeHeaders, rawRequest } from "../support/raw.ts";
import { connectRedis, startRedis } from "../support/redis.ts";
import type { RedisClient, RedisServer } from "../support/redis.ts";
import { logIn } from "../support/ws4redis.ts";

let redis: RedisServer;
let backend: RedisClient;

beforeAll(async () => {
  redis = await startRedis();
  backend = await connectRedis(redis.url);
});

afterAll(async () => {
  await backend.close();
  await redis.stop();
});

/** The log's lines of one event. */
function lines(gateway: TestGateway, event: string): readonly Record<string, unknown>[] {
  const all = gateway.log.split("\n").filter(Boolean);
  const records = all.map((line) => JSON.parse(line) as Record<string, unknown>);
  return records.filter((record) => record["event"] === event);
}

const engine = "/socket.io/?EIO=4&transport=";
const foreign = { Origin: "https://shop.example:8443" };

describe("a page whose origin is refused", () => {
  const house = {
    "ws-hub": { checkOrigin: true },
    "websocket-channels": { checkOrigin: true },
    identity: { sessionEngine: "cache" as const },
  };
  const rows = [
    ["socketio", `${engine}polling`, "origin_refused", {}],
    ["socketio", `${engine}websocket`, "origin_refused", handshakeHeaders()],
    ["ws-hub", "/ws?session_key=k", "origin", handshakeHeaders()],
    ["ws4redis", "/ws/f?subscribe-broadcast", "origin", { ...handshakeHeaders(), Cookie: "sessionid=x" }],
    ["websocket-channels", "/ws/c", "origin", handshakeHeaders()],
  ] as const;

  test.each([...rows])(
    "EIO-18 W4R-16 %s %s: said once, with the Origin",
    async (dialect, path, reason, headers) => {
      const listeners = [{ address: "127.0.0.1:0", dialects: [dialect] }];
      await using gateway = await startGateway({ listeners, redis: redis.url, ...house });
      for (const page of [foreign, foreign, { Origin: "http://other.example" }]) {
        const { status } = await rawRequest(gateway.url, { path, headers: { ...headers, ...page } });
        expect([400, 403]).toContain(status);
      }
      const said = lines(gateway, "origin_refused");
      expect(said).toEqual([
        expect.objectContaining({ level: "warn", dialect, origin: "https://shop.example:8443" }),
      ]);
      expect(said[0]?.["text"]).toContain("A page of https://shop.example:8443 was refused");
      expect(said[0]?.["text"]).toContain("--cors");
      expect(await gateway.metric("belfry_refused_total", `reason="${reason}"`)).toBe(3);
    },
  );

  test("SEC-04 what is no Origin is not written down", async () => {
    await using gateway = await startGateway();
    const headers = { Origin: "https://user:canary@shop.example/canary" };
    await rawRequest(gateway.url, { path: `${engine}polling`, headers });
    expect(lines(gateway, "origin_refused")).toHaveLength(1);
    expect(gateway.log).not.toContain("canary");
  });
});

describe("a proxy that takes the upgrade away", () => {
  const { Upgrade: _, Connection: __, ...rest } = handshakeHeaders();
  const rows = [
    ["socketio", `${engine}websocket`, {}],
    ["ws-hub", "/ws?session_key=k", rest],
    ["ws4redis", "/ws/f?subscribe-broadcast", rest],
    ["websocket-channels", "/ws/c", rest],
  ] as const;

  test.each([...rows])("EIO-15 RTE-04 %s %s: said once, and counted", async (dialect, path, headers) => {
    const listeners = [{ address: "127.0.0.1:0", dialects: [dialect] }];
    await using gateway = await startGateway({ listeners, identity: { sessionEngine: "none" } });
    for (let times = 0; times < 3; times++) {
      const { status } = await rawRequest(gateway.url, { path, headers: { ...headers } });
      expect([400, 426]).toContain(status);
    }
    expect(lines(gateway, "upgrade_missing")).toEqual([expect.objectContaining({ level: "warn", dialect })]);
    expect(await gateway.metric("belfry_refused_total", 'reason="upgrade_missing"')).toBe(3);
  });

  test("EIO-13 EIO-15 also of an upgrade from polling", async () => {
    await using gateway = await startGateway();
    const opened = await (await fetch(`${gateway.url}${engine}polling`)).text();
    const { sid } = JSON.parse(opened.slice(1)) as { readonly sid: string };
    const { status } = await rawRequest(gateway.url, { path: `${engine}websocket&sid=${sid}` });
    expect(status).toBe(400);
    expect(lines(gateway, "upgrade_missing")).toHaveLength(1);
  });
});

describe("a join that is refused", () => {
  const shop = { roomSecrets: { shop: "open sesame" } };

  test("WSE-03 WSE-08 joinAnswers tells the page why, and without it nothing has changed", async () => {
    await using gateway = await startGateway({
      ...shop,
      socketio: { joinAnswers: true },
      limits: { roomsPerConnection: 2, failedJoinsPerMinute: 2 },
    });
    using other = await Page.connect(gateway.url);
    using page = await Page.connect(gateway.url);
    const join = async (argument: unknown): Promise<unknown> =>
      page.socket.timeout(5_000).emitWithAck("join", argument);
    expect(await join({ room: "time" })).toEqual({ ok: true });
    expect(await join({ room: "shop::a" })).toEqual({ ok: false, reason: "secret" });
    expect(await join({ room: "shop::a", secret: "wrong" })).toEqual({ ok: false, reason: "secret" });
    expect(await join({ room: "unset::a", secret: "wrong" })).toEqual({ ok: false, reason: "secret" });
    expect(await join({ room: "shop::a", secret: "open sesame" })).toEqual({ ok: false, reason: "rate" });
    expect(await join({ room: "x".repeat(257) })).toEqual({ ok: false, reason: "room" });
    expect(await join({ room: other.id })).toEqual({ ok: false, reason: "room" });
    expect(await join({ room: 1 })).toEqual({ ok: false, reason: "room" });
    expect(await join("time")).toEqual({ ok: false, reason: "request" });
    expect(await join({ room: "second" })).toEqual({ ok: true });
    expect(await join({ room: "third" })).toEqual({ ok: false, reason: "too_many" });

    await using silent = await startGateway(shop);
    using quiet = await Page.connect(silent.url);
    const acks = await new Promise((resolve) => {
      quiet.socket.emit("join", { room: "shop::a" }, (...args: unknown[]) => {
        resolve(args);
      });
    });
    expect(acks).toEqual([]);
  });

  test("WSE-03 SEC-13 a warning a minute for each room-space, which --log-names names", async () => {
    await using gateway = await startGateway({ ...shop, log: { names: true } });
    await using discreet = await startGateway(shop);
    for (const { url } of [gateway, discreet]) {
      using page = await Page.connect(url);
      await page.join("shop::a", "shop::b", "lab::a", "lab::a");
    }
    await until(() => lines(gateway, "join_secret_unset").length > 0);
    await until(() => lines(discreet, "join_secret_unset").length > 0);
    const refused = lines(gateway, "join_refused");
    expect(refused.map(({ level, reason, room }) => [level, reason, room])).toEqual([
      ["warn", "join_secret_wrong", "shop::a"],
      ["warn", "join_secret_wrong", "lab::a"],
    ]);
    expect(lines(gateway, "join_secret_unset").map(({ space }) => space)).toEqual(["lab"]);
    expect(lines(discreet, "join_refused")).toHaveLength(2);
    expect(discreet.log).not.toMatch(/shop|lab/);
  });

  test("WSE-05 where no secret exists, that is said of a shown one too, from Redis or without", async () => {
    for (const more of [{}, { redis: redis.url }]) {
      await using gateway = await startGateway(more);
      using page = await Page.connect(gateway.url);
      await page.socket.timeout(5_000).emitWithAck("join", { room: "shop::a", secret: "guess" });
      expect(lines(gateway, "join_secret_unset")).toEqual([expect.objectContaining({ level: "warn" })]);
    }
  });
});

describe("a message that nobody hears", () => {
  test("PSQ-07 WSE-26 is counted, one that is heard is not; --log-names says both", async () => {
    const options = { redis: redis.url, secret: "publish-secret-of-the-test" };
    await using gateway = await startGateway({ ...options, log: { names: true } });
    using page = await Page.connect(gateway.url);
    await page.join("time");
    for (const room of ["tiem", "nowhere", "time"])
      await emit(gateway.url, { event: "update", room, secret: options.secret });
    await page.next();
    expect(await gateway.metric("belfry_messages_unheard_total", 'dialect="socketio"')).toBe(2);
    expect(await gateway.metric("belfry_messages_received_total")).toBe(3);
    expect(lines(gateway, "joined").map(({ room }) => room)).toEqual(["time"]);
    expect(lines(gateway, "message").map(({ name, rooms, heard }) => [name, rooms, heard])).toEqual([
      ["update", "tiem", 0],
      ["update", "nowhere", 0],
      ["update", "time", 1],
    ]);
  });

  test("what comes to Belfry's own doors counts in the same way, and joins of every dialect are named", async () => {
    const secret = "publish-secret-of-the-test";
    const listeners = [{ address: "127.0.0.1:0", dialects: ["native" as const] }];
    await using gateway = await startGateway({ listeners, secret, log: { names: true } });
    const stream = await fetch(`${gateway.url}/connect?room=time`, {
      headers: { accept: "text/event-stream" },
    });
    await until(() => lines(gateway, "joined").length === 1);
    for (const room of ["time", "nowhere"]) {
      const headers = { authorization: `Bearer ${secret}` };
      const answer = await fetch(`${gateway.url}/rooms/${room}`, { method: "POST", headers, body: "hello" });
      expect(answer.status).toBe(200);
    }
    await stream.body?.cancel();
    expect(await gateway.metric("belfry_messages_received_total", 'dialect="broker"')).toBe(2);
    expect(await gateway.metric("belfry_messages_unheard_total", 'dialect="broker"')).toBe(1);
    expect(lines(gateway, "joined")).toEqual([expect.objectContaining({ dialect: "native", room: "time" })]);
    expect(lines(gateway, "message").map(({ rooms, heard }) => [rooms, heard])).toEqual([
      ["time", 1],
      ["nowhere", 0],
    ]);
  });
});

describe("what is not there", () => {
  const secret = "publish-secret-of-the-test";
  const rows = [
    [
      "socketio",
      "GET",
      "/",
      /^Not found\. This listener speaks socketio; .* \/-\/health\/ready, metrics at \/-\/metrics\n$/,
    ],
    ["socketio", "POST", "/emit", /^Not found\. POST \/emit is off, .* --secret-file or BELFRY_SECRET_FILE/],
    [
      "socketio",
      "GET",
      "/api/rooms",
      /^Not found\. The HTTP API is off, .* --secret-file or BELFRY_SECRET_FILE/,
    ],
    ["ws-hub", "GET", "/status", /^Not found\. The status pages .* ws-hub\.adminToken/],
    ["ws-hub", "GET", "/socket.io/", /^Not found\. This listener speaks ws-hub\n$/],
    ["socketio", "GET", "/ws/news", /^Not found\. This listener speaks socketio\n$/],
    [
      "websocket-channels",
      "POST",
      "/users/1",
      /^Not found\. Channels are published to by POST \/publish; .* POST \/<channel> back\n$/,
    ],
    ["socketio", "GET", "/nowhere", /^Not found\n$/],
    ["socketio", "GET", "/status", /^Not found\n$/],
  ] as const;

  test.each([...rows])(
    "WSE-20 HUB-18 SEC-05 %s: %s %s is a sentence",
    async (dialect, method, path, sentence) => {
      await using gateway = await startGateway({
        listeners: [{ address: "127.0.0.1:0", dialects: [dialect] }],
      });
      const { status, text } = await rawRequest(gateway.url, { method, path: `${path}?canary` });
      expect(status).toBe(404);
      expect(text).toMatch(sentence);
    },
  );

  test("HUB-18 SEC-13 without the admin token the answer is the same, whether there is one or not", async () => {
    const listeners = [{ address: "127.0.0.1:0", dialects: ["ws-hub" as const] }];
    await using without = await startGateway({ listeners });
    await using gateway = await startGateway({ listeners, "ws-hub": { adminToken: "t0ken-of-the-test" } });
    const answers = await Promise.all(
      [without, gateway].map(async ({ url }) => (await fetch(`${url}/status`)).text()),
    );
    expect(answers[0]).toBe(answers[1] ?? "");
  });

  test("WSC-07 a channel of the root mode is not taken by a sentence", async () => {
    const listeners = [
      { address: "127.0.0.1:0", dialects: ["socketio" as const, "websocket-channels" as const] },
    ];
    await using gateway = await startGateway({
      listeners,
      "websocket-channels": { root: true, openPublish: true },
    });
    for (const path of ["/status", "/emit"]) {
      const { status, text } = await rawRequest(gateway.url, { method: "POST", path, body: "x" });
      expect([path, status, text]).toEqual([path, 200, "OK"]);
    }
    await using closed = await startGateway({ listeners, secret });
    expect((await rawRequest(closed.url, { path: "/status" })).status).toBe(404);
  });
});

describe("ws4redis", () => {
  const listeners = [{ address: "127.0.0.1:0", dialects: ["ws4redis" as const] }];
  const open = async (
    gateway: TestGateway,
    query: string,
    headers: Record<string, string> = {},
  ): Promise<number> =>
    (
      await rawRequest(gateway.url, {
        path: `/ws/news?${query}`,
        headers: { ...handshakeHeaders(), ...headers },
      })
    ).status;

  test("W4R-17 a publish-* that is closed is said once", async () => {
    await using gateway = await startGateway({ listeners, identity: { sessionEngine: "none" } });
    expect(await open(gateway, "publish-broadcast&subscribe-broadcast")).toBe(101);
    expect(await open(gateway, "publish-broadcast")).toBe(101);
    expect(lines(gateway, "publish_closed")).toEqual([
      expect.objectContaining({ level: "warn", text: expect.stringContaining("WS4REDIS_PUBLISH") }),
    ]);
    expect(await gateway.metric("belfry_refused_total", 'reason="publish_closed"')).toBe(2);
  });

  test("DJS-09 a session that names no user is said once, where its user's messages were asked for", async () => {
    await using gateway = await startGateway({
      listeners,
      redis: redis.url,
      identity: { sessionEngine: "cache" },
    });
    const person = { key: "n".repeat(32), user: "john" };
    const headers = {
      ...(await logIn(async (key, value) => backend.set(key, value), person)),
      Origin: gateway.url,
    };
    expect(await open(gateway, "subscribe-broadcast", headers)).toBe(101);
    expect(lines(gateway, "user_unnamed")).toEqual([]);
    expect(await open(gateway, "subscribe-user", headers)).toBe(101);
    expect(await open(gateway, "publish-user&subscribe-broadcast", headers)).toBe(101);
    expect(lines(gateway, "user_unnamed")).toEqual([
      expect.objectContaining({ level: "warn", text: expect.stringContaining("WS4REDIS_USERNAME") }),
    ]);
    expect(await gateway.metric("belfry_refused_total", 'reason="user_unnamed"')).toBe(2);
  });
});
