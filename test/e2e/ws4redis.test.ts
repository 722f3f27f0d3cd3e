// The ws4redis dialect in whole gateways over a real Redis, as browsers and django-websocket-redis' backends see it:
// raw handshakes and raw frames on one side, PUBLISH and SETEX on the other.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { SignJWT } from "jose";
import type { ChannelName } from "../../src/dialects/ws4redis/query.ts";
import { channelNames } from "../../src/dialects/ws4redis/query.ts";
import { until } from "../support/until.ts";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway } from "../support/gateway.ts";
import { handshakeHeaders, RawConnection, rawRequest, RawWebSocket, requestBytes } from "../support/raw.ts";
import type { RawMessage, RawResponse } from "../support/raw.ts";
import { connectRedis, startRedis } from "../support/redis.ts";
import type { RedisClient, RedisServer } from "../support/redis.ts";
import { ServedGateway } from "../support/serve.ts";
import { heardUntil, logIn, usernameField } from "../support/ws4redis.ts";
import type { Person } from "../support/ws4redis.ts";

type Config = NonNullable<Parameters<typeof startGateway>[0]>;

const patience = 20_000;
setDefaultTimeout(60_000);
const heartbeat = "--heartbeat--";
/** A key as Django makes them. */
const keyOf = (letter: string): string => letter.repeat(32);
const everything = "subscribe-broadcast&subscribe-group&subscribe-user&subscribe-session";

let redis: RedisServer;
let backend: RedisClient;
/** Two gateways that know Django's sessions; browsers may publish at facilities like `chat/1`. */
let gateway: TestGateway;
let other: TestGateway;

function config(more: Config = {}): Config {
  return {
    redis: redis.url,
    listeners: [{ address: "127.0.0.1:0", dialects: ["ws4redis"] }],
    identity: { sessionEngine: "cache", username: usernameField },
    ...more,
    ws4redis: { publish: ["chat*"], ...more.ws4redis },
  };
}

beforeAll(async () => {
  redis = await startRedis();
  backend = await connectRedis(redis.url);
  [gateway, other] = await Promise.all([startGateway(config()), startGateway(config())]);
}, 30_000);

afterAll(async () => {
  await Promise.all([gateway, other].map(async (one) => one[Symbol.asyncDispose]()));
  await backend.close();
  await redis.stop();
});

async function cookieOf(person: Person): Promise<{ readonly Cookie: string }> {
  return logIn(async (key, value) => backend.set(key, value), person);
}

async function open(
  path: string,
  headers: Readonly<Record<string, string>> = {},
  at = gateway,
): Promise<RawWebSocket> {
  return RawWebSocket.open(at.url, path, headers);
}

/** The refusal of a handshake that must be refused. */
async function refusal(
  path: string,
  headers: Readonly<Record<string, string>> = {},
  at = gateway,
): Promise<RawResponse> {
  const answer = await RawWebSocket.tryOpen(at.url, path, headers);
  if (!(answer instanceof RawWebSocket)) return answer;
  answer[Symbol.dispose]();
  throw new Error(`Expected ${path} to be refused`);
}

let marks = 0;

const isMark = (message: RawMessage): boolean => message.toString().startsWith("mark ");

/** The next message that is none of the marks below. */
async function next(socket: RawWebSocket): Promise<RawMessage> {
  for (;;) {
    const message = await socket.waitForMessage(patience);
    if (!isMark(message)) return message;
  }
}

/** The next frame of any kind, by its opcode. */
async function nextOpcode(socket: RawWebSocket): Promise<number> {
  return socket.connection.read(
    (received) => (received.length < 2 ? undefined : { result: received.readUInt8(0) & 0x0f, length: 0 }),
    patience,
  );
}

async function take(socket: RawWebSocket, count: number): Promise<readonly RawMessage[]> {
  const messages: RawMessage[] = [];
  while (messages.length < count) messages.push(await next(socket));
  return messages;
}

/** What a client that hears this name has heard so far: what comes before a mark that is published now. */
async function heardSoFar(socket: RawWebSocket, name: string): Promise<readonly RawMessage[]> {
  const mark = `mark ${++marks}`;
  await backend.publish(name, mark);
  return (await heardUntil(socket, mark, patience)).filter((message) => !isMark(message));
}

/** From now on it hears what is published to this name: names of 0.2 are subscribed behind the handshake's answer. */
async function isListening(socket: RawWebSocket, name: string): Promise<RawWebSocket> {
  const mark = `mark ${++marks}`;
  const heard = heardUntil(socket, mark, patience).then(() => true);
  while (!(await Promise.race([heard, Bun.sleep(20)]))) await backend.publish(name, mark);
  return socket;
}

describe("the facility", () => {
  test.each([
    ["FooBar", "FooBar"],
    ["", ""],
    ["/slash", "/slash"],
    ["a%2F%C3%A9t%C3%A9%FF", "a/été%FF"],
    ["*", "*"],
  ])("W4R-01 /ws/%s is the facility %p, and no other", async (path, facility) => {
    using socket = await open(`/ws/${path}?subscribe-broadcast`);
    for (const near of [
      `${facility}/`,
      `/${facility}`,
      facility.toLowerCase(),
      facility.toUpperCase(),
      `${facility}x`,
    ])
      if (near !== facility) await backend.publish(`broadcast:${near}`, `to ${near}`);
    expect(await heardSoFar(socket, `broadcast:${facility}`)).toEqual([]);
  });

  test("W4R-01 RTE-07 behind a proxy that cut off the path: the leading slash goes, or stays", async () => {
    using stripped = await open("/foobar?subscribe-broadcast");
    expect(await heardSoFar(stripped, "broadcast:foobar")).toEqual([]);
    using empty = await open("/?subscribe-broadcast");
    expect(await heardSoFar(empty, "broadcast:")).toEqual([]);
    await using keeping = await startGateway(config({ ws4redis: { keepLeadingSlash: true } }));
    using kept = await open("/foobar?subscribe-broadcast", {}, keeping);
    await backend.publish("broadcast:foobar", "no");
    expect(await heardSoFar(kept, "broadcast:/foobar")).toEqual([]);
    using mounted = await open("/ws/foobar?subscribe-broadcast", {}, keeping);
    expect(await heardSoFar(mounted, "broadcast:foobar")).toEqual([]);
  });

  test("W4R-01 WEBSOCKET_URL is any path, the root too", async () => {
    await using deep = await startGateway(config({ ws4redis: { path: "/app/live/" } }));
    using socket = await open("/app/live/x/y?subscribe-broadcast", {}, deep);
    expect(await heardSoFar(socket, "broadcast:x/y")).toEqual([]);
    await using root = await startGateway(config({ ws4redis: { path: "/" } }));
    using bare = await open("/x/y", {}, root);
    bare.send("idle");
    using loud = await open("/x/y?subscribe-broadcast", {}, root);
    expect(await heardSoFar(loud, "broadcast:x/y")).toEqual([]);
  });

  test("RTE-02 RTE-03 RTE-07 who has the port alone takes `/ws/` and what is below it; `/ws` is nobody's", async () => {
    for (const path of ["/ws/", "/ws/x", "/ws/x/y?unknown=1", "/ws/?session_key=k"]) {
      using idle = await open(path);
      idle.send("idle");
    }
    expect((await refusal("/ws")).status).toBe(400);
    expect((await refusal("/ws?subscribe-broadcast")).status).toBe(400);
    expect((await refusal("/elsewhere")).status).toBe(404);
    expect((await rawRequest(gateway.url, { path: "/elsewhere?subscribe-broadcast" })).status).toBe(404);
  });

  test("SEC-05 SEC-06 W4R-01 more than 256 bytes, or what is no text: 400, and nothing of it comes back", async () => {
    for (const facility of ["x".repeat(257), encodeURIComponent("é".repeat(129)), "%EF%BF%BD<script>"]) {
      const answer = await refusal(`/ws/${facility}?subscribe-broadcast`);
      expect([answer.status, answer.text]).toEqual([
        400,
        "Expected a facility in UTF-8 of at most 256 bytes\n",
      ]);
      expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
    }
  });
});

