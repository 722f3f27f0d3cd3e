// Tickets (docs/auth.md): codes for URLs, for clients that can send nothing else. Two gateways on one Redis, an EventSource in
// a browser, websocket-channels; and tokens of the dialects that take them from the handshake alone.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { createHash } from "node:crypto";
import type { JWTPayload } from "jose";
import { withBrowser } from "../support/chromium.ts";
import { EventStreamClient } from "../support/event-stream.ts";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway } from "../support/gateway.ts";
import { RawWebSocket } from "../support/raw.ts";
import { connectRedis, startRedis } from "../support/redis.ts";
import type { RedisClient, RedisServer } from "../support/redis.ts";
import { until } from "../support/until.ts";
import { auth, nowSeconds, signToken, signTokenFor } from "../support/tokens.ts";

setDefaultTimeout(60_000);

const secret = "publish-secret-of-the-test";
let redis: RedisServer;
let gateways: TestGateway[] = [];
let keys: RedisClient;
/** Of pages. */
let site: Bun.Server<undefined>;

beforeAll(async () => {
  redis = await startRedis();
  keys = await connectRedis(redis.url);
  site = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: () =>
      new Response("<!doctype html><title>page</title>", { headers: { "content-type": "text/html" } }),
  });
  const start = async () =>
    startGateway({
      redis: redis.url,
      listeners: [
        {
          address: "127.0.0.1:0",
          dialects: ["native", "websocket-channels", "ws4redis"],
          origins: [site.url.origin],
        },
      ],
      ws4redis: { path: "/facility/", publish: [] },
      "websocket-channels": { path: "/ws/" },
      auth,
      secret,
    });
  gateways = [await start(), await start()];
});

afterAll(async () => {
  for (const gateway of gateways) await gateway[Symbol.asyncDispose]();
  keys.destroy();
  await redis.stop();
  await site.stop(true);
});

const urlOf = (index: number): string => gateways[index]?.url ?? "";

