// Nothing that anybody says to the gateway comes out where it does not belong: not in its output, whatever the level, not
// in metrics or error answers, not when it fails or crashes (T17, S9). No name breaks a line of the log (T26) or bends a
// command to Redis (T19).

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encode } from "@msgpack/msgpack";
import { createClient } from "redis";
import { emit, postEmit } from "../support/emit.ts";
import { until } from "../support/until.ts";
import { Member } from "../support/crowd.ts";
import { startGateway } from "../support/gateway.ts";
import { run } from "../support/process.ts";
import { RawConnection, RawWebSocket, handshakeHeaders, rawRequest } from "../support/raw.ts";
import type { RawResponse } from "../support/raw.ts";
import { startRedis } from "../support/redis.ts";
import type { RedisServer } from "../support/redis.ts";
import { ServedGateway, belfryPath } from "../support/serve.ts";

let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "belfry-secrets-"));
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

async function file(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

/** Unique words that are put into inputs and must not be found in outputs. */
class Canaries {
  readonly #words: string[] = [];

  /** A new word; `where` says where it was put, for whoever reads a failure. */
  make(where: string): string {
    const word = `canary-${where}-${crypto.randomUUID().slice(0, 8)}`;
    this.#words.push(word);
    return word;
  }

  get count(): number {
    return this.#words.length;
  }

  /** Those that a text shows, as they are or in another guise. */
  foundIn(text: string): readonly string[] {
    const lower = text.toLowerCase();
    return this.#words.filter((word) =>
      [
        word,
        word.toUpperCase(),
        encodeURIComponent(word),
        Buffer.from(word).toString("hex"),
        core64(word),
      ].some((guise) => lower.includes(guise.toLowerCase())),
    );
  }
}

/** All but the lines that say which Origin was refused: somebody has to list it. */
function withoutOrigins(output: string): string {
  const isOther = (line: string): boolean => !line.includes('"event":"origin_refused"');
  return output.split("\n").filter(isOther).join("\n");
}

/** The part of a word's base64 that does not depend on what stands around it. */
function core64(word: string): string {
  return Buffer.from(word).toString("base64").slice(0, 24);
}

/** Every place of a request that is not the path, full of canaries. */
function stuffedHeaders(canaries: Canaries): Record<string, string> {
  return {
    Authorization: `Bearer ${canaries.make("bearer")}`,
    "Proxy-Authorization": `Basic ${Buffer.from(`u:${canaries.make("basic")}`).toString("base64")}`,
    Cookie: `io=${canaries.make("cookie")}; sessionid=${canaries.make("session")}`,
    "X-Forwarded-For": `${canaries.make("forwarded")}, 203.0.113.77`,
    "X-Api-Key": canaries.make("apikey"),
    "User-Agent": canaries.make("agent"),
    Referer: `http://${canaries.make("referer")}.example/?token=${canaries.make("referertoken")}`,
    Origin: `http://${canaries.make("origin")}.example`,
    [`X-${canaries.make("header")}`]: "1",
  };
}

function stuffedQuery(canaries: Canaries): string {
  const names = ["token", "session_key", "jwt", "secret", "access_token", "t", "room"];
  const pairs = names.map((name) => `${name}=${canaries.make(`query${name.replace("_", "")}`)}`);
  return `EIO=4&transport=polling&${pairs.join("&")}&${canaries.make("queryname")}=1`;
}

/** Sends canaries through every HTTP door. @returns all that came back, headers and bodies. */
async function stuffHttp(url: string, canaries: Canaries): Promise<string> {
  const answers: RawResponse[] = [];
  const paths = ["/socket.io/", "/emit", "/-/metrics", "/-/health/ready", "/-/nothing", "/nowhere"];
  for (const path of [...paths, `/${canaries.make("path")}`, `/socket.io/${canaries.make("subpath")}/`]) {
    for (const method of ["GET", "POST", "PUT", "OPTIONS"]) {
      const request = {
        method,
        path: `${path}?${stuffedQuery(canaries)}`,
        headers: stuffedHeaders(canaries),
      };
      answers.push(
        await rawRequest(url, method === "POST" ? { ...request, body: canaries.make("body") } : request),
      );
      const session = `${path}?EIO=4&transport=polling&sid=${canaries.make("sid")}`;
      answers.push(await rawRequest(url, { method, path: session }));
    }
    for (const version of ["13", "8"]) {
      const headers = {
        ...handshakeHeaders(),
        ...stuffedHeaders(canaries),
        "Sec-WebSocket-Version": version,
        "Sec-WebSocket-Protocol": canaries.make("subprotocol"),
      };
      answers.push(await rawRequest(url, { path: `${path}?${stuffedQuery(canaries)}`, headers }));
    }
  }
  for (const head of [
    `GET /${canaries.make("noversion")}`,
    `GET /?${canaries.make("twohosts")} HTTP/1.1\r\nHost: ${canaries.make("host")}\r\nHost: b`,
    `${canaries.make("method")} / HTTP/1.1\r\nHost: x`,
    `GET / HTTP/1.1\r\nHost: x\r\n${canaries.make("badheader")}`,
    `GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\nX-Big: ${canaries.make("big").repeat(4_000)}`,
  ]) {
    using connection = await RawConnection.open(url);
    connection.write(`${head}\r\n\r\n`);
    answers.push(await connection.response(15_000));
  }
  return answers.map(({ headers, text }) => `${[...headers].join("\n")}\n${text}`).join("\n");
}