describe("the query", () => {
  test("W4R-02 only names count: trimmed, in any case, each once; the rest means nothing", async () => {
    const cookie = await cookieOf({ key: keyOf("q"), user: "quentin", groups: ["q-group"] });
    const query =
      "%20Subscribe-USER%20=0&subscribe-user=no&SUBSCRIBE-group&unknown=subscribe-broadcast&=&subscribe-sessions";
    using socket = await open(`/ws/query?${query}`, cookie);
    await backend.publish("broadcast:query", "to all");
    await backend.publish(`session:${keyOf("q")}:query`, "to the session");
    await backend.publish("group:q-group:query", "to the group");
    expect(await heardSoFar(socket, "user:quentin:query")).toEqual(["to the group"]);
  });

  test("W4R-02 nothing at all is an idle connection", async () => {
    const cookie = await cookieOf({ key: keyOf("i"), user: "ida" });
    using socket = await open("/ws/idle", cookie);
    using witness = await open("/ws/idle?subscribe-broadcast");
    await heardSoFar(witness, "broadcast:idle");
    for (const name of ["broadcast:idle", "user:ida:idle", `session:${keyOf("i")}:idle`])
      await backend.publish(name, "x");
    socket.send("to nobody");
    await pinged(socket);
    expect(await heardSoFar(witness, "broadcast:idle")).toEqual(["x"]);
    socket.sendFrame(8, Uint8Array.of(0x03, 0xe8));
    // The answer to its close is the first thing that it hears.
    expect(await nextOpcode(socket)).toBe(8);
  });
});

describe("Redis names", () => {
  const person: Person = { key: keyOf("n"), user: "nora", groups: ["n1", "n2"] };

  /** Of these names, those whose messages are heard, in the order in which they are said. */
  async function heardOf(
    socket: RawWebSocket,
    names: readonly string[],
    last: string,
  ): Promise<readonly RawMessage[]> {
    await isListening(socket, last);
    for (const name of names) await backend.publish(name, name);
    return heardSoFar(socket, last);
  }

  const current = [
    "broadcast:names",
    "group:n1:names",
    "group:n2:names",
    "user:nora:names",
    `session:${keyOf("n")}:names`,
  ];
  const legacy = ["_broadcast_:names", "nora:names", `${keyOf("n")}:names`];
  const foreign = [
    "app:broadcast:names",
    "user:mary:names",
    "mary:names",
    "n1:names",
    "group:n3:names",
    "user:nora:other",
  ];
  const all = [...current, ...legacy, ...current.map((name) => `app:${name}`), ...foreign.slice(1)];

  test("W4R-03 current, with a prefix and without", async () => {
    const cookie = await cookieOf(person);
    using socket = await open(`/ws/names?${everything}`, cookie);
    expect(await heardOf(socket, all, "broadcast:names")).toEqual(current);
    await using prefixed = await startGateway(config({ ws4redis: { prefix: "app" } }));
    using app = await open(`/ws/names?${everything}`, cookie, prefixed);
    const names = current.map((name) => `app:${name}`);
    expect(await heardOf(app, all, "app:broadcast:names")).toEqual(names);
  });

  test("W4R-03 both: hears both, publishes to the current one, and reads what is kept there", async () => {
    const cookie = await cookieOf(person);
    await backend.set("user:nora:chat-names", "kept");
    await backend.set("nora:chat-names", "kept of old");
    await backend.set("_broadcast_:chat-names", "kept of old");
    await using both = await startGateway(config({ ws4redis: { naming: "both" } }));
    using socket = await open(`/ws/names?${everything}`, cookie, both);
    expect(await heardOf(socket, all, "broadcast:names")).toEqual([...current, ...legacy]);
    using speaker = await open(
      `/ws/chat-names?${everything}&publish-user&publish-broadcast&echo`,
      cookie,
      both,
    );
    expect(await speaker.waitForMessage(patience)).toBe("kept");
    speaker.send("said");
    expect(await speaker.waitForMessages(2, patience)).toEqual(["said", "said"]);
    expect(await backend.get("user:nora:chat-names")).toBe("said");
    expect(await backend.get("broadcast:chat-names")).toBe("said");
    expect(await backend.get("nora:chat-names")).toBe("kept of old");
  });

  test("W4R-03 SEC-06 names of 0.2 are subscribed once for all, and left with the last of them", async () => {
    const cookie = await cookieOf({ key: keyOf("o"), user: "olga" });
    await using old = await startGateway(config({ ws4redis: { naming: "legacy" } }));
    const count = async (): Promise<number> =>
      Object.values(await backend.pubSubNumSub(["olga:names"]))[0] ?? 0;
    const sockets = await Promise.all(
      Array.from({ length: 10 }, async () => open("/ws/names?subscribe-user", cookie, old)),
    );
    for (const socket of sockets) await isListening(socket, "olga:names");
    expect(await count()).toBe(1);
    const [last, ...others] = sockets;
    for (const socket of others) socket[Symbol.dispose]();
    expect(last && (await heardSoFar(last, "olga:names"))).toEqual([]);
    last?.[Symbol.dispose]();
    const deadline = performance.now() + patience;
    while ((await count()) > 0) {
      if (performance.now() > deadline) throw new Error("Expected nobody to subscribe");
      await Bun.sleep(10);
    }
  });
});

