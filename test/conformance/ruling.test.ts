// The HTTP API that rules gateways, asked as an operator does: of one gateway in memory and of two on one Redis, with clients of
// several dialects; with a gateway that does not answer; and with names and queries of every kind.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { allDescribed } from "../../scripts/api.ts";
import { operations } from "../../src/api/operations.ts";
import { roomSpace } from "../../src/core/room-name.ts";
import type { TestGateway } from "../support/gateway.ts";
import { startGateway } from "../support/gateway.ts";
import { EventStreamClient } from "../support/event-stream.ts";
import { Page } from "../support/page.ts";
import { Random } from "../support/random.ts";
import { RawConnection, RawWebSocket } from "../support/raw.ts";
import { startRedis } from "../support/redis.ts";
import type { RedisServer } from "../support/redis.ts";
import { ServedGateway } from "../support/serve.ts";
import { auth, signToken } from "../support/tokens.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(60_000);

const secret = "publish-secret-of-this-test";
const headers = { authorization: `Bearer ${secret}` };
const rooms = [
  { match: "log*", history: { size: 10, seconds: 60 } },
  { match: "lobby*", presence: true },
];

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(async () => {
  await server.stop();
});

interface Told {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

async function ask(base: string, path: string, init: RequestInit = {}): Promise<Told> {
  const answer = await fetch(base + path, { headers, ...init });
  return { status: answer.status, body: (await answer.json()) as Told["body"] };
}

async function post(base: string, path: string, body?: string): Promise<Told> {
  return ask(base, path, { method: "POST", ...(body !== undefined && { body }) });
}

type Row = Readonly<Record<string, unknown>> & { readonly id: string };

/** All pages of a list. */
async function all(base: string, path: string, name: string): Promise<readonly Row[]> {
  const found: Row[] = [];
  let after = "";
  do {
    const { status, body } = await ask(base, path + after);
    if (status !== 200) throw new Error(`Expected a page, got ${status} ${JSON.stringify(body)}`);
    found.push(...(body[name] as readonly Row[]));
    after = typeof body["next"] === "string" ? `&after=${body["next"]}` : "";
  } while (after !== "");
  return found;
}

/** A native client that is in its rooms. */
async function member(base: string, room: string, token?: string): Promise<RawWebSocket> {
  const shown = token === undefined ? undefined : { authorization: `Bearer ${token}` };
  const socket = await RawWebSocket.open(base, `/connect?room=${encodeURIComponent(room)}`, shown);
  await socket.waitForMessage();
  return socket;
}

const scenes = {
  memory: { redis: () => undefined, count: 1 },
  redis: { redis: () => server.url, count: 2 },
} as const;

for (const [name, { redis, count }] of Object.entries(scenes)) {
  describe(`the API, ${name}`, () => {
    const start = async (): Promise<AsyncDisposable & { readonly gateways: readonly TestGateway[] }> => {
      const url = redis();
      const options = { secret, rooms, auth, ...(url !== undefined && { redis: url }) };
      const gateways: TestGateway[] = [];
      for (let index = 0; index < count; index++) gateways.push(await startGateway(options));
      return {
        gateways,
        async [Symbol.asyncDispose]() {
          for (const gateway of gateways) await gateway[Symbol.asyncDispose]();
        },
      };
    };
    const ends = (gateways: readonly TestGateway[]): readonly [string, string] => [
      gateways[0]?.url ?? "",
      gateways.at(-1)?.url ?? "",
    ];

    test("rooms are listed with their clients by dialect, by pages and by a glob", async () => {
      await using scene = await start();
      const [first, last] = ends(scene.gateways);
      using page = await Page.connect(last);
      await page.join("b", "c");
      using _one = await member(first, "a");
      using _two = await member(last, "b");
      const { body } = await ask(first, "/api/rooms");
      expect(body["rooms"]).toEqual([
        { room: "a", namespace: "/", connections: 1, dialects: { native: 1 } },
        { room: "b", namespace: "/", connections: 2, dialects: { native: 1, socketio: 1 } },
        { room: "c", namespace: "/", connections: 1, dialects: { socketio: 1 } },
      ]);
      expect(body).toMatchObject({ silent: [] });
      expect(body["answered"]).toHaveLength(count);
      expect(body).not.toHaveProperty("next");
      const paged = await all(last, "/api/rooms?limit=1", "rooms");
      expect(paged.map(({ room }) => room)).toEqual(["a", "b", "c"]);
      const matched = await all(last, "/api/rooms?match=[bc]", "rooms");
      expect(matched.map(({ room }) => room)).toEqual(["b", "c"]);
    });

    test("one room has its members, its rule and its place in the log; one without members is answered as well", async () => {
      await using scene = await start();
      const [first, last] = ends(scene.gateways);
      using _two = await member(first, "logs");
      using _three = await member(last, "logs");
      const published = await post(first, "/api/publish", '{"room":"logs","data":1}');
      const room = await ask(last, "/api/rooms/logs");
      expect(room.body).toMatchObject({
        room: "logs",
        connections: 2,
        dialects: { native: 2 },
        rule: {
          index: 0,
          join: null,
          publish: "backends",
          history: { size: 10, seconds: 60 },
          presence: false,
        },
        at: published.body["stored"],
      });
      const none = await ask(first, "/api/rooms/none");
      expect(none).toMatchObject({ status: 200, body: { connections: 0, dialects: {}, at: null } });
    });

    test("the history of a room, forwards and backwards, with the digits that were published", async () => {
      await using scene = await start();
      const [first, last] = ends(scene.gateways);
      for (const data of ["12345678901234567890", '{"n":2}', '"three"'])
        await post(first, "/api/publish", `{"room":"logs2","event":"update","data":${data}}`);
      await post(first, "/api/publish", '{"room":"logs2","binary":"AP8="}');
      const text = await (await fetch(`${last}/api/rooms/logs2/history`, { headers })).text();
      expect(text).toContain('{"event":"update","data":12345678901234567890,"at":');
      const newest = await ask(last, "/api/rooms/logs2/history?limit=3");
      const entries = newest.body["publications"] as readonly Record<string, string>[];
      expect(entries.map(({ data, binary }) => data ?? binary)).toEqual(["AP8=", "three", { n: 2 } as never]);
      expect(newest.body["hasMore"]).toBe(true);
      expect(newest.body["at"]).toBe(entries[0]?.["at"]);
      const rest = await ask(last, `/api/rooms/logs2/history?before=${entries[2]?.["at"]}`);
      expect((rest.body["publications"] as readonly unknown[]).length).toBe(1);
      const forwards = await ask(last, `/api/rooms/logs2/history?after=${entries[2]?.["at"]}&limit=1`);
      expect(forwards.body).toMatchObject({ publications: [{ data: "three" }], hasMore: true });
      const codes = await Promise.all(
        [
          "/api/rooms/time/history",
          "/api/rooms/logs2/history?after=x",
          `/api/rooms/logs2/history?after=${"a".repeat(8)}:1.aaaa`,
          "/api/rooms/logs2/history?after=a&before=b",
          "/api/rooms/logs2/history?limit=0",
        ].map(async (path) => {
          const { status, body } = await ask(first, path);
          return `${status} ${(body["error"] as { readonly code: string }).code}`;
        }),
      );
      expect(codes).toEqual([
        "400 history_off",
        "410 position_unknown",
        "410 position_unknown",
        "400 request_invalid",
        "400 request_invalid",
      ]);
    });

    test("the presence of a room has its users, each once, with what others may know of them", async () => {
      await using scene = await start();
      const [first, last] = ends(scene.gateways);
      const john = await signToken({ sub: "john", info: { name: "John" } });
      using _one = await member(first, "lobby", john);
      using _two = await member(last, "lobby", john);
      using _three = await member(last, "lobby", await signToken({ sub: "jane" }));
      using _four = await member(first, "lobby");
      const told = async (): Promise<Told["body"]> => (await ask(first, "/api/rooms/lobby/presence")).body;
      await until(async () => (await told())["total"] === 2);
      const { users, ...counts } = await told();
      expect(counts).toEqual({ total: 2, anonymous: 1 });
      expect(
        (users as readonly Row[]).toSorted((a, b) => (String(a["user"]) < String(b["user"]) ? -1 : 1)),
      ).toEqual([{ user: "jane" }, { user: "john", info: { name: "John" } }] as never);
      expect(await ask(last, "/api/rooms/lobby2/presence")).toEqual({
        status: 200,
        body: { users: [], total: 0, anonymous: 0 },
      });
      expect(await ask(last, "/api/rooms/time/presence")).toMatchObject({
        status: 400,
        body: { error: { code: "presence_off" } },
      });
    });

    test("connections are listed by pages and filters, shown one by one, and ended", async () => {
      await using scene = await start();
      const [first, last] = ends(scene.gateways);
      const john = await signToken({ sub: "john" });
      using one = await member(first, "a", john);
      using two = await member(last, "a", john);
      using _three = await member(last, "b");
      using stream = await EventStreamClient.open(`${last}/connect?room=b`);
      using page = await Page.connect(first, { transports: ["polling"] });
      await page.join("b");
      const listed = await all(first, "/api/connections?limit=2", "connections");
      expect(listed).toHaveLength(5);
      expect(new Set(listed.map(({ id }) => id)).size).toBe(5);
      expect(new Set(listed.map(({ transport }) => transport))).toEqual(
        new Set(["websocket", "stream", "polling"]),
      );
      const of = async (query: string): Promise<number> =>
        (await all(last, `/api/connections?${query}`, "connections")).length;
      expect(await of("room=b")).toBe(3);
      expect(await of("user=john")).toBe(2);
      expect(await of("user=john&room=b")).toBe(0);
      expect(await of("dialect=socketio")).toBe(1);
      expect(await of("address=127.0.0.1")).toBe(5);
      expect(await of("address=127.0.0.2")).toBe(0);
      expect(await of("namespace=/chat")).toBe(0);

      const mine = (await all(first, "/api/connections?user=john", "connections"))[0];
      const shown = await ask(last, `/api/connections/${mine?.id}`);
      expect(shown.body).toEqual({ ...mine, rooms: ["a"] });
      expect(mine).toMatchObject({
        dialect: "native",
        transport: "websocket",
        address: "127.0.0.1",
        namespace: "/",
        user: "john",
        roomCount: 1,
        queuedBytes: 0,
      });
      expect(Math.abs(Date.parse(String(mine?.["since"])) - Date.now())).toBeLessThan(60_000);

      expect(await post(last, `/api/connections/${mine?.id}/disconnect`)).toMatchObject({
        status: 200,
        body: { disconnected: 1, silent: [] },
      });
      await until(async () => (await of("user=john")) === 1);
      const again = await post(last, `/api/connections/${mine?.id}/disconnect`);
      expect(again).toMatchObject({ status: 404, body: { error: { code: "connection_unknown" } } });
      expect((await ask(last, "/api/connections/gone-00000000:1")).status).toBe(404);

      expect((await post(first, "/api/users/john/disconnect")).body).toMatchObject({ disconnected: 1 });
      await one.waitForClose();
      await two.waitForClose();
      expect((await post(first, "/api/rooms/b/disconnect")).body).toMatchObject({ disconnected: 3 });
      await stream.rest();
      expect(await page.next()).toEqual(["(disconnect)", expect.any(String) as unknown as string]);
      await until(async () => (await of("")) === 0);
    });

    test("a message to a user reaches the connections of the user in all dialects, and no other", async () => {
      await using scene = await start();
      const [first, last] = ends(scene.gateways);
      const john = await signToken({ sub: "john" });
      using native = await member(first, "a", john);
      using other = await member(last, "a", await signToken({ sub: "jane" }));
      using page = await Page.connect(last, { auth: { token: john } });
      const sent = await post(
        first,
        "/api/users/john/messages",
        '{"event":"notice","data":12345678901234567890}',
      );
      expect(sent).toMatchObject({ status: 200, body: { delivered: 2, silent: [] } });
      expect(await native.waitForMessage()).toBe('{"event":"notice","data":12345678901234567890}');
      expect((await page.next())[0]).toBe("notice");
      await post(first, "/api/publish", '{"room":"a","data":"after"}');
      expect(await other.waitForMessage()).toContain('"after"');
      const codes = ["", "[]", "{}", '{"data":1,"event":7}', '{"data":1,"event":"connect"}'];
      for (const body of codes)
        expect(await post(first, "/api/users/john/messages", body)).toMatchObject({
          status: 400,
          body: { error: { code: "body_invalid" } },
        });
    });

    test("names are decoded once, and those that could be joined by no client are refused", async () => {
      await using scene = await start();
      const [first] = ends(scene.gateways);
      const names = ["a b", "a/b", "a%2Fb", "%", "ä€😀", "a?b#c", "::x", "*", "+", "a%00b"];
      for (const room of names) {
        using _in = await member(first, room);
        const { body } = await ask(first, `/api/rooms/${encodeURIComponent(room)}`);
        if (room !== "::x") expect(body).toMatchObject({ room, connections: 1 });
        expect(body["room"]).toBe(room);
      }
      const wrong = ["%", "%zz", "%ff", "%C3", "%00", "a%0Ab", "%EF%BF%BD", "x".repeat(257), "%ED%A0%80"];
      for (const segment of wrong)
        for (const path of ["", "/history", "/presence", "/disconnect"]) {
          const method = path === "/disconnect" ? "POST" : "GET";
          const answer = await fetch(`${first}/api/rooms/${segment}${path}`, { method, headers });
          const isProblem = answer.headers.get("content-type") === "application/problem+json";
          const text = await answer.text();
          // Where a percent sign escapes nothing, the listener refuses the request itself.
          if (!/^%(?:$|zz)/.test(segment))
            expect({ segment, isProblem }).toEqual({ segment, isProblem: true });
          if (isProblem) expect(text).toContain('"request_invalid"');
          expect({ segment, status: answer.status }).toEqual({ segment, status: 400 });
        }
    });
  });
}

test("T15 a name of a room is judged alike wherever it stands: in a join, a publication, and every operation on a room", async () => {
  await using gateway = await startGateway({
    secret,
    rooms: [{ match: "*", presence: true, history: { size: 1, seconds: 60 } }],
  });
  const stems = [
    "a",
    "é",
    "e\u0301",
    "ﬁ",
    "A",
    "ａ",
    "a ",
    " ",
    "a:b",
    "a/b",
    "a\\b",
    "../a",
    "a/..",
    "%",
    "%3a%3a",
    "%2F",
  ];
  const marks = ["", "*", "?", "[x]", "\u0000", "\n", "\u007F", "\uFFFD", "\u200B", "\u2028", "\uFEFF"];
  const names = [
    ...stems.flatMap((stem) => marks.map((mark) => stem + mark)),
    ...[256, 257, 512, 513].map((length) => "x".repeat(length)),
    ...[127, 128, 129].map((length) => "é".repeat(length)),
    `${"x".repeat(256)}::${"y".repeat(256)}`,
    `${"x".repeat(257)}::y`,
    `x::${"y".repeat(257)}`,
  ].filter((name) => roomSpace(name) === undefined || name.length > 200);
  expect(names.length).toBeGreaterThan(150);
  for (const name of names) {
    const published = await post(gateway.url, "/api/publish", JSON.stringify({ room: name, data: 1 }));
    const verdict = published.status;
    const path = `/api/rooms/${encodeURIComponent(name)}`;
    const gets = ["", "/history", "/presence"].map(
      async (end) => (await fetch(gateway.url + path + end, { headers })).status,
    );
    const ended = fetch(`${gateway.url}${path}/disconnect`, { method: "POST", headers });
    const bare = fetch(`${gateway.url}/rooms/${encodeURIComponent(name)}`, {
      method: "POST",
      headers,
      body: "x",
    });
    const all = [...(await Promise.all(gets)), (await ended).status, (await bare).status];
    expect({ name, all }).toEqual({ name, all: all.map(() => verdict) });
    if (roomSpace(name) !== undefined) continue;
    const socket = await RawWebSocket.open(gateway.url, `/connect?room=${encodeURIComponent(name)}`);
    const isJoined = String(await socket.waitForMessage()).includes('"type":"joined"');
    socket[Symbol.dispose]();
    expect({ name, isJoined }).toEqual({ name, isJoined: verdict === 200 });
  }
});

test("a gateway that is stopped is named as silent, and costs no more than the deadline", async () => {
  const env = { BELFRY_SECRET: secret, BELFRY_REDIS: server.url };
  await using awake = await ServedGateway.start({ env });
  await using stopped = await ServedGateway.start({ env });
  using _one = await member(awake.url, "a");
  using _two = await member(stopped.url, "a");
  const before = await ask(awake.url, "/api/rooms/a");
  expect(before.body).toMatchObject({ connections: 2, silent: [] });
  const [name] = (await ask(stopped.url, "/api/connections?room=a&limit=1000")).body[
    "connections"
  ] as readonly Row[];
  expect(name).toBeDefined();
  stopped.process.kill("SIGSTOP");
  try {
    const paths = ["/api/rooms/a", "/api/rooms", "/api/connections", "/api/connections?room=a"];
    for (const path of paths) {
      const startedAt = performance.now();
      const { status, body } = await ask(awake.url, path);
      expect(performance.now() - startedAt).toBeLessThan(1_900);
      expect({ path, status, answered: body["answered"], silent: body["silent"] }).toMatchObject({
        path,
        status: 200,
        answered: [expect.any(String)],
        silent: [expect.any(String)],
      });
    }
    const all = before.body["answered"] as readonly string[];
    const { body } = await ask(awake.url, "/api/rooms/a");
    expect(body["connections"]).toBe(1);
    expect([...(body["answered"] as string[]), ...(body["silent"] as string[])].sort()).toEqual([...all]);
    const [silent] = body["silent"] as readonly string[];
    const one = await ask(awake.url, `/api/connections/${silent}:1`);
    expect(one).toMatchObject({ status: 503, body: { error: { code: "gateway_silent", retry: true } } });
  } finally {
    stopped.process.kill("SIGCONT");
  }
});

test("without the publish secret there is no API; with a wrong one, none of it is told", async () => {
  await using open = await startGateway();
  await using gateway = await startGateway({ secret });
  await using closed = await startGateway({
    secret,
    listeners: [{ address: "127.0.0.1:0", api: false }],
  });
  for (const { method, path } of operations) {
    const url = path.replaceAll(/\{\w+\}/g, "a");
    expect((await fetch(open.url + url, { method, headers })).status).toBe(404);
    expect((await fetch(closed.url + url, { method, headers })).status).toBe(404);
    const anonymous = await fetch(gateway.url + url, { method });
    expect([anonymous.status, anonymous.headers.get("www-authenticate")]).toEqual([401, "Bearer"]);
    const wrong = await fetch(gateway.url + url, { method, headers: { authorization: "Bearer x" } });
    expect(wrong.status).toBe(401);
    const other = await fetch(gateway.url + url, { method: "DELETE", headers });
    expect([other.status, other.headers.get("allow")]).toEqual([405, method]);
  }
  expect(
    (await fetch(`${closed.url}/api/publish`, { method: "POST", headers, body: '{"room":"a","data":1}' }))
      .status,
  ).toBe(200);
});

test("a list of 20,000 rooms comes by pages, in order, each once", async () => {
  await using gateway = await startGateway({ secret, limits: { roomsPerConnection: 1_000 } });
  const sockets: RawWebSocket[] = [];
  for (let client = 0; client < 20; client++) {
    const socket = await RawWebSocket.open(gateway.url, "/connect");
    sockets.push(socket);
    for (let index = 0; index < 1_000; index++)
      socket.send(`{"id":${index},"type":"join","room":"room ${client * 1_000 + index}"}`);
    await socket.waitForMessages(1_000, 30_000);
  }
  const found = await all(gateway.url, "/api/rooms?limit=1000", "rooms");
  expect(found).toHaveLength(20_000);
  expect(new Set(found.map(({ room }) => room)).size).toBe(20_000);
  expect(found.map(({ room }) => String(room))).toEqual(found.map(({ room }) => String(room)).sort());
  for (const socket of sockets) socket[Symbol.dispose]();
});

test("20,000 requests with random paths, queries and bodies are answered as the document says", async () => {
  await using gateway = await startGateway({ secret, rooms, limits: { wrongSecretsPerMinute: 1_000_000 } });
  using _in = await member(gateway.url, "a");
  const documented = new Set(
    allDescribed.flatMap((one) =>
      one.operations.flatMap(({ id, refusals }) =>
        refusals.map(({ status, code }) => `${id} ${status} ${code}`),
      ),
    ),
  );
  const random = new Random(65_537);
  const pieces = [
    "a",
    "%",
    "%2f",
    "%00",
    "%ff",
    "..",
    ".",
    "",
    "::",
    "*",
    "%F0%9F%94%94",
    "<script>",
    "x".repeat(300),
  ];
  const names = [
    "limit",
    "after",
    "before",
    "match",
    "room",
    "namespace",
    "user",
    "dialect",
    "address",
    "x",
    "__proto__",
  ];
  const values = [
    "1",
    "0",
    "-1",
    "1000",
    "1001",
    "1e3",
    "",
    "a",
    "%",
    "%00",
    "WyJhIiwiLyJd",
    "bnVsbA",
    "/chat",
    "[",
    "y".repeat(9_000),
  ];
  const seen = new Map<string, number>();
  const one = async (): Promise<void> => {
    const { id, method, path } = random.pick(operations);
    const url = path.replaceAll(/\{\w+\}/g, () => random.pick(pieces));
    const query = Array.from(
      { length: random.below(3) },
      () => `${random.pick(names)}=${random.pick(values)}`,
    );
    const body =
      method === "POST"
        ? { body: random.pick(["", "{", "{}", '{"data":1}', '{"data":1,"event":""}', "z".repeat(70_000)]) }
        : {};
    const answer = await fetch(`${gateway.url}${url}?${query.join("&")}`, { method, headers, ...body });
    const text = await answer.text();
    if (answer.status >= 500 || (!answer.ok && text.includes("<script>")))
      throw new Error(`Got ${answer.status} for ${method} ${url}?${query.join("&")}: ${text}`);
    const isProblem = answer.headers.get("content-type") === "application/problem+json";
    const code = isProblem ? (JSON.parse(text) as { error: { code: string } }).error.code : "";
    seen.set(`${answer.status} ${code}`, (seen.get(`${answer.status} ${code}`) ?? 0) + 1);
    // A path with `..` or an empty name is another one.
    if (isProblem && !/\/(?:\.{0,2})(?:\/|$)/.test(url) && !documented.has(`${id} ${answer.status} ${code}`))
      throw new Error(`Expected a documented answer, got ${answer.status} ${code} for ${id}`);
  };
  for (let round = 0; round < 1_000; round++) await Promise.all(Array.from({ length: 20 }, one));
  for (const outcome of [
    "200 ",
    "400 request_invalid",
    "400 body_invalid",
    "400 history_off",
    "404 connection_unknown",
    "413 body_too_large",
  ])
    expect({ outcome, count: seen.get(outcome) ?? 0 }).not.toEqual({ outcome, count: 0 });
});

test("what is below /api and no operation is left to other dialects", async () => {
  await using gateway = await startGateway({
    secret,
    listeners: [{ address: "127.0.0.1:0", dialects: ["native", "websocket-channels"] }],
    "websocket-channels": { path: "/", root: true },
  });
  using _channel = await RawWebSocket.open(gateway.url, "/api/rooms");
  using connection = await RawConnection.open(gateway.url);
  connection.write(`GET /api/rooms/..%2f HTTP/1.1\r\nhost: h\r\nauthorization: Bearer ${secret}\r\n\r\n`);
  expect((await connection.response()).status).toBe(200);
  expect((await fetch(`${gateway.url}/api/unknown`, { headers })).status).not.toBe(401);
});