async function stuffEmit(url: string, secret: string, canaries: Canaries): Promise<string> {
  const field = (name: string): string => canaries.make(`emit${name}`);
  const whole = { event: field("event"), room: field("room"), data: { [field("key")]: field("data") } };
  const bodies = [
    JSON.stringify({ ...whole, secret, namespace: `/${field("namespace")}` }),
    JSON.stringify({ ...whole, secret: field("wrongsecret") }),
    JSON.stringify({ ...whole, secret: [field("listsecret")] }),
    JSON.stringify({ ...whole, secret, event: [field("badevent")] }),
    JSON.stringify({ ...whole, secret, room: { [field("badroom")]: 1 } }),
    JSON.stringify({ ...whole, secret, namespace: [field("badnamespace")] }),
    JSON.stringify({ ...whole, secret, room: "" }),
    `{"secret":"${field("broken")}`,
    `event=${field("form")}&secret=${field("formsecret")}`,
    `"${field("text")}"`,
    `{"secret":"${field("large")}","data":"${"x".repeat(1_100_000)}"}`,
  ];
  let answers = "";
  for (const body of bodies) answers += await (await fetch(`${url}/emit`, { method: "POST", body })).text();
  return answers;
}

/** What browsers may say, over either version of the protocol. */
async function stuffSockets(url: string, roomSecret: string, canaries: Canaries): Promise<void> {
  const say = (where: string): string => canaries.make(`ws${where}`);
  const last = [
    `4${say("garbage")}`,
    `42{"${say("object")}":1}`,
    `42[1,"${say("noname")}"]`,
    `451-["${say("binary")}",{"_placeholder":true,"num":"${say("num")}"}]`,
    `41/${say("elsewhere")},`,
    `42/${say("unjoined")},["e"]`,
    `4399["${say("unknownack")}"]`,
    say("nopacket"),
    `2${say("ping")}`,
  ];
  for (const version of [4, 3]) {
    for (const message of last) {
      using socket = await RawWebSocket.open(
        url,
        `/socket.io/?EIO=${version}&transport=websocket&token=${say("token")}`,
        { Authorization: `Bearer ${say("bearer")}`, Cookie: `io=${say("cookie")}` },
      );
      const nsp = `/${say("namespace")}?token=${say("nsptoken")}`;
      for (const text of [
        version === 4 ? `40{"token":"${say("auth")}"}` : `40${nsp}`,
        `40${nsp},`,
        `421["join",{"room":"${say("room")}"}]`,
        `422["join",{"room":"${say("space")}::r","secret":"${say("wrong")}"}]`,
        `423["join",{"room":"kept::${say("protected")}","secret":"${roomSecret}"}]`,
        `424["join",{"room":"${say("long").repeat(20)}"}]`,
        `426["${say("event")}",{"${say("key")}":"${say("value")}"}]`,
        `42["disconnect","${say("reserved")}"]`,
        `425["leave",{"room":"${say("left")}"}]`,
      ]) {
        socket.send(text);
      }
      // Secrets are looked up one after the other: the last of these is answered when all are done.
      const answered = Buffer.from("435[]");
      await socket.connection.read((received) =>
        received.includes(answered) ? { result: undefined, length: 0 } : undefined,
      );
      socket.send(message);
      socket.sendFrame(2, Buffer.from(say("bytes")));
      // Whatever it thinks of it, it has read it when this is answered or the connection is closed.
      socket.sendFrame(9, "");
      await socket.connection.read((received, hasEnded) =>
        hasEnded || received.includes(Uint8Array.of(0x8a, 0)) || received.includes(Uint8Array.of(0x88))
          ? { result: undefined, length: 0 }
          : undefined,
      );
    }
  }
}