describe("on connect", () => {
  test("W4R-04 what is kept comes first, in the order broadcast, groups, user, session; other types are skipped", async () => {
    const person: Person = { key: keyOf("k"), user: "karl", groups: ["k1", "k2", "k3"] };
    const cookie = await cookieOf(person);
    await backend.set("broadcast:kept", "b");
    await backend.set("group:k1:kept", "g1");
    await backend.lPush("group:k2:kept", "a list");
    await backend.hSet("group:k3:kept", "a", "hash");
    await backend.set("user:karl:kept", "");
    await backend.set(`session:${keyOf("k")}:kept`, Buffer.from([0xff, 0x00]));
    await backend.set("user:karl:other", "elsewhere");
    using socket = await open(`/ws/kept?${everything}`, cookie);
    const heard = await heardSoFar(socket, "broadcast:kept");
    expect(heard).toEqual(["b", "g1", Buffer.from([0xff, 0x00])]);
    // Only what it listens to: publishing alone reads nothing.
    using speaker = await open("/ws/kept?publish-broadcast&subscribe-user", cookie);
    expect(await heardSoFar(speaker, "user:karl:kept")).toEqual([]);
  });

  test("W4R-04 W4R-06 a page that comes while an atomic publisher speaks misses nothing from the kept message on", async () => {
    const last = 1_000;
    let said = 0;
    const follow = async (): Promise<readonly number[]> => {
      using socket = await open("/ws/ticker?subscribe-broadcast");
      const heard: number[] = [];
      while (heard.at(-1) !== last) heard.push(Number(await socket.waitForMessage(patience)));
      return heard;
    };
    const followers: Promise<readonly number[]>[] = [];
    while (said < last) {
      said++;
      const saying = backend
        .multi()
        .publish("broadcast:ticker", `${said}`)
        .setEx("broadcast:ticker", 60, `${said}`)
        .exec();
      if (said % 25 === 0) followers.push(follow());
      await saying;
    }
    const all = await Promise.all(followers);
    expect(all).toHaveLength(40);
    for (const heard of all) {
      // What was on its way when the kept one was asked for comes a second time; all the rest follow one by one.
      const [kept = 0, ...live] = heard;
      const start = Math.min(live[0] ?? Infinity, kept + 1);
      expect(live).toEqual(Array.from({ length: last - start + 1 }, (_, at) => start + at));
    }
  });

  test("W4R-06 keys are never deleted", async () => {
    await backend.setEx("broadcast:kept-on", 600, "kept");
    for (let at = 0; at < 3; at++) {
      using socket = await open("/ws/kept-on?subscribe-broadcast");
      expect(await socket.waitForMessage(patience)).toBe("kept");
    }
    expect(await backend.get("broadcast:kept-on")).toBe("kept");
    expect(await backend.ttl("broadcast:kept-on")).toBeGreaterThan(500);
  });
});

describe("what clients say", () => {
  test("W4R-05 what a client said is published and kept before its close is answered", async () => {
    // A process of its own: in this one, Redis would be asked in the gateway's turns.
    const args = ["--as", "ws4redis", "--broadcast-only", "--ws4redis-publish", "chat", "--redis", redis.url];
    await using served = await ServedGateway.start({ args });
    using asking = await RawConnection.open(`http://127.0.0.1:${redis.port}`);
    const kept = async (): Promise<string> => {
      asking.write("GET broadcast:chat\r\n");
      return asking.read((bytes) => {
        const [, text] = /^\$(?:-1|\d+\r\n([^\r]*))\r\n/.exec(bytes.toString()) ?? [];
        return bytes.includes("\r\n") ? { result: text ?? "nothing", length: bytes.length } : undefined;
      }, patience);
    };
    let late = 0;
    for (let round = 0; round < 300; round++) {
      using client = await RawWebSocket.open(served.url, "/ws/chat?publish-broadcast");
      const text = `last words ${round}`;
      // In one piece, and in two.
      if (round % 2 === 0) client.sendAndClose(text);
      else {
        client.send(text);
        client.sendFrame(8, Buffer.of(0x03, 0xe8));
      }
      expect(await client.waitForClose(patience)).toEqual({ code: 1000, reason: "" });
      // Redis may read the question first, though the words have reached it; it cannot read two first.
      if ((await kept()) !== text && (await kept()) !== text) late++;
    }
    expect(late).toBe(0);
  }, 60_000);

  test("W4R-05 is published to each name, and kept for `expire` seconds; binary as it is, empty not at all", async () => {
    const cookie = await cookieOf({ key: keyOf("s"), user: "sam", groups: ["s1", "s2"] });
    const query = "publish-broadcast&publish-user&publish-group&publish-session";
    using socket = await open(`/ws/chat/5?${query}`, cookie);
    const names = [
      "broadcast:chat/5",
      "group:s1:chat/5",
      "group:s2:chat/5",
      "user:sam:chat/5",
      `session:${keyOf("s")}:chat/5`,
    ];
    const said: string[] = [];
    const listener = backend.duplicate();
    await listener.connect();
    await listener.pSubscribe(
      "*:chat/5",
      (message, channel) => void said.push(`${channel.toString()} ${message.toString("hex")}`),
      true,
    );
    socket.send("");
    socket.send(new Uint8Array());
    socket.send(Uint8Array.of(0xff, 0x00));
    await until(() => said.length >= names.length, patience);
    await listener.close();
    expect(said).toEqual(names.map((name) => `${name} ff00`));
    for (const name of names) {
      expect(await backend.ttl(name)).toBeGreaterThan(3_500);
      expect(await redis.command("STRLEN", name)).toBe(2);
    }
  });

  test("W4R-17 W4R-05 by default browsers may publish nowhere: it is discarded, and the connection stays", async () => {
    await using closed = await startGateway(config({ ws4redis: { publish: [] } }));
    using socket = await open("/ws/chat/1?subscribe-broadcast&publish-broadcast&echo", {}, closed);
    socket.send("discarded");
    await pinged(socket);
    expect(await heardSoFar(socket, "broadcast:chat/1")).toEqual([]);
    expect(await closed.metric("belfry_refused_total", 'reason="publish_closed"')).toBe(1);
  });

  test("W4R-17 facility by facility, by glob", async () => {
    using shut = await open("/ws/news?subscribe-broadcast&publish-broadcast&echo");
    shut.send("discarded");
    await pinged(shut);
    expect(await heardSoFar(shut, "broadcast:news")).toEqual([]);
    using mine = await open("/ws/chat/17?publish-broadcast&subscribe-broadcast&echo");
    mine.send("heard");
    expect(await mine.waitForMessage(patience)).toBe("heard");
    // Who asks for no right has none.
    using silent = await open("/ws/chat/17?subscribe-broadcast&publish-user&echo");
    expect(await silent.waitForMessage(patience)).toBe("heard");
    silent.send("discarded");
    await pinged(silent);
    expect(await heardSoFar(silent, "broadcast:chat/17")).toEqual([]);
  });

  test("W4R-18 1 MiB is a message, a byte more closes with 1009", async () => {
    using socket = await open("/ws/chat/18?publish-broadcast&subscribe-broadcast&echo");
    const text = "x".repeat(1024 * 1024);
    socket.send(text);
    expect((await socket.waitForMessage(patience)) === text).toBe(true);
    await backend.del("broadcast:chat/18");
    for (const bytes of [1024 * 1024 + 1, 3 * 1024 * 1024]) {
      using large = await open("/ws/chat/18?publish-broadcast");
      large.send(Buffer.alloc(bytes));
      expect((await large.waitForClose(patience)).code).toBe(1009);
    }
    expect(await backend.exists("broadcast:chat/18")).toBe(0);
  });
});

