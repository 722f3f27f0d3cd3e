// Identity in the native dialect (docs/auth.md): where a token may be shown, what it opens, what becomes of a wrong one, and
// how it ends. Against a gateway, by raw websockets and streams; the official clients of other dialects have suites of their own.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { EventStreamClient } from "../support/event-stream.ts";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway } from "../support/gateway.ts";
import { RawWebSocket } from "../support/raw.ts";
import { startRedis } from "../support/redis.ts";
import { auth, nowSeconds, signToken, signTokenFor } from "../support/tokens.ts";

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startGateway({
    listeners: [{ address: "127.0.0.1:0", dialects: ["native"] }],
    auth: { jwt: { ...auth.jwt, issuer: "https://id.example", audience: "chat", cookie: "token" } },
    roomSecrets: { shop: "right" },
    rooms: [
      { match: "sealed::*", join: ["secret"] },
      { match: "staff-only", join: ["group:staff"] },
      { match: "named::*", join: ["token"] },
      { match: "mute::*", publish: "none" },
    ],
    secret: "publish-secret-of-the-test",
  });
});

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
});

/** Claims that the gateway wants, and these. */
const named = { iss: "https://id.example", aud: "chat" };

interface Answer {
  readonly id?: number;
  readonly type?: string;
  readonly room?: string;
  readonly seconds?: number;
  readonly error?: { readonly code: string; readonly retry: boolean };
}

/** A websocket that says commands and reads what comes, in order. */
class Client implements Disposable {
  readonly socket: RawWebSocket;
  #id = 0;

  constructor(socket: RawWebSocket) {
    this.socket = socket;
  }

  static async open(headers: Record<string, string> = {}, path = "/connect"): Promise<Client> {
    return new Client(await RawWebSocket.open(gateway.url, path, headers));
  }

  static async of(claims: object): Promise<Client> {
    return Client.open({ Authorization: `Bearer ${await signToken({ ...named, ...claims })}` });
  }