/** What backends and strangers may say on Redis, well formed and not. */
async function stuffRedis(redis: RedisServer, password: string, canaries: Canaries): Promise<void> {
  const client = await createClient({ url: redis.url, password }).connect();
  const say = (where: string): string => canaries.make(`redis${where}`);
  const fields = (): Record<string, unknown> => ({
    event: say("event"),
    data: { [say("key")]: say("data") },
    room: say("room"),
    namespace: `/${say("namespace")}`,
    skip_sid: say("skip"),
    host_id: say("host"),
  });
  const packet = (data: unknown): Uint8Array =>
    encode([say("uid"), { type: 2, data, nsp: "/" }, { rooms: [say("noderoom")] }]);
  for (const channel of ["flask-socketio", "socketio"]) {
    for (const method of [
      "emit",
      "disconnect",
      "enter_room",
      "leave_room",
      "close_room",
      "callback",
      say("method"),
    ]) {
      await client.publish(channel, JSON.stringify({ method, sid: say("sid"), ...fields() }));
      await client.publish(
        channel,
        JSON.stringify({ method, ...fields(), room: [{ [say("badroom")]: 1 }], sid: 1 }),
      );
    }
    await client.publish(channel, JSON.stringify({ method: "emit", ...fields(), event: "disconnect" }));
    await client.publish(channel, `{"method":"emit","${say("broken")}`);
    await client.publish(channel, say("text"));
    await client.publish(channel, Buffer.concat([Buffer.of(0x80, 4, 0x8c, 8), Buffer.from(say("pickle"))]));
    await client.publish(channel, `cos\nsystem\n(S'${say("pickledcode")}'\ntR.`);
    await client.publish(channel, `(cos\nsystem\n(S'${say("pickledcall")}'\ntR.`);
  }
  for (const channel of [
    "socket.io#/#",
    `socket.io#/${say("channel")}#`,
    `socket.io#/#${say("roomchannel")}#`,
  ]) {
    await client.publish(channel, Buffer.from(packet([say("nodeevent"), say("nodedata")])));
    await client.publish(channel, Buffer.from(packet(["disconnect", say("nodereserved")])));
    await client.publish(channel, Buffer.from(packet([1, say("noevent")])));
    await client.publish(channel, Buffer.from(packet([say("cut")])).subarray(0, -9));
    await client.publish(channel, say("nodetext"));
  }
  for (const type of [0, 1, 2, 3, 4, 5, 6, 7, say("type")]) {
    const request = {
      type,
      requestId: say("request"),
      sid: say("requestsid"),
      room: say("requestroom"),
      data: [say("data")],
    };
    await client.publish("socket.io-request#/#", JSON.stringify(request));
    await client.publish(
      `socket.io-request#/${say("nsp")}#`,
      JSON.stringify({ ...request, opts: { rooms: say("opts") } }),
    );
  }
  await client.publish("socket.io-request#/#", `{"${say("brokenrequest")}`);
  await client.close();
}

/** A start that fails, or a command that does, and what is secret in it. More of them, without a process: src/cli/secrets.test.ts. */
interface Failure {
  readonly title: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Text of a config file. */
  readonly config?: string;
  readonly code?: number;
}

const canary = "canary-of-a-failed-start-7b1f";
const serve = ["serve", "-a", "127.0.0.1:0", "-v"];
const failures: readonly Failure[] = [
  {
    title: "no Redis there",
    args: serve,
    env: { BELFRY_REDIS: `redis://${canary}:${canary}@127.0.0.1:1` },
  },
  { title: "two secrets", args: [...serve, "--secret", canary, "--secret-file", "/nowhere"] },
  { title: "broken YAML", args: serve, config: `secret: "${canary}\nredis: }{` },
  {
    title: "nobody to publish to",
    args: ["publish", "r", "e", "--secret", canary, "--url", "http://127.0.0.1:1", "-v"],
  },
  {
    title: "no Redis to publish to",
    args: ["publish", "r", "e", "--redis", `redis://:${canary}@127.0.0.1:1`, "-v"],
  },
  { title: "no Redis to hear", args: ["tail", "--redis", `redis://:${canary}@127.0.0.1:1`, "-v"] },
  {
    title: "the configuration itself, printed",
    args: ["config", "print"],
    config: `secret: ${canary}\nredis: redis://u:${canary}@127.0.0.1:1/2\nroomSecrets: { a: ${canary} }`,
    code: 0,
  },
];