describe("what clients hear", () => {
  test("W4R-07 the payload as it came: text, binary where it is no UTF-8, an empty one not at all", async () => {
    using socket = await open("/ws/payloads?subscribe-broadcast");
    const payloads = ["text", "\uFEFFbom", "\0", '{"a":1e400}', "\u{1f514}", "x".repeat(70_000)];
    await isListening(socket, "broadcast:payloads");
    for (const payload of payloads) await backend.publish("broadcast:payloads", payload);
    await backend.publish("broadcast:payloads", "");
    await backend.publish("broadcast:payloads", Buffer.from([0xc3, 0x28]));
    const heard = await heardSoFar(socket, "broadcast:payloads");
    expect(heard).toEqual([...payloads, Buffer.from([0xc3, 0x28])]);
  });

  test("W4R-07 many in one read of the Redis socket come at once; a ping of the client holds nothing up", async () => {
    using socket = await isListening(await open("/ws/burst?subscribe-broadcast"), "broadcast:burst");
    socket.sendFrame(9, "ping");
    const texts = Array.from({ length: 500 }, (_, at) => `${at}`);
    const burst = backend.multi();
    for (const text of texts) burst.publish("broadcast:burst", text);
    await burst.exec();
    expect(await socket.waitForMessages(500, patience)).toEqual(texts);
  });
});

describe("W4R-08 one's own last words", () => {
  const query = "subscribe-broadcast&publish-broadcast";

  /** Clients at one facility, on both gateways in turn, that hear already. */
  async function atFacility(name: string, ...queries: readonly string[]): Promise<readonly RawWebSocket[]> {
    const sockets = await Promise.all(
      queries.map(async (one, at) => open(`/ws/${name}?${one}`, {}, at % 2 === 0 ? gateway : other)),
    );
    for (const socket of sockets) await isListening(socket, `broadcast:${name}`);
    return sockets;
  }

  test("W4R-08 are not heard again without `echo`, and are with it, on whichever gateway", async () => {
    const [mine, here, echoing, echoingHere] = await atFacility(
      "chat/echo",
      query,
      query,
      `${query}&echo`,
      `${query}&ECHO=0`,
    );
    if (!mine || !here || !echoing || !echoingHere) throw new Error("Expected four clients");
    mine.send("one");
    for (const socket of [here, echoing, echoingHere]) expect(await next(socket)).toBe("one");
    echoing.send("two");
    for (const socket of [mine, here, echoing, echoingHere]) expect(await next(socket)).toBe("two");
    for (const socket of [mine, here, echoing, echoingHere]) socket[Symbol.dispose]();
  });

  test("W4R-08 swallow the same words of somebody else, on the other gateway too; binary or text is one", async () => {
    const [mine, theirs] = await atFacility("chat/same", query, query);
    if (!mine || !theirs) throw new Error("Expected two clients");
    mine.send("same");
    expect(await next(theirs)).toBe("same");
    theirs.send(Buffer.from("same"));
    await backend.publish("broadcast:chat/same", "same");
    expect(await heardSoFar(mine, "broadcast:chat/same")).toEqual([]);
    expect(await heardSoFar(theirs, "broadcast:chat/same")).toEqual([]);
    // As long as nothing else is said, however often.
    await backend.publish("broadcast:chat/same", "same");
    await backend.publish("broadcast:chat/same", "same ");
    expect(await heardSoFar(mine, "broadcast:chat/same")).toEqual(["same "]);
    for (const socket of [mine, theirs]) socket[Symbol.dispose]();
  });

  test("W4R-08 are the last ones alone: of two that come together the first is heard again", async () => {
    const [mine] = await atFacility("chat/quick", query);
    if (!mine) throw new Error("Expected a client");
    // In one segment, so that both are read before either comes back.
    mine.connection.write(Buffer.concat([maskedText("first"), maskedText("second")]));
    expect(await next(mine)).toBe("first");
    expect(await heardSoFar(mine, "broadcast:chat/quick")).toEqual([]);
    mine[Symbol.dispose]();
  });

  test("W4R-08 are forgotten by an empty message", async () => {
    const [mine, , here] = await atFacility("chat/empty", query, query, query);
    if (!mine || !here) throw new Error("Expected clients");
    mine.send("said");
    // They are at one gateway: what the one hears, the other was not told.
    expect(await next(here)).toBe("said");
    expect(await heardSoFar(mine, "broadcast:chat/empty")).toEqual([]);
    mine.send("");
    await pinged(mine);
    await backend.publish("broadcast:chat/empty", "said");
    expect(await heardSoFar(mine, "broadcast:chat/empty")).toEqual(["said"]);
    mine[Symbol.dispose]();
  });

  test("W4R-08 of one who may not publish are remembered as well", async () => {
    using mine = await isListening(
      await open("/ws/mute?subscribe-broadcast&publish-broadcast"),
      "broadcast:mute",
    );
    mine.send("said");
    await pinged(mine);
    await backend.publish("broadcast:mute", "said");
    await backend.publish("broadcast:mute", "else");
    expect(await heardSoFar(mine, "broadcast:mute")).toEqual(["else"]);
  });

  test("W4R-08 count in every audience, and not for what is kept", async () => {
    const cookie = await cookieOf({ key: keyOf("e"), user: "eva" });
    const all = "subscribe-broadcast&subscribe-user&publish-user&publish-broadcast";
    using mine = await isListening(await open(`/ws/chat/eva?${all}`, cookie), "user:eva:chat/eva");
    mine.send("said");
    await pinged(mine);
    expect(await heardSoFar(mine, "user:eva:chat/eva")).toEqual([]);
    using again = await open(`/ws/chat/eva?${all}`, cookie);
    again.send("said");
    expect(await take(again, 2)).toEqual(["said", "said"]);
  });

  test("W4R-08 of 0.1 and 0.2 are heard, unless the config says otherwise", async () => {
    for (const [echo, expected] of [
      [undefined, ["said"]],
      ["asked", []],
    ] as const) {
      const section = { naming: "legacy" as const, ...(echo && { echo }) };
      await using old = await startGateway(config({ ws4redis: section }));
      using mine = await isListening(await open(`/ws/chat/old?${query}`, {}, old), "_broadcast_:chat/old");
      using here = await isListening(
        await open("/ws/chat/old?subscribe-broadcast", {}, old),
        "_broadcast_:chat/old",
      );
      mine.send("said");
      expect(await next(here)).toBe("said");
      expect(await heardSoFar(mine, "_broadcast_:chat/old")).toEqual([...expected]);
      await backend.del("_broadcast_:chat/old");
    }
  });
});

/** A masked text frame of less than 126 bytes. */
function maskedText(text: string): Buffer {
  const payload = Buffer.from(text);
  return Buffer.concat([Uint8Array.of(0x81, 0x80 | payload.length, 0, 0, 0, 0), payload]);
}

/** The gateway has read all that was sent, and carried it out. */
async function pinged(socket: RawWebSocket): Promise<void> {
  const mark = `sync ${++marks}`;
  socket.sendFrame(9, mark);
  await socket.connection.read((received) => {
    const at = received.indexOf(mark);
    if (at === -1) return undefined;
    // What came before the pong is kept for the next reader.
    received.copyWithin(2, 0, at - 2);
    return { result: undefined, length: mark.length + 2 };
  }, patience);
}