async function order(body: unknown, bearer = secret, index = 0): Promise<Response> {
  return fetch(`${urlOf(index)}/api/tickets`, {
    method: "POST",
    headers: { authorization: `Bearer ${bearer}` },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
}

async function ticketFor(body: unknown): Promise<string> {
  const answer = await order(body);
  expect(answer.status).toBe(200);
  return ((await answer.json()) as { ticket: string }).ticket;
}

async function publish(room: string, text: string, index = 0): Promise<void> {
  const headers = { authorization: `Bearer ${secret}` };
  const answer = await fetch(`${urlOf(index)}/rooms/${encodeURIComponent(room)}`, {
    method: "POST",
    headers,
    body: text,
  });
  expect(answer.status).toBe(200);
}

async function statusOf(path: string, index = 0): Promise<number> {
  const answer = await fetch(`${urlOf(index)}${path}`, { headers: { accept: "text/event-stream" } });
  await answer.body?.cancel();
  return answer.status;
}

describe("a ticket", () => {
  test("T17 opens its rooms once, on whichever gateway; a second time, on another room, or altered, it is refused", async () => {
    const ticket = await ticketFor({ rooms: ["chat::1", "chat::2"], seconds: 30 });
    const path = `/connect?room=chat::1&room=chat::3&ticket=${ticket}`;
    {
      using stream = await EventStreamClient.open(`${urlOf(1)}${path}`);
      const verdicts = [await stream.next(), await stream.next()];
      expect(
        verdicts.map(({ type, data }) => `${type} ${(JSON.parse(data) as { room: string }).room}`).sort(),
      ).toEqual(["joined chat::1", "refused chat::3"]);
      await publish("chat::1", "hello");
      expect(JSON.parse((await stream.next()).data)).toMatchObject({ room: "chat::1", data: "hello" });
    }
    for (const index of [0, 1]) expect(await statusOf(path, index)).toBe(401);
    const other = await ticketFor({ rooms: ["chat::1"] });
    expect(await statusOf(`/connect?room=chat::2&ticket=${other}`)).toBe(403);
    // It is used, though it opened nothing.
    expect(await statusOf(`/connect?room=chat::1&ticket=${other}`)).toBe(401);
    const third = await ticketFor({ rooms: ["chat::1"] });
    for (const wrong of ["", "x", `${third}x`, third.slice(1), third.toLowerCase(), `${third.slice(0, -1)}!`])
      expect(await statusOf(`/connect?room=time&ticket=${encodeURIComponent(wrong)}`)).toBe(401);
  });

  test("T17 of 40 clients that show one ticket at once, at two gateways, one has it", async () => {
    const ticket = await ticketFor({ rooms: ["chat::1"] });
    const tries = Array.from({ length: 40 }, async (_, index) =>
      statusOf(`/connect?room=chat::1&ticket=${ticket}`, index % 2),
    );
    const statuses = await Promise.all(tries);
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    expect(statuses.filter((status) => status === 401)).toHaveLength(39);
  });

  test("T17 late it is refused, and Redis never holds the code", async () => {
    const ticket = await ticketFor({ rooms: ["chat::1"], seconds: 1 });
    const digest = createHash("sha256").update(ticket).digest("base64url");
    expect(await keys.keys("belfry-ticket:*")).toContain(`belfry-ticket:${digest}`);
    for (const key of await keys.keys("*")) {
      expect(key).not.toContain(ticket);
      expect(String(await keys.get(key).catch(() => ""))).not.toContain(ticket);
    }
    await until(async () => (await keys.exists(`belfry-ticket:${digest}`)) === 0, 5_000);
    expect(await statusOf(`/connect?room=chat::1&ticket=${ticket}`)).toBe(401);
  });

  test("names are no globs; user and groups open what they open", async () => {
    const ticket = await ticketFor({ rooms: ["*", "chat::*"], user: "john", groups: ["staff"] });
    using socket = await RawWebSocket.open(urlOf(1), `/connect?ticket=${ticket}`);
    const join = async (room: string): Promise<string> => {
      socket.send(JSON.stringify({ id: 1, type: "join", room }));
      return String(await socket.waitForMessage());
    };
    for (const room of ["user:john::inbox", "group:staff::news", "chat::*"])
      expect(await join(room)).toContain('"joined"');
    for (const room of ["chat::1", "user:jane::inbox"]) expect(await join(room)).toContain('"secret_wrong"');
  });

  test("T18 a used one at a native websocket: closed with a code that says not to come back", async () => {
    const ticket = await ticketFor({ user: "john" });
    using first = await RawWebSocket.open(urlOf(0), `/connect?room=user:john::a&ticket=${ticket}`);
    expect(String(await first.waitForMessage())).toContain('"joined"');
    using second = await RawWebSocket.open(urlOf(1), `/connect?room=user:john::a&ticket=${ticket}`);
    expect(await second.waitForClose()).toEqual({ code: 4501, reason: "Token refused" });
  });

  test("an EventSource in a browser hears a room with a room-space", async () => {
    const ticket = await ticketFor({ rooms: ["orders::42"] });
    await withBrowser(async (browser) => {
      const { page } = await browser.open(site.url.href);
      await page.evaluate(
        (url) => {
          const heard: string[] = [];
          Object.assign(globalThis, { heard });
          const source = new EventSource(url);
          source.addEventListener("joined", () => heard.push("joined"));
          source.addEventListener("message", ({ data }: MessageEvent<string>) =>
            heard.push((JSON.parse(data) as { data: string }).data),
          );
        },
        `${urlOf(0)}/connect?room=orders::42&ticket=${ticket}`,
      );
      const heard = async () =>
        page.evaluate(() => (globalThis as unknown as { heard: string[] }).heard.join());
      await until(async () => (await heard()) === "joined", 10_000);
      await publish("orders::42", "shipped", 1);
      await until(async () => (await heard()) === "joined,shipped", 10_000);
    });
  });
});

describe("POST /api/tickets", () => {
  test("SEC-11 it asks for the publish secret", async () => {
    const answer = await order({ rooms: ["chat::1"] }, "wrong");
    expect(answer.status).toBe(401);
    expect(await answer.text()).toContain("secret_wrong");
  });

  test.each([
    "",
    "[]",
    "null",
    "{}",
    "{",
    { rooms: [] },
    { rooms: "chat::1" },
    { rooms: [""] },
    { rooms: ["a\uFFFD"] },
    { rooms: ["x".repeat(300)] },
    { rooms: Array.from({ length: 101 }, String) },
    { user: "" },
    { user: 1 },
    { rooms: ["a"], seconds: 0 },
    { rooms: ["a"], seconds: 301 },
    { rooms: ["a"], seconds: 1.5 },
    { rooms: ["a"], more: 1 },
  ])("%j is refused, and repeats nothing", async (body) => {
    const answer = await order(body);
    expect(answer.status).toBe(400);
    const text = await answer.text();
    expect(text).toContain('"body_invalid"');
    expect(text).not.toContain("xxx");
  });

  test("each code is another one", async () => {
    const codes = await Promise.all(Array.from({ length: 200 }, async () => ticketFor({ rooms: ["a"] })));
    expect(new Set(codes).size).toBe(200);
    for (const code of codes) expect(code).toMatch(/^[\w-]{43}$/);
  });
});

describe("websocket-channels", () => {
  test("SEC-10 a ticket or a token opens a channel with a room-space", async () => {
    const shown = [
      { query: `?ticket=${await ticketFor({ rooms: ["chat::1"] })}`, headers: {} },
      { query: "", headers: { Authorization: `Bearer ${await signToken({ rooms: ["chat::*"] })}` } },
      {
        query: "",
        headers: { "Sec-WebSocket-Protocol": `belfry, bearer.${await signToken({ rooms: ["chat::*"] })}` },
      },
    ];
    for (const { query, headers } of shown) {
      using socket = await RawWebSocket.open(urlOf(0), `/ws/chat::1${query}`, headers);
      socket.send("hello");
      expect(String(await socket.waitForMessage())).toBe("hello");
    }
  });

  test("T18 what is wrong is refused, never taken for none", async () => {
    const used = await ticketFor({ rooms: ["chat::1"] });
    using _first = await RawWebSocket.open(urlOf(1), `/ws/chat::1?ticket=${used}`);
    const elsewhere = await ticketFor({ rooms: ["chat::2"] });
    const tries: readonly (readonly [string, Record<string, string>, number])[] = [
      [`/ws/chat::1?ticket=${used}`, {}, 401],
      [`/ws/time?ticket=${used}`, {}, 401],
      [`/ws/chat::1?ticket=${elsewhere}`, {}, 403],
      ["/ws/time", { Authorization: "Bearer junk" }, 401],
      ["/ws/time", { Authorization: `Bearer ${await signToken({ exp: nowSeconds() - 100 })}` }, 401],
      ["/ws/chat::1", { Authorization: `Bearer ${await signToken({ rooms: ["chat::2"] })}` }, 403],
      ["/ws/chat::1", {}, 403],
    ];
    for (const [path, headers, status] of tries) {
      const answer = await RawWebSocket.tryOpen(urlOf(0), path, headers);
      if (answer instanceof RawWebSocket) throw new Error(`Expected a refusal of ${path}`);
      expect({ path, status: answer.status }).toEqual({ path, status });
    }
  });

  test("T28 it ends with its token", async () => {
    const headers = { Authorization: `Bearer ${await signTokenFor(2, { rooms: ["chat::*"] })}` };
    using socket = await RawWebSocket.open(urlOf(0), "/ws/chat::1", headers);
    expect(await socket.waitForClose(10_000)).toEqual({ code: 4001, reason: "Token expired" });
  });
});

describe("ws4redis", () => {
  test("DJS-01 a token of `auth.jwt` says who the visitor is; a wrong one keeps it out", async () => {
    const bearer = async (claims: JWTPayload) => ({ Authorization: `Bearer ${await signToken(claims)}` });
    using john = await RawWebSocket.open(
      urlOf(0),
      "/facility/inbox?subscribe-user",
      await bearer({ sub: "john" }),
    );
    await publish("user:john::inbox", "for john", 1);
    expect(String(await john.waitForMessage())).toBe("for john");
    using member = await RawWebSocket.open(
      urlOf(0),
      "/facility/chat::1?subscribe-broadcast",
      await bearer({ rooms: ["chat::1"] }),
    );
    await publish("chat::1", "for members", 1);
    expect(String(await member.waitForMessage())).toBe("for members");
    for (const headers of [{ Authorization: "Bearer junk" }, await bearer({ exp: nowSeconds() - 100 })]) {
      const answer = await RawWebSocket.tryOpen(urlOf(0), "/facility/time?subscribe-broadcast", headers);
      expect(answer).toHaveProperty("status", 403);
    }
  });
});

test("SEC-02 while Redis is away tickets are neither made nor taken, and both say that it may work later", async () => {
  const own = await startRedis();
  await using gateway = await startGateway({ redis: own.url, secret });
  await own.kill();
  await until(() => !gateway.gateway.readiness().isReady, 20_000);
  const url = `${gateway.url}/api/tickets`;
  const headers = { authorization: `Bearer ${secret}` };
  const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify({ user: "john" }) });
  expect(answer.status).toBe(503);
  using socket = await RawWebSocket.open(gateway.url, `/connect?ticket=${"x".repeat(43)}`);
  expect(await socket.waitForClose()).toEqual({ code: 4000, reason: "Unavailable" });
  using stream = await EventStreamClient.open(`${gateway.url}/connect?room=a&ticket=${"x".repeat(43)}`);
  const events = await stream.rest();
  expect(events.map(({ type }) => type)).toEqual(["refused"]);
  expect(JSON.parse(events[0]?.data ?? "")).toMatchObject({ error: { code: "unavailable", retry: true } });
});