describe.concurrent("T17 commands that fail", () => {
  test.each([...failures])(
    "T17 SEC-04 $title",
    async ({ title, args, env = {}, config, code = 1 }) => {
      const more =
        config === undefined ? [] : ["-c", await file(`${title.replaceAll(" ", "-")}.yaml`, config)];
      const ended = await run([belfryPath, ...args, ...more], { env });
      expect({ code: ended.code, output: ended.stdout + ended.stderr }).toEqual({
        code,
        output: expect.any(String),
      });
      expect(ended.stdout + ended.stderr).not.toContain(canary);
      expect(ended.stdout + ended.stderr).not.toBe("");
    },
    90_000,
  );
});

describe("T17 canaries", () => {
  test("T17 SEC-04 SEC-05 SEC-13 EIO-05 no input of any door is seen in the output, metrics or error answers", async () => {
    const canaries = new Canaries();
    const password = canaries.make("redispassword");
    const secret = canaries.make("publishsecret");
    const roomSecret = canaries.make("roomsecret");
    const keptSecret = canaries.make("keptsecret");
    await using redis = await startRedis({ password });
    await using gateway = await ServedGateway.start({
      args: ["-v"],
      env: {
        BELFRY_REDIS: redis.urlFor("", password),
        BELFRY_SECRET_FILE: await file("secret", secret),
        BELFRY_ROOM_SECRETS: `configured=${roomSecret}`,
        BELFRY_TRUSTED_PROXIES: "127.0.0.1",
      },
    });
    const { url } = gateway;
    await redis.command("SET", "ws-emit::secret::kept", keptSecret);
    using member = await Member.connect(url, "4 websocket");
    const { id } = member;
    expect(await member.join("configured::r", { secret: roomSecret })).toBe(true);
    expect(await member.join("kept::r", { secret: keptSecret })).toBe(true);
    await emit(url, { secret, event: "tick", room: "kept::r" });
    await until(() => member.heard.length === 1);

    let answers = await stuffHttp(url, canaries);
    answers += await stuffEmit(url, secret, canaries);
    await stuffSockets(url, keptSecret, canaries);
    await stuffRedis(redis, password, canaries);
    // What it says when Redis is lost, and when it cannot do what was asked.
    await redis.kill();
    await gateway.process.waitFor(/"event":"bus_down"/);
    answers += await stuffEmit(url, secret, canaries);
    expect(await member.join("kept::late", { secret: keptSecret, timeoutMs: 500 })).toBe(false);
    answers += await (await fetch(`${url}/-/health/ready`)).text();
    answers += await (await fetch(`${url}/-/metrics`)).text();
    await redis.restart();
    await gateway.process.waitFor(/"event":"bus_up"/);
    const debugLines = gateway.process.output.split("\n").filter((line) => line.includes('"level":"debug"'));
    expect(debugLines.length).toBeGreaterThan(150);
    // All of the output is still there.
    expect(gateway.process.output).toContain('"event":"listening"');

    expect(await gateway.process.stop()).toBe(0);
    expect(canaries.count).toBeGreaterThan(1_500);
    expect(canaries.foundIn(answers)).toEqual([]);
    expect(canaries.foundIn(withoutOrigins(gateway.process.output))).toEqual([]);
    for (const text of [answers, gateway.process.output]) {
      expect(text.includes("203.0.113.77")).toBe(false);
      expect(text.includes(id)).toBe(false);
    }
    // The finder finds, in every guise.
    expect(canaries.foundIn(`x ${secret.toUpperCase()} y`)).toEqual([secret]);
    expect(canaries.foundIn(`{"a":"${Buffer.from(secret).toString("base64")}"}`)).toContain(secret);
  }, 60_000);

  test("T17 SEC-04 a wrong password and a secret file of two lines fail the start, and show nothing", async () => {
    await using redis = await startRedis({ password: "another" });
    const url = redis.urlFor("", canary);
    for (const env of [
      { BELFRY_REDIS: url },
      { BELFRY_SECRET_FILE: await file("two", `${canary}\n${canary}\n`) },
    ]) {
      const { code, stdout, stderr } = await run([belfryPath, ...serve], { env });
      expect(code).toBe(1);
      expect(stdout + stderr).toContain("belfry: Expected ");
      expect(stdout + stderr).not.toContain(canary);
    }
  });

  test("T17 a process that dies by a fault leaves no secret in what it prints last", async () => {
    await using redis = await startRedis({ password: canary });
    await using gateway = await ServedGateway.start({
      args: ["-v"],
      env: {
        BELFRY_REDIS: redis.urlFor("", canary),
        BELFRY_SECRET: `${canary}-publish`,
        BELFRY_ROOM_SECRETS: `a=${canary}-room`,
        // Nobody outside hears of a crash that a test wants.
        BUN_ENABLE_CRASH_REPORTING: "0",
      },
    });
    using member = await Member.connect(gateway.url, "4 websocket");
    expect(await member.join("a::r", { secret: `${canary}-room` })).toBe(true);
    const before = gateway.process.output.length;
    gateway.process.kill("SIGSEGV");
    expect(await gateway.process.exited).not.toBe(0);
    await until(() => !gateway.process.isRunning);
    expect(gateway.process.output.slice(before)).toContain("fault");
    expect(gateway.process.output).not.toContain(canary);
  }, 30_000);
});