describe("W4R-09 the heartbeat", () => {
  test("W4R-09 W4R-08 is answered at once, is never published, and clears the last words", async () => {
    await using beating = await startGateway(config({ ws4redis: { heartbeat } }));
    const path = "/ws/chat/beat?subscribe-broadcast&publish-broadcast";
    using mine = await isListening(await open(path, {}, beating), "broadcast:chat/beat");
    using here = await isListening(await open(path, {}, beating), "broadcast:chat/beat");
    using elsewhere = await isListening(await open(path), "broadcast:chat/beat");
    const nextText = async (socket: RawWebSocket): Promise<RawMessage> => {
      const message = await next(socket);
      return message === heartbeat ? nextText(socket) : message;
    };
    mine.send("said");
    expect(await nextText(here)).toBe("said");
    // It may have come by itself meanwhile: the answers are those behind a mark.
    await heardSoFar(mine, "broadcast:chat/beat");
    mine.send(heartbeat);
    mine.send(Buffer.from(heartbeat));
    expect(await take(mine, 2)).toEqual([heartbeat, heartbeat]);
    await backend.publish("broadcast:chat/beat", "said");
    expect(await nextText(mine)).toBe("said");
    expect(await heardSoFar(elsewhere, "broadcast:chat/beat")).toEqual(["said", "said"]);
    expect(await backend.get("broadcast:chat/beat")).toBe("said");
    await backend.del("broadcast:chat/beat");
  });
});

describe("the handshake", () => {
  const path = "/ws/handshake?subscribe-broadcast";
  const right = handshakeHeaders();
  const without = (name: string): Record<string, string> =>
    Object.fromEntries(Object.entries(right).filter(([key]) => key !== name));

  /** Each with everything wrong that is judged behind it, too. */
  const table: readonly (readonly [string, string, Readonly<Record<string, string>>, number, string])[] = [
    ["another method", "POST", {}, 400, "HTTP method must be a GET\n"],
    [
      "no upgrade",
      "GET",
      { ...right, Upgrade: "h2c", "Sec-WebSocket-Version": "6" },
      400,
      "Client does not wish to upgrade to a websocket\n",
    ],
    [
      "a foreign page",
      "GET",
      { Upgrade: "websocket", Cookie: "sessionid=x", Origin: "http://evil.example" },
      403,
      "Expected an origin that may connect: `origins` (--cors) lists them\n",
    ],
    ["no version, no key", "GET", { Upgrade: "websocket" }, 426, "Sec-WebSocket-Version header is missing\n"],
    [
      "a version of its own",
      "GET",
      { Upgrade: "websocket", "Sec-WebSocket-Version": "6" },
      400,
      "Unsupported WebSocket Version: 6\n",
    ],
    ["no key", "GET", without("Sec-WebSocket-Key"), 400, "Sec-WebSocket-Key header is missing/empty\n"],
    ["another key", "GET", { ...right, "Sec-WebSocket-Key": "AAAA" }, 400, "Invalid key\n"],
  ];

  test.each(table)("W4R-10 SEC-05 RTE-04 %s", async (_, method, headers, status, text) => {
    const answer = await rawRequest(gateway.url, { method, path, headers });
    expect([answer.status, answer.text]).toEqual([status, text]);
    expect(answer.headers.get("content-type")).toBe("text/plain; charset=utf-8");
    expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
    if (status !== 426) return;
    expect(answer.headers.get("sec-websocket-version")).toBe("13");
    expect(answer.headers.get("upgrade")).toBe("websocket");
  });

  test.each(["13", "8", "7"])("W4R-10 version %s is served, with frames both ways", async (version) => {
    using socket = await open("/ws/chat/version?subscribe-broadcast&publish-broadcast&echo", {
      "Sec-WebSocket-Version": version,
    });
    socket.send("said");
    expect(await socket.waitForMessage(patience)).toBe("said");
    await backend.del("broadcast:chat/version");
  });

  test.each([
    ["Upgrade in another case", { ...right, Upgrade: "WebSocket" }],
    ["no Connection header", without("Connection")],
    ["Connection: keep-alive", { ...right, Connection: "keep-alive" }],
  ])("W4R-10 %s is a handshake", async (_, headers) => {
    using connection = await RawConnection.open(gateway.url);
    connection.write(requestBytes(gateway.url, { path, headers }));
    expect((await connection.response(patience)).status).toBe(101);
  });

  test.each([
    ["chat, superchat", "chat"],
    [undefined, undefined],
  ])("W4R-11 offered %p, selected %p", async (offered, selected) => {
    using connection = await RawConnection.open(gateway.url);
    const headers = { ...right, ...(offered !== undefined && { "Sec-WebSocket-Protocol": offered }) };
    connection.write(requestBytes(gateway.url, { path, headers }));
    const answer = await connection.response(patience);
    expect([answer.status, answer.headers.get("sec-websocket-protocol")]).toEqual([101, selected]);
  });
});

describe("the end", () => {
  test("W4R-12 a client's own code comes back", async () => {
    for (const code of [1000, 1001, 3000, 4999]) {
      using socket = await open("/ws/end");
      socket.sendFrame(8, Uint8Array.of(code >> 8, code & 0xff));
      expect((await socket.waitForClose(patience)).code).toBe(code);
    }
    using silent = await open("/ws/end");
    silent.sendFrame(8, "");
    expect([1000, 1005]).toContain((await silent.waitForClose(patience)).code);
  });

  test("W4R-12 text that is no UTF-8 is 1007, broken framing 1002", async () => {
    using broken = await open("/ws/end");
    broken.sendFrame(1, Uint8Array.of(0xc3, 0x28));
    expect((await broken.waitForClose(patience)).code).toBe(1007);
    for (const opcode of [0, 3, 11, 0x41]) {
      using socket = await open("/ws/end");
      socket.sendFrame(opcode, "x");
      expect((await socket.waitForClose(patience)).code).toBe(1002);
    }
    using unmasked = await open("/ws/end");
    unmasked.connection.write(Uint8Array.of(0x81, 1, 65));
    expect((await unmasked.waitForClose(patience)).code).toBe(1002);
  });

  test("W4R-12 all text that is UTF-8 passes, also cut in the middle of a character", async () => {
    using socket = await open("/ws/chat/utf8?subscribe-broadcast&publish-broadcast&echo");
    const bytes = Buffer.from("é\u{1f514}");
    socket.sendFrame(1, bytes.subarray(0, 1), false);
    socket.sendFrame(0, bytes.subarray(1, 4), false);
    socket.sendFrame(0, bytes.subarray(4));
    expect(await socket.waitForMessage(patience)).toBe("é\u{1f514}");
    await backend.del("broadcast:chat/utf8");
  });

  test("W4R-12 SEC-14 a shutdown says 1001 `Websocket Closed`", async () => {
    const ending = await startGateway(config());
    const sockets = await Promise.all(
      Array.from({ length: 5 }, async () => open("/ws/end?subscribe-broadcast", {}, ending)),
    );
    await isListening(sockets[0] ?? (await open("/ws/end", {}, ending)), "broadcast:end");
    const stopping = ending.gateway.stop(500);
    for (const socket of sockets)
      expect(await socket.waitForClose(patience)).toEqual({ code: 1001, reason: "Websocket Closed" });
    await stopping;
    await ending[Symbol.asyncDispose]();
  });

  test("SEC-06 nothing is kept of whoever came and went", async () => {
    const cookie = await cookieOf({ key: keyOf("m"), user: "mona", groups: ["m1"] });
    await using both = await startGateway(config({ ws4redis: { naming: "both" } }));
    for (let round = 0; round < 5; round++) {
      const sockets = await Promise.all(
        Array.from({ length: 40 }, async (_, at) =>
          open(`/ws/chat/${at}?${everything}&publish-user`, cookie, both),
        ),
      );
      for (const socket of sockets) socket.send("last words");
      for (const socket of sockets) socket[Symbol.dispose]();
    }
    const deadline = performance.now() + patience;
    const left = async (): Promise<readonly number[]> => [
      await both.metric("belfry_rooms"),
      await both.metric("belfry_connections"),
      (await backend.pubSubChannels("mona:*")).length,
    ];
    while ((await left()).some((count) => count > 0)) {
      if (performance.now() > deadline)
        throw new Error(`Expected nothing to be left, got ${String(await left())}`);
      await Bun.sleep(20);
    }
  });
});