  say(command: object): void {
    this.socket.send(JSON.stringify({ id: ++this.#id, ...command }));
  }

  async hear(): Promise<Answer> {
    return JSON.parse(String(await this.socket.waitForMessage())) as Answer;
  }

  async ask(command: object): Promise<Answer> {
    this.say(command);
    return this.hear();
  }

  /** @returns `joined`, or why not. */
  async join(room: string, secret?: string): Promise<string | undefined> {
    const { type, error } = await this.ask({ type: "join", room, secret });
    return error?.code ?? type;
  }

  [Symbol.dispose](): void {
    this.socket[Symbol.dispose]();
  }
}

describe("where a token may be", () => {
  const john = async () => signToken({ ...named, sub: "john" });

  test("T17 Authorization, the subprotocol or the configured cookie; the first that is there decides", async () => {
    const token = await john();
    for (const headers of [
      { Authorization: `Bearer ${token}` },
      { "Sec-WebSocket-Protocol": `belfry, bearer.${token}` },
      { Cookie: `token=${token}` },
      { Authorization: `Bearer ${token}`, Cookie: "token=wrong" },
    ]) {
      using client = await Client.open(headers);
      expect(await client.join("user:john::inbox")).toBe("joined");
      expect(await client.join("user:jane::inbox")).toBe("secret_wrong");
    }
    using wrong = await Client.open({ Authorization: "Bearer wrong", Cookie: `token=${token}` });
    expect((await wrong.socket.waitForClose()).code).toBe(4501);
  });

  test("T17 the subprotocol `belfry` is selected, never the one with the token; none where none is offered beside it", async () => {
    const token = await john();
    const answers = await Promise.all(
      [`belfry, bearer.${token}`, `bearer.${token},belfry`].map(async (protocols) => {
        const url = gateway.url.replace("http", "ws");
        const socket = new WebSocket(`${url}/connect`, protocols.split(/, ?/));
        await new Promise((resolve, reject) => {
          socket.addEventListener("open", resolve);
          socket.addEventListener("error", reject);
        });
        const { protocol } = socket;
        socket.close();
        return protocol;
      }),
    );
    expect(answers).toEqual(["belfry", "belfry"]);
  });

  test("by the first message: what is said behind it is judged by it", async () => {
    using client = await Client.open();
    client.say({ type: "token", token: await signToken({ ...named, sub: "john", exp: nowSeconds() + 600 }) });
    client.say({ type: "join", room: "user:john::inbox" });
    const answer = await client.hear();
    expect(answer).toMatchObject({ id: 1, type: "token" });
    expect(answer.seconds).toBeGreaterThan(600);
    expect(answer.seconds).toBeLessThanOrEqual(660);
    expect(await client.hear()).toMatchObject({ id: 2, type: "joined", room: "user:john::inbox" });
  });

  test("SEC-06 commands behind a token are bounded in number", async () => {
    using client = await Client.open();
    const count = 150;
    client.say({ type: "token", token: await john() });
    for (let index = 0; index < count; index++) client.say({ type: "ping" });
    const answers = await Promise.all(Array.from({ length: count + 1 }, async () => client.hear()));
    expect(answers.filter(({ error }) => error !== undefined && error.code !== "unavailable")).toEqual([]);
    expect(answers.filter(({ type }) => type === "pong").length).toBeGreaterThanOrEqual(100);
  });

  test("a stream: Authorization or cookie", async () => {
    const token = await john();
    for (const headers of [{ authorization: `Bearer ${token}` }, { cookie: `token=${token}` }]) {
      using stream = await EventStreamClient.open(
        `${gateway.url}/connect?room=user:john::inbox&room=user:jane::inbox`,
        headers,
      );
      const verdicts = [await stream.next(), await stream.next()].map(({ type }) => type);
      expect(verdicts.sort()).toEqual(["joined", "refused"]);
    }
  });
});

describe("what a token opens", () => {
  test.each<[object, string, string]>([
    [{ sub: "john" }, "user:john::inbox", "joined"],
    [{ sub: "john" }, "user:johnny::inbox", "secret_wrong"],
    [{ groups: ["staff"] }, "group:staff::news", "joined"],
    [{ groups: ["staff"] }, "staff-only", "joined"],
    [{ groups: ["guests"] }, "staff-only", "room_closed"],
    [{ sid: "s1" }, "session:s1::cart", "joined"],
    [{ rooms: ["chat::1"] }, "chat::1", "joined"],
    [{ rooms: ["chat::1"] }, "chat::10", "secret_wrong"],
    [{ rooms: ["chat::*"] }, "chat::10", "joined"],
    [{ rooms: ["chat::?"] }, "chat::10", "secret_wrong"],
    [{ rooms: ["*"] }, "chat::10", "joined"],
    [{ rooms: ["user:*::inbox"] }, "user:john::inbox", "joined"],
    [{ rooms: ["chat::*"] }, "time", "joined"],
    [{ rooms: ["sealed::*"] }, "sealed::1", "secret_wrong"],
    [{ rooms: ["named::*"] }, "named::1", "joined"],
    [{ sub: "john" }, "named::1", "room_closed"],
  ])("SEC-10 T15 %j: %s is %s", async (claims, room, expected) => {
    using client = await Client.of(claims);
    expect(await client.join(room)).toBe(expected);
  });

  test("SEC-10 a secret is another way in, also for those who come with a token", async () => {
    using client = await Client.of({ sub: "john" });
    expect(await client.join("shop::orders", "right")).toBe("joined");
    expect(await client.join("shop::others", "wrong")).toBe("secret_wrong");
  });

  test("SEC-16 `rooms_publish`: its bearer may publish there, but never where the rule says `none`", async () => {
    using client = await Client.of({ rooms: ["*"], rooms_publish: ["chat::*", "mute::*"] });
    for (const room of ["chat::1", "mute::1", "other::1"]) expect(await client.join(room)).toBe("joined");
    const publish = async (room: string) => {
      client.say({ type: "publish", room, event: "said", data: 1 });
      const answers = [await client.hear()];
      if (answers[0]?.type === undefined && !answers[0]?.error) answers.push(await client.hear());
      return answers.map(({ type, error }) => error?.code ?? type ?? "heard").sort();
    };
    expect(await publish("mute::1")).toEqual(["publish_forbidden"]);
    expect(await publish("other::1")).toEqual(["publish_forbidden"]);
    expect(await publish("elsewhere::1")).toEqual(["not_in_room"]);
    client.say({ type: "publish", room: "chat::1", event: "said", data: 1 });
    const heard = [await client.hear(), await client.hear()];
    expect(heard.map(({ type }) => type)).toContain("published");
  });
});

/** Tokens that are wrong here, and the verdict on each. */
const wrongTokens: readonly (readonly [string, () => Promise<string>, string])[] = [
  ["no token", async () => "wrong", "token_invalid"],
  ["another secret", async () => signToken(named, "another secret of more than 32 bytes"), "token_invalid"],
  ["another issuer", async () => signToken({ ...named, iss: "https://other.example" }), "token_invalid"],
  ["no issuer", async () => signToken({ aud: "chat" }), "token_invalid"],
  ["another audience", async () => signToken({ ...named, aud: "mail" }), "token_invalid"],
  ["not yet", async () => signToken({ ...named, nbf: nowSeconds() + 90 }), "token_invalid"],
  ["expired", async () => signToken({ ...named, exp: nowSeconds() - 61 }), "token_expired"],
  ["rooms is a text", async () => signToken({ ...named, rooms: "chat::1" }), "token_invalid"],
  ["a room is a number", async () => signToken({ ...named, rooms: [1] }), "token_invalid"],
  [
    "101 rooms",
    async () => signToken({ ...named, rooms: Array.from({ length: 101 }, String) }),
    "token_invalid",
  ],
  ["a large info", async () => signToken({ ...named, info: "x".repeat(2_000) }), "token_invalid"],
  ["a huge token", async () => signToken({ ...named, pad: "x".repeat(20_000) }), "token_invalid"],
];

describe("a wrong token is never taken for none", () => {
  test.each(wrongTokens)("T18 %s: by command", async (_, sign, code) => {
    using client = await Client.open();
    const { error } = await client.ask({ type: "token", token: await sign() });
    expect(error).toMatchObject({ code, retry: code === "token_expired" });
    // The connection is what it was.
    expect(await client.join("time")).toBe("joined");
    expect(await client.join("chat::1")).toBe("secret_wrong");
  });

  test.each(wrongTokens.filter(([name]) => name !== "a huge token"))(
    "T18 %s: at the handshake, closed with a code that says whether to come back",
    async (_, sign, code) => {
      using client = await Client.open({ Authorization: `Bearer ${await sign()}` }, "/connect?room=time");
      const { code: closed, reason } = await client.socket.waitForClose();
      expect({ closed, reason }).toEqual(
        code === "token_expired"
          ? { closed: 4001, reason: "Token expired" }
          : { closed: 4501, reason: "Token refused" },
      );
    },
  );

  test.each(wrongTokens.filter(([name]) => name !== "a huge token"))(
    "T18 %s: a stream is answered 401",
    async (_, sign) => {
      const answer = await fetch(`${gateway.url}/connect?room=time`, {
        headers: { accept: "text/event-stream", authorization: `Bearer ${await sign()}` },
      });
      expect(answer.status).toBe(401);
      expect(await answer.text()).toMatch(/^Expected a token/);
    },
  );

  test("T18 on a connection with a token, a wrong one changes nothing, and one of another user is refused", async () => {
    using client = await Client.of({ sub: "john" });
    expect((await client.ask({ type: "token", token: "wrong" })).error?.code).toBe("token_invalid");
    const jane = await signToken({ ...named, sub: "jane" });
    expect((await client.ask({ type: "token", token: jane })).error?.code).toBe("token_other_user");
    const nobody = await signToken(named);
    expect((await client.ask({ type: "token", token: nobody })).error?.code).toBe("token_other_user");
    expect(await client.join("user:john::inbox")).toBe("joined");
  });
});

describe("the end of a token", () => {
  test("T18 T28 a websocket is closed within 5 s after its token, with a code that says: come with a fresh one", async () => {
    using client = await Client.open({ Authorization: `Bearer ${await signTokenFor(2, named)}` });
    const started = performance.now();
    expect(await client.socket.waitForClose(10_000)).toEqual({ code: 4001, reason: "Token expired" });
    expect(performance.now() - started).toBeLessThan(7_000);
  }, 20_000);

  test("a fresh token on the open connection extends it, and keeps its rooms", async () => {
    using client = await Client.open({
      Authorization: `Bearer ${await signTokenFor(2, { ...named, sub: "john" })}`,
    });
    expect(await client.join("user:john::inbox")).toBe("joined");
    expect(
      await client.ask({ type: "token", token: await signToken({ ...named, sub: "john" }) }),
    ).toHaveProperty("type", "token");
    await Bun.sleep(4_000);
    expect(await client.ask({ type: "ping" })).toHaveProperty("type", "pong");
    expect(await client.ask({ type: "join", room: "user:john::inbox" })).toHaveProperty("type", "joined");
  }, 20_000);

  test("T28 a fresh token with fewer rights: what it does not open any more is left, and the client is told", async () => {
    using client = await Client.of({ sub: "john", groups: ["staff"], rooms: ["chat::*"] });
    for (const room of ["group:staff::news", "chat::1", "user:john::inbox", "time"])
      expect(await client.join(room)).toBe("joined");
    expect(await client.join("shop::orders", "right")).toBe("joined");
    const fewer = await signToken({ ...named, sub: "john", rooms: ["chat::2"] });
    expect(await client.ask({ type: "token", token: fewer })).toHaveProperty("type", "token");
    const lost = [await client.hear(), await client.hear()];
    expect(lost.map(({ type, room }) => `${type} ${room}`).sort()).toEqual([
      "refused chat::1",
      "refused group:staff::news",
    ]);
    const answer = await fetch(`${gateway.url}/rooms/chat::1`, {
      method: "POST",
      headers: { authorization: "Bearer publish-secret-of-the-test" },
      body: "1",
    });
    expect(await answer.json()).toMatchObject({ delivered: 0 });
    expect(await client.join("chat::2")).toBe("joined");
  });

  test("T18 T28 a stream says why it ends", async () => {
    using stream = await EventStreamClient.open(`${gateway.url}/connect?room=user:john::inbox`, {
      authorization: `Bearer ${await signTokenFor(2, { ...named, sub: "john" })}`,
    });
    const events = await stream.rest();
    expect(events.map(({ type }) => type)).toEqual(["joined", "closed"]);
    expect(JSON.parse(events[1]?.data ?? "")).toMatchObject({
      error: { code: "token_expired", retry: true },
    });
  }, 20_000);
});

test("T28 a token that opens less counts for a join that waits for Redis", async () => {
  await using redis = await startRedis();
  await using kept = await startGateway({
    redis: redis.url,
    auth,
    rooms: [{ match: "priv::*", history: { size: 100, seconds: 60 } }],
  });
  using client = new Client(await RawWebSocket.open(kept.url, "/connect"));
  const tokens = [await signToken({ sub: "ada", rooms: ["priv::*"] }), await signToken({ sub: "ada" })];
  expect(await client.ask({ type: "token", token: tokens[0] })).toHaveProperty("type", "token");
  expect(await client.join("priv::before")).toBe("joined");
  await redis.command("CLIENT", "PAUSE", "1000", "ALL");
  client.say({ type: "join", room: "priv::new" });
  expect(await client.ask({ type: "token", token: tokens[1] })).toHaveProperty("type", "token");
  expect(await client.hear()).toMatchObject({ type: "refused", room: "priv::before" });
  const answer = await client.hear();
  expect(answer).toMatchObject({ id: 3, error: { code: "secret_wrong" } });
  expect(answer.type).toBeUndefined();
}, 20_000);

test("T17 neither a token, right or wrong, nor what it says stands in the log or the metrics", async () => {
  const right = await signToken({ ...named, sub: "canary-user", rooms: ["canary::room"] });
  const wrong = await signToken({ sub: "canary-wrong" }, "another secret of more than 32 bytes");
  for (const token of [right, wrong]) {
    using client = await Client.open();
    await client.ask({ type: "token", token });
    await client.ask({ type: "join", room: "canary::other" });
    using _shown = await Client.open({ Authorization: `Bearer ${token}` });
    await fetch(`${gateway.url}/connect?room=a`, {
      headers: { accept: "text/event-stream", authorization: `Bearer ${token}x` },
    });
  }
  const metrics = await (await fetch(`${gateway.url}/-/metrics`)).text();
  const said = gateway.log + metrics;
  expect(said).toContain("token_invalid");
  for (const word of ["canary", auth.jwt.secret, ...right.split(".").slice(1), ...wrong.split(".").slice(1)])
    expect(said).not.toContain(word);
});

test("without `auth.jwt` nothing is looked for: a token is no token, and all is as before", async () => {
  await using plain = await startGateway({ listeners: [{ address: "127.0.0.1:0", dialects: ["native"] }] });
  const token = await signToken({ sub: "john" });
  using socket = await RawWebSocket.open(plain.url, "/connect?room=time&room=user:john::inbox", {
    Authorization: `Bearer ${token}`,
    "Sec-WebSocket-Protocol": `belfry, bearer.${token}`,
  });
  const verdicts = [await socket.waitForMessage(), await socket.waitForMessage()].map(String);
  expect(verdicts.filter((text) => text.includes('"joined"'))).toHaveLength(1);
  expect(verdicts.filter((text) => text.includes('"secret_wrong"'))).toHaveLength(1);
  socket.send(JSON.stringify({ id: 1, type: "token", token }));
  expect(String(await socket.waitForMessage())).toContain('"token_invalid"');
});