/** Names that would break out of a line, a terminal, a command or a table. */
const hostileNames = [
  'x\n{"level":"error","time":"2020-01-01T00:00:00.000Z","event":"forged"}',
  "x\r\nevent: forged",
  "\u001b[31mred\u001b[0m\u001b]0;title\u0007",
  "\u009b31m",
  "\u202egnp.exe",
  "\u2028\u2029\u0085",
  "\u0000nul",
  "\u007f\b\b\b",
  String.raw`"},"event":"forged","x":{"`,
  "x\r\n*1\r\n$8\r\nFLUSHALL\r\n",
  "*",
  "?",
  "[a-z]*",
  "\\*",
  "{tag}",
  "../../etc",
  "ws-emit::secret",
  "flask-socketio",
  "socket.io#/#",
  "é\u{1f514}\uffff",
  "__proto__",
  "constructor",
  "toString",
  "%s%n%x",
  "${jndi:x}",
  " ",
  "a b",
  "'; DROP",
];

/** Says a name everywhere where there is a place for one. */
async function sayEverywhere(url: string, redis: RedisServer, name: string, secret: string): Promise<void> {
  const json = JSON.stringify(name);
  using socket = await RawWebSocket.open(url, "/socket.io/?EIO=4&transport=websocket");
  socket.send("40");
  for (const namespace of ["", `/${name.replaceAll(",", "")},`]) {
    if (namespace !== "") socket.send(`40${namespace}`);
    socket.send(`42${namespace}["join",{"room":${json}}]`);
    socket.send(`42${namespace}["join",{"room":${JSON.stringify(`${name}::r`)},"secret":${json}}]`);
    socket.send(`42${namespace}[${json},{${json}:${json}}]`);
  }
  socket.send('42["join",{"room":"public"}]');
  socket.send('429["leave",{"room":"public"}]');
  await socket.connection.read((received) =>
    received.includes("439[]") ? { result: 0, length: 0 } : undefined,
  );
  const emission = { secret, event: name, room: name, namespace: name, data: name };
  await emit(url, emission);
  for (const wrong of [
    { ...emission, secret: name },
    { ...emission, event: [name] },
    { ...emission, room: [[name]] },
  ]) {
    await postEmit(url, wrong);
  }
  const path = `/${encodeURIComponent(name.toWellFormed())}`;
  await fetch(`${url}${path}?EIO=4&transport=${path}`);
  await fetch(`${url}/socket.io/?EIO=4&transport=polling&sid=${path}`);
  await fetch(`${url}/socket.io/?EIO=4&transport=polling`, { headers: { origin: `http://${path}` } });
  const { method: _, ...fields } = {
    method: "",
    event: name,
    room: name,
    namespace: name,
    data: name,
    sid: name,
  };
  for (const method of ["emit", "enter_room", "close_room", "disconnect", name]) {
    await redis.command(
      "PUBLISH",
      "flask-socketio",
      JSON.stringify({ method, ...fields, host_id: name, skip_sid: name }),
    );
  }
  await redis.command("PUBLISH", "flask-socketio", name);
  await redis.command("PUBLISH", `socket.io#/#${name}#`, name);
  const request = { type: 2, requestId: name, sid: name, room: name };
  await redis.command("PUBLISH", "socket.io-request#/#", JSON.stringify(request));
}