describe("who may have which channels", () => {
  test("W4R-13 by rules: a subset, or 403", async () => {
    await using ruled = await startGateway(
      config({
        ws4redis: { allowedChannels: { "chat/shut": "", "chat*": "subscribe-broadcast,publish-broadcast" } },
      }),
    );
    const cookie = await cookieOf({ key: keyOf("r"), user: "rosa" });
    using socket = await open("/ws/chat/ruled?subscribe-broadcast&subscribe-user", cookie, ruled);
    await isListening(socket, "broadcast:chat/ruled");
    await backend.publish("user:rosa:chat/ruled", "not for her");
    expect(await heardSoFar(socket, "broadcast:chat/ruled")).toEqual([]);
    for (const facility of ["chat/shut", "news", ""]) {
      const answer = await refusal(`/ws/${facility}?subscribe-broadcast`, {}, ruled);
      expect([answer.status, answer.text]).toEqual([
        403,
        "Expected a facility and channels that you may have\n",
      ]);
    }
  });

  /** A gateway that asks a backend of the test's; `reply` answers. */
  async function asking(reply: (body: unknown) => Response | Promise<Response>, more: Config = {}) {
    const server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: async (request) => reply(await request.json()),
    });
    const asking = await startGateway(
      config({ ...more, identity: { callbackUrl: server.url.href, callbackTimeout: 0.5 } }),
    );
    return {
      gateway: asking,
      async [Symbol.asyncDispose]() {
        await asking[Symbol.asyncDispose]();
        await server.stop(true);
      },
    };
  }

  test("W4R-13 DJS-10 DJS-01 by the callback, whose answer is the whole identity and adds nothing", async () => {
    const asked: unknown[] = [];
    await using site = await asking((body) => {
      asked.push(body);
      const channels: ChannelName[] = ["subscribe-user", "subscribe-broadcast"];
      return Response.json({ user: "cara", groups: ["c1"], channels });
    });
    const headers = await cookieOf({ key: keyOf("c"), user: "somebody else" });
    using socket = await open(
      "/ws/chat/c?subscribe-user&subscribe-group&publish-user&t=1",
      headers,
      site.gateway,
    );
    await isListening(socket, "user:cara:chat/c");
    for (const name of ["group:c1:chat/c", "broadcast:chat/c", "user:somebody else:chat/c"])
      await backend.publish(name, "no");
    socket.send("discarded");
    await pinged(socket);
    expect(await heardSoFar(socket, "user:cara:chat/c")).toEqual([]);
    expect(await backend.exists("user:cara:chat/c")).toBe(0);
    expect(asked).toEqual([
      {
        facility: "chat/c",
        channels: ["subscribe-group", "subscribe-user", "publish-user"],
        path: "/ws/chat/c",
        query: "subscribe-user&subscribe-group&publish-user&t=1",
        remote: "127.0.0.1",
      },
    ]);
  });

  test.each<[string, () => Response | Promise<Response>, number]>([
    ["says no", () => new Response(null, { status: 403 }), 403],
    ["breaks", () => new Response("Traceback: s3cret", { status: 500 }), 503],
  ])("W4R-13 SEC-02 DJS-10 a callback that %s allows nothing", async (_, reply, status) => {
    await using site = await asking(reply);
    const answer = await refusal("/ws/chat/c?subscribe-broadcast", {}, site.gateway);
    expect(answer.status).toBe(status);
    expect(answer.text).not.toContain("s3cret");
  });

  test("W4R-13 a callback that leaves nothing leaves an idle connection", async () => {
    await using site = await asking(() => Response.json({ user: "cara", channels: [] }));
    using socket = await open(
      "/ws/chat/none?subscribe-user&subscribe-broadcast&publish-broadcast",
      {},
      site.gateway,
    );
    using witness = await isListening(await open("/ws/chat/none?subscribe-broadcast"), "broadcast:chat/none");
    socket.send("discarded");
    await pinged(socket);
    expect(await heardSoFar(witness, "broadcast:chat/none")).toEqual([]);
  });
});

describe("who has no identity", () => {
  test("W4R-14 anonymous visitors share no user or group channel, and the connection stays", async () => {
    using one = await open(`/ws/chat/anon?${everything}&publish-user&publish-group`);
    using two = await open(`/ws/chat/anon?${everything}`);
    for (const socket of [one, two]) await isListening(socket, "broadcast:chat/anon");
    const said: string[] = [];
    const listener = backend.duplicate();
    await listener.connect();
    await listener.pSubscribe("*:chat/anon", (_message, channel) => void said.push(channel));
    one.send("to whom?");
    await pinged(one);
    for (const name of [
      "AnonymousUser:chat/anon",
      "user:AnonymousUser:chat/anon",
      "user:None:chat/anon",
      "user::chat/anon",
      "session:None:chat/anon",
    ])
      await backend.publish(name, "junk");
    const heard = await heardSoFar(two, "broadcast:chat/anon");
    expect(heard).toEqual([]);
    await until(() => said.at(-1) === "broadcast:chat/anon", patience);
    expect(said.filter((channel) => channel.startsWith("broadcast:"))).toHaveLength(1);
    expect(said.filter((channel) => !channel.startsWith("broadcast:"))).toHaveLength(5);
    await listener.close();
  });

  test("W4R-15 the session audience alone, without a session: 101, then 1001", async () => {
    const cookies: Record<string, string>[] = [
      {},
      { Cookie: `sessionid=${keyOf("z")}` }, // unknown
      { Cookie: "sessionid=short" },
      { Cookie: "sessionid=user:johndoe" },
      { Cookie: `sessionid=${keyOf("a")}%00` },
    ];
    for (const headers of cookies) {
      for (const query of [
        "subscribe-session",
        "publish-session",
        "subscribe-session&publish-session&echo",
      ]) {
        using socket = await open(`/ws/chat/session?${query}`, headers);
        expect(await socket.waitForClose(patience)).toEqual({ code: 1001, reason: "Websocket Closed" });
      }
    }
    const disconnects = await gateway.metric("belfry_disconnections_total", 'reason="no_session"');
    expect(disconnects).toBe(15);
  });

  test("W4R-15 with anything else it carries on with the rest", async () => {
    using socket = await open("/ws/rest?subscribe-session&subscribe-broadcast", {
      Cookie: `sessionid=${keyOf("z")}`,
    });
    await isListening(socket, "broadcast:rest");
    for (const name of [`session:${keyOf("z")}:rest`, "session:None:rest", "session::rest"])
      await backend.publish(name, "no");
    expect(await heardSoFar(socket, "broadcast:rest")).toEqual([]);
  });

  test("W4R-15 an expired session is none", async () => {
    const cookie = await cookieOf({ key: keyOf("x"), user: "xaver" });
    using valid = await open("/ws/x?subscribe-session", cookie);
    await isListening(valid, `session:${keyOf("x")}:x`);
    await backend.pExpire(`:1:django.contrib.sessions.cache${keyOf("x")}`, 1);
    await Bun.sleep(5);
    using expired = await open("/ws/x?subscribe-session", cookie);
    expect((await expired.waitForClose(patience)).code).toBe(1001);
  });

  test("DJS-08 signed cookies have no session channel", async () => {
    const secretKey = "s3cr3t";
    const cookie = "eyJhIjoxfQ:1r31eq:905b6WpZHJ2u6tY9DA5PXMA2CYOBt-xPMDFAjqD2BUo";
    await using signed = await startGateway(
      config({ identity: { sessionEngine: "signed_cookies", secretKey, cookieAge: 1_000_000_000 } }),
    );
    using socket = await open("/ws/x?subscribe-session", { Cookie: `sessionid=${cookie}` }, signed);
    expect((await socket.waitForClose(patience)).code).toBe(1001);
  });
});

describe("W4R-16 where a page comes from", () => {
  const cookie = { Cookie: "sessionid=whatever" };
  const path = "/ws/origin?subscribe-broadcast";

  test.each([["http://evil.example"], ["https://127.0.0.1"], ["http://127.0.0.1:1"]])(
    "W4R-16 SEC-08 T1 a cookie with the Origin %p: 403",
    async (origin) => {
      const answer = await refusal(path, { ...cookie, Origin: origin });
      expect([answer.status, answer.text]).toEqual([
        403,
        "Expected an origin that may connect: `origins` (--cors) lists them\n",
      ]);
    },
  );

  test("W4R-16 T17 the log says what to set, and nothing of the request", async () => {
    await refusal(path, { ...cookie, Origin: "http://canary.example" });
    const line = gateway.log.split("\n").find((text) => text.includes('"origin_refused"')) ?? "";
    for (const word of ["Host", "X-Forwarded-Host", "trustedProxies", "origins"])
      expect(line).toContain(word);
    expect(gateway.log).not.toContain("canary.example");
  });

  test("W4R-16 the own origin by Host, the listed one, and who is no page", async () => {
    using own = await open(path, { ...cookie, Origin: gateway.url });
    await isListening(own, "broadcast:origin");
    const site = gateway.url.replace("127.0.0.1", "chat.example");
    using named = await open(path, { ...cookie, Origin: site, Host: new URL(site).host });
    await isListening(named, "broadcast:origin");
    using program = await open(path, cookie);
    await isListening(program, "broadcast:origin");
    const listeners = [
      { address: "127.0.0.1:0", dialects: ["ws4redis" as const], origins: ["https://chat.example"] },
    ];
    await using listed = await startGateway(config({ listeners }));
    using page = await open(path, { ...cookie, Origin: "https://chat.example" }, listed);
    await isListening(page, "broadcast:origin");
    expect((await refusal(path, { ...cookie, Origin: "https://chat.example:444" }, listed)).status).toBe(403);
    // The own origin goes in beside the list.
    using same = await open(path, { ...cookie, Origin: listed.url }, listed);
    await isListening(same, "broadcast:origin");
  });

  test("W4R-16 X-Forwarded-Host counts from a trusted proxy alone", async () => {
    const forwarded = {
      ...cookie,
      Origin: "https://chat.example",
      "X-Forwarded-Host": "chat.example",
      "X-Forwarded-Proto": "https",
    };
    expect((await refusal(path, forwarded)).status).toBe(403);
    const listeners = [
      { address: "127.0.0.1:0", dialects: ["ws4redis" as const], trustedProxies: ["127.0.0.1"] },
    ];
    await using behind = await startGateway(config({ listeners }));
    using page = await open(path, forwarded, behind);
    await isListening(page, "broadcast:origin");
    expect((await refusal(path, { ...forwarded, Origin: "https://evil.example" }, behind)).status).toBe(403);
    // What the client wrote stands before what the proxy wrote.
    const two = {
      ...forwarded,
      Origin: "https://evil.example",
      "X-Forwarded-Host": "evil.example, chat.example",
    };
    expect((await refusal(path, two, behind)).status).toBe(403);
  });
});

describe("T18 tokens", () => {
  const secret = "0123456789abcdef0123456789abcdef";
  const jwt = { algorithm: "HS256" as const, secret };

  async function bearer(expiresInSeconds: number, claims: Record<string, unknown> = { username: "tom" }) {
    const exp = Math.floor(Date.now() / 1_000) + expiresInSeconds;
    const token = await new SignJWT({ ...claims, exp })
      .setProtectedHeader({ alg: "HS256" })
      .sign(Buffer.from(secret));
    return { Authorization: `Bearer ${token}` };
  }

  test("DJS-11 DJS-01 T18 the identity is the token's; when it ends, the connection does, with 1008", async () => {
    await using tokens = await startGateway(config({ identity: { sessionEngine: "none", jwt } }));
    // Clocks may differ by 60 s: so much longer it is valid.
    using ending = await open("/ws/t?subscribe-user", await bearer(-57), tokens);
    using lasting = await open("/ws/t?subscribe-user", await bearer(600), tokens);
    await isListening(lasting, "user:tom:t");
    expect(await ending.waitForClose(patience)).toEqual({ code: 1008, reason: "Identity expired" });
    await isListening(lasting, "user:tom:t");
    expect((await refusal("/ws/t?subscribe-user", await bearer(-61), tokens)).status).toBe(403);
  });

  test("DJS-11 SEC-03 names in a token are no better than others", async () => {
    await using tokens = await startGateway(config({ identity: { sessionEngine: "none", jwt } }));
    const claims = { username: "a:b", groups: ["_broadcast_", "ok", "x:y"], sid: "with\nbreak" };
    using socket = await open(`/ws/t?${everything}`, await bearer(600, claims), tokens);
    await isListening(socket, "group:ok:t");
    for (const name of ["user:a:b:t", "group:_broadcast_:t", "group:x:y:t", "session:with\nbreak:t"])
      await backend.publish(name, "no");
    expect(await heardSoFar(socket, "group:ok:t")).toEqual([]);
    expect(await tokens.metric("belfry_refused_total", 'reason="name_unsafe"')).toBe(4);
    expect(tokens.log).not.toContain("_broadcast_");
  });
});