describe("hostile names", () => {
  test("T26 SEC-04 every line of the output is one record, whatever the names", async () => {
    await using redis = await startRedis();
    await using gateway = await ServedGateway.start({
      args: ["-v"],
      env: { BELFRY_REDIS: redis.url, BELFRY_SECRET: "0123456789abcdef" },
    });
    for (const name of hostileNames) await sayEverywhere(gateway.url, redis, name, "0123456789abcdef");
    expect(await gateway.process.stop()).toBe(0);
    const { output } = gateway.process;
    expect(output).toEndWith("\n");
    const lines = output.slice(0, -1).split("\n");
    expect(lines.length).toBeGreaterThan(hostileNames.length * 10);
    for (const line of lines) {
      const record = JSON.parse(line) as { readonly event: string; readonly level: string };
      expect(Object.keys(record).slice(0, 3)).toEqual(["level", "time", "event"]);
      expect(record.event).not.toBe("forged");
      expect(line).toMatch(/^[\u0020-\u007e]+$/);
    }
  }, 60_000);

  test("T19 RTE-11 WSE-05 Redis is asked for nothing but the keys and channels that are ours", async () => {
    await using redis = await startRedis();
    const monitor = createClient({ url: redis.url, RESP: 2 });
    // A test that fails earlier stops Redis first.
    monitor.on("error", () => undefined);
    await monitor.connect();
    const seen: string[] = [];
    await monitor.monitor((line) => void seen.push(line));
    const secret = "0123456789abcdef";
    await using gateway = await startGateway({ redis: redis.url, secret });
    // Its own connections, told apart from those of this test.
    const list = String(await redis.command("CLIENT", "LIST"));
    const before = new Set(
      [
        ...list.matchAll(
          / addr=(\S+) .*cmd=(?:ping|publish|psubscribe|subscribe|xlen|evalsha|eval|get|zrange)/g,
        ),
      ].map(([, address]) => address),
    );
    for (const name of hostileNames) await sayEverywhere(gateway.url, redis, name, secret);
    const commands = seen
      .map((line) => ({
        address: /\[\d+ (\S+)\]/.exec(line)?.[1],
        args: [...line.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, arg = ""]) => arg),
      }))
      .filter(({ address }) => before.has(address));
    const ownChannel =
      /^(?:flask-socketio|socketio|socket\.io#\/belfry#canary-\w+#|socket\.io-request#\/belfry-canary#|belfry-broker(?::[\w-]{36})?|belfry-peers(?::\S+)?|belfry:\\x00canary)$/;
    const prefixes = ["ws-emit::secret::", "ws-emit::room_secret::", "r2ws::room_secret::"];
    const subscribed: string[] = [];
    const asked = new Set<string>();
    for (const { args } of commands) {
      const [name = "", ...rest] = args;
      const command = name.toUpperCase();
      if (command === "GET") {
        expect(rest).toEqual(["belfry-revoked:version"]);
      } else if (command === "MGET") {
        const spaces = rest.map((key, index) => key.slice((prefixes[index] ?? "?").length));
        expect(rest).toEqual(prefixes.map((prefix) => prefix + (spaces[0] ?? "")));
        asked.add(spaces[0] ?? "");
      } else if (command === "PUBLISH") {
        expect(rest).toHaveLength(2);
        expect(rest[0]).toMatch(ownChannel);
      } else if (command === "SUBSCRIBE" || command === "PSUBSCRIBE") {
        subscribed.push(...rest);
      } else if (command === "ZRANGE") {
        expect(rest[0]).toBe("belfry-revoked:list");
      } else if (command === "XLEN") {
        expect(rest).toEqual(["belfry:publish"]);
      } else if (command === "EVALSHA" || command === "EVAL") {
        expect(rest.slice(1, 4)).toEqual(["2", "belfry:publish", "belfry:publish:reader"]);
      } else if (command === "INFO") {
        expect(rest).toEqual(["server"]);
      } else {
        expect(["PING", "HELLO", "SELECT", "CLIENT"]).toContain(command);
      }
    }
    const isOfOne = (name: string): boolean => /^belfry-(?:broker|peers):/.test(name);
    expect(subscribed.filter((name) => !isOfOne(name)).sort()).toEqual([
      "belfry-broker",
      "belfry-peers",
      "belfry:*",
      "flask-socketio",
      "socket.io#*",
      "socket.io-request#/*",
      "socketio",
    ]);
    // Of each name, the part before its own `::` was looked up.
    expect(asked.size).toBe(new Set(hostileNames.map((name) => name.split("::")[0])).size);
    expect(Number(await redis.command("DBSIZE"))).toBe(0);
    monitor.destroy();
  }, 60_000);
});