describe("SEC-02 when Redis is away", () => {
  test("SEC-02 DJS-05 W4R-12 who needs an identity gets 503, who hears public broadcasts 1001, and all is well again after", async () => {
    await using store = await startRedis();
    await using shaky = await startGateway(config({ redis: store.url }));
    const cookie = { Cookie: `sessionid=${keyOf("d")}` };
    await store.kill();
    await until(() => !shaky.gateway.readiness().isReady, patience);
    for (const path of [
      "/ws/x?subscribe-user",
      "/ws/x?subscribe-session&subscribe-broadcast",
      "/ws/a::b?subscribe-broadcast",
    ]) {
      const answer = await refusal(path, cookie, shaky);
      expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "1"]);
    }
    using broadcasts = await open("/ws/x?subscribe-broadcast", cookie, shaky);
    expect(await broadcasts.waitForClose(patience)).toEqual({ code: 1001, reason: "Websocket Closed" });
    using idle = await open("/ws/x", {}, shaky);
    idle.send("idle");
    await store.restart();
    await until(() => shaky.gateway.readiness().isReady, patience);
    using back = await open("/ws/x?subscribe-broadcast", {}, shaky);
    await store.command("SET", "broadcast:x", "kept");
    await store.command("PUBLISH", "broadcast:x", "live");
    await heardUntil(back, "live", patience);
    expect(await shaky.metric("belfry_connections")).toBe(2);
  });

  test("RTE-11 DJS-05 sessions are in a Redis of their own, whose loss concerns nobody else", async () => {
    await using store = await startRedis();
    await using split = await startGateway(
      config({ identity: { sessionEngine: "cache", username: usernameField, redis: store.url } }),
    );
    const set = async (key: string, value: string): Promise<unknown> => store.command("SET", key, value);
    const cookie = await logIn(set, { key: keyOf("f"), user: "frida" });
    using socket = await open("/ws/f?subscribe-user", cookie, split);
    await isListening(socket, "user:frida:f");
    await store.kill();
    await until(() => !split.gateway.readiness().isReady, patience);
    expect((await refusal("/ws/f?subscribe-user", cookie, split)).status).toBe(503);
    using public_ = await open("/ws/f?subscribe-broadcast", cookie, split);
    await isListening(public_, "broadcast:f");
    await isListening(socket, "user:frida:f");
  });
});

describe("SEC-03 T19 in the eyes of Redis", () => {
  /** Every command of others while `during` runs, as MONITOR shows it. */
  async function monitored(during: () => Promise<void>): Promise<readonly string[]> {
    using monitor = await RawConnection.open(`http://127.0.0.1:${redis.port}`);
    monitor.write("MONITOR\r\n");
    await monitor.read((received) =>
      received.includes("+OK\r\n") ? { result: undefined, length: received.length } : undefined,
    );
    await during();
    const mark = `end ${++marks}`;
    await backend.echo(mark);
    const text = await monitor.read(
      (received) =>
        received.includes(mark)
          ? { result: received.toString("latin1"), length: received.length }
          : undefined,
      patience,
    );
    // Ours and our neighbours': canaries, life signs, words between gateways, whether something was taken back, the mark.
    return text
      .split("\r\n")
      .filter(
        (line) =>
          line !== "" &&
          !/belfry-(canary|revoked:version)|"PUBLISH" "belfry-peers|"PING"|"ECHO"|"CLIENT"|"HELLO"|"INFO"/i.test(
            line,
          ),
      );
  }

  /** Hostile names: other owners' words, our own, RESP, globs, Lua, half characters. */
  const names = [
    "ws-emit",
    "websocket",
    "ws-hub",
    "user",
    "_broadcast_",
    "a:b",
    "x\r\nFLUSHALL",
    "*",
    "{tag}",
    "__proto__",
    "\u0000",
    "é",
    "socket.io#/#",
    "",
  ];
  const facilities = [
    ":secret::dir",
    "mary:inbox",
    "groups-new:1",
    "\r\nSET pwned 1\r\n",
    "*?[]{}",
    "ä\u0000b",
  ];

  test.each(["current", "legacy", "both"] as const)(
    "SEC-03 T19 naming %s: only names of the visitor's own are touched",
    async (naming) => {
      await using hostile = await startGateway(config({ ws4redis: { naming, publish: ["*"] } }));
      const allowed = new Set<string>();
      const keys: string[] = [];
      for (const [at, user] of names.entries()) {
        const key = `${naming}${at}`.padEnd(32, "k");
        keys.push(key);
        await cookieOf({ key, user, groups: [user] });
        for (const facility of facilities) {
          for (const one of [
            `broadcast:${facility}`,
            `group:${user}:${facility}`,
            `user:${user}:${facility}`,
            `session:${key}:${facility}`,
          ])
            allowed.add(one);
          if (naming !== "current")
            for (const one of [`_broadcast_:${facility}`, `${user}:${facility}`, `${key}:${facility}`])
              allowed.add(one);
        }
      }
      const lines = await monitored(async () => {
        const all = channelNames.join("&");
        for (const key of keys) {
          for (const facility of facilities) {
            const path = `/ws/${encodeURIComponent(facility)}?${all}&echo`;
            const answer = await RawWebSocket.tryOpen(hostile.url, path, { Cookie: `sessionid=${key}` });
            if (!(answer instanceof RawWebSocket)) continue;
            answer.send("said");
            await pinged(answer);
            answer[Symbol.dispose]();
          }
        }
      });
      const commands = lines.map(parseMonitor);
      const touched = commands.flatMap(([command = "", ...args]) => keysOf(command.toUpperCase(), args));
      expect(touched.length).toBeGreaterThan(100);
      const isSession = (name: string): boolean =>
        keys.some((key) => name === `:1:django.contrib.sessions.cache${key}`);
      const stray = touched.filter((name) => !allowed.has(name) && !isSession(name));
      expect(stray).toEqual([]);
      const reserved = /^(ws-emit::|r2ws::|websocket:|ws-hub:|socket\.io|:1:)/;
      expect(touched.filter((name) => reserved.test(name) && !isSession(name))).toEqual([]);
      if (naming === "legacy")
        expect(touched.filter((name) => /^(user|group|session|broadcast):/.test(name))).toEqual([]);
      // Nobody wrote a session, and no name was taken for a command.
      expect(
        commands.filter(([command, name = ""]) => /^SET/i.test(command ?? "") && isSession(name)),
      ).toEqual([]);
      expect(await backend.exists("pwned")).toBe(0);
    },
  );
});

/** `1700000000.1 [0 127.0.0.1:1] "SET" "a\x00" "b"` -> its arguments, as text. */
function parseMonitor(line: string): readonly string[] {
  const quoted = line.slice(line.indexOf("]") + 1).matchAll(/"((?:[^"\\]|\\.)*)"/g);
  const escapes: Record<string, string> = { n: "\n", r: "\r", t: "\t", a: "\x07", b: "\b" };
  return Array.from(quoted, ([, text = ""]) => {
    const latin1 = text.replaceAll(/\\(x[0-9a-f]{2}|.)/g, (_, what: string) =>
      what.length === 3 ? String.fromCharCode(Number.parseInt(what.slice(1), 16)) : (escapes[what] ?? what),
    );
    return Buffer.from(latin1, "latin1").toString();
  });
}

function keysOf(command: string, args: readonly string[]): readonly string[] {
  if (command === "MGET" || command === "SUBSCRIBE" || command === "UNSUBSCRIBE") return args;
  if (command === "PUBLISH" || command === "SETEX" || command === "SET" || command === "GET")
    return args.slice(0, 1);
  throw new Error(`Expected a command that the dialect uses, got ${command}`);
}
