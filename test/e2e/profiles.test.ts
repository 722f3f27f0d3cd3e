// The drop-ins as their users start them: `belfry serve --as <name>` as a process of its own, with a real Redis, the
// other system's own file or names, and a client at the path where it has always been.

import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { createConfigModel, profileNamed } from "../../src/config/model.ts";
import { runCommand } from "../support/command-line.ts";
import { RunningProcess, run } from "../support/process.ts";
import { RawWebSocket } from "../support/raw.ts";
import { startRedis } from "../support/redis.ts";
import type { RedisServer } from "../support/redis.ts";
import { belfryPath } from "../support/serve.ts";

setDefaultTimeout(60_000);

const password = "hunter2-of-redis";
/** Generous: the machine may be busy with something else. */
const patienceMs = 20_000;
const anywhere = ["-a", "127.0.0.1:0", "--log-format", "json"];

let folder = "";
let redis: RedisServer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "belfry-profiles-"));
  redis = await startRedis({ password });
});

afterAll(async () => {
  await redis.stop();
  await rm(folder, { recursive: true });
});

type Env = Readonly<Record<string, string>>;

function start(args: readonly string[], env: Env = {}, cwd = folder): RunningProcess {
  return new RunningProcess([belfryPath, "serve", ...args], { env, cwd });
}

/** Where it says that it listens, once it is ready. */
async function urlOf(gateway: RunningProcess): Promise<string> {
  const [, url = ""] = await gateway.waitFor(/"event":"listening","url":"([^"]+)"/);
  const deadline = performance.now() + patienceMs;
  while ((await fetch(`${url}/-/health/ready`)).status !== 200) {
    if (performance.now() > deadline) throw new Error(`Expected a ready gateway, got:\n${gateway.output}`);
    await Bun.sleep(10);
  }
  return url;
}

/** What it says that it emulates, whole: no part of it looks like a secret to the log. */
async function expectEmulation(gateway: RunningProcess, name: string): Promise<void> {
  const [line] = await gateway.waitFor(/^.*"event":"emulating".*$/m);
  const notReproduced = profileNamed(createConfigModel(), name)?.notReproduced.join("; ");
  expect(JSON.parse(line)).toMatchObject({ profile: name, not_reproduced: notReproduced });
}

/** The sentences with which it refuses to start: before there is anything that needs a process. */
async function refusal(args: readonly string[], env: Env = {}): Promise<string> {
  const { code, out, err } = await runCommand(["serve", ...args], { env });
  expect([code, out]).toEqual([1, ""]);
  return `${err}\n`;
}

async function file(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
  return path;
}

/** Says it until somebody hears it. */
async function publish(channel: string, text: string): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while ((await redis.command("PUBLISH", channel, text)) === 0) {
    if (performance.now() > deadline) throw new Error(`Expected a subscriber of ${channel} in time`);
    await Bun.sleep(10);
  }
}

/** The values that `config print` shows. @param cwd where files are looked for. @default they are not */
async function printed(args: readonly string[], cwd?: string): Promise<Record<string, string>> {
  const words = ["config", "print", ...args];
  const ran =
    cwd === undefined ? await runCommand(words) : await run([belfryPath, ...words], { env: {}, cwd });
  const [out, err] = "out" in ran ? [ran.out, ran.err] : [ran.stdout, ran.stderr];
  expect([ran.code, err]).toEqual([0, ""]);
  expect(out).not.toContain(password);
  return Object.fromEntries(out.split("\n").map((row) => [row.split(/ {2,}/)[0], row.split(/ {2,}/)[1]]));
}

describe("serve --as ws-hub", () => {
  const hubFile = (address: string): string => `
Address: ${address}
clientkey: token
serverUrl: /live
redis: { address: "127.0.0.1:${redis.port}", password: ${password}, channelPrefix: "app:", timeout: 120, idleConn: 4 }
`;

  /** A client with a key that a listener on Redis puts into a group hears what is said to the group. */
  async function hears(url: string, prefix: string, path: string): Promise<void> {
    using client = await RawWebSocket.open(url, `${path}=key-1`);
    await publish(`${prefix}groups-new:key-1`, "news");
    await publish(`${prefix}group-data:news`, "hello");
    expect(await client.waitForMessage(patienceMs)).toBe("hello");
  }

  test("HUB-01 HUB-05 HUB-08 its defaults: /ws?session_key= and ws-hub:", async () => {
    const folderOfNone = join(folder, "none");
    await mkdir(folderOfNone, { recursive: true });
    const values = await printed(["--as", "ws-hub"], folderOfNone);
    expect(values).toMatchObject({ address: ":8080", redis: "redis://localhost:6379/0", dialects: "ws-hub" });
    await using gateway = start([...anywhere, "--as", "ws-hub", "--redis", redis.url], {}, folderOfNone);
    await hears(await urlOf(gateway), "ws-hub:", "/ws?session_key");
    await expectEmulation(gateway, "ws-hub");
    expect(gateway.output).toContain("maxMessageSize is more where you need it");
    expect(gateway.output).not.toContain(password);
  });

  test("HUB-01 SEC-04 its own file, given by -c: everything in it holds, and what has no effect is said", async () => {
    const path = await file("hub.yaml", hubFile("127.0.0.1:0"));
    await using gateway = start(["--as", "ws-hub", "-c", path, "-v", "--log-format", "json"]);
    await hears(await urlOf(gateway), "app:", "/live?token");
    expect(gateway.output).toContain("`redis.timeout` is accepted without effect");
    expect(gateway.output).toContain("`redis.idleConn` is accepted without effect");
    await gateway.stop();
    expect(gateway.output).not.toContain(password);
  });

  test("HUB-01 without -c: ./config.yaml, then ./example/config.yaml, then the defaults", async () => {
    await file("found/config.yaml", "clientKey: first");
    await file("found/example/config.yaml", "clientKey: second");
    await file("other/example/config.yaml", "clientKey: second");
    const keyIn = async (name: string): Promise<string | undefined> =>
      (await printed(["--as", "ws-hub"], join(folder, name)))["ws-hub.clientKey"];
    expect(await keyIn("found")).toBe("first");
    expect(await keyIn("other")).toBe("second");
    expect(await keyIn("found/example/..")).toBe("first");
    expect(
      await printed(["--as", "ws-hub", "-a", ":5", "--redis", "redis://flag"], join(folder, "found")),
    ).toMatchObject({
      address: ":5",
      redis: "redis://flag",
      "ws-hub.clientKey": "first",
    });
  });

  test("HUB-01 SEC-04 a file that is missing or wrong refuses to start, with sentences", async () => {
    expect(await refusal(["--as", "ws-hub", "-c", "none.yaml"])).toBe(
      "belfry: Expected a config file at none.yaml, got no such file\n",
    );
    const path = await file("wrong.yaml", `address: 8080\npongWait: soon\nredis: {password: [${password}]}`);
    const text = await refusal(["--as", "ws-hub", "-c", path]);
    expect(text.trimEnd().split("\n")).toHaveLength(3);
    expect(text).toContain(`Expected \`address\` to be \`host:port\` or \`:port\` (file ${path})`);
    expect(text).not.toContain(password);
  });
});

describe("serve --as websocket-channels", () => {
  const name = "websocket-channels";

  async function post(url: string, body: string, headers: Env = {}): Promise<string> {
    const answer = await fetch(url, { method: "POST", body, headers });
    return `${answer.status} ${await answer.text()}`;
  }

  const generated = /The secret of this start is: (\S+) /;

  test("WSC-01 WSC-06 WSC-08 WSC-12 SEC-04 its defaults, and a secret made for this start", async () => {
    expect(await printed(["--as", name])).toMatchObject({
      address: "127.0.0.1:9000",
      redis: "redis://127.0.0.1:6379/0",
      dialects: name,
      secret: "-",
    });
    await using gateway = start([...anywhere, "-v", "--as", name, "--redis", redis.url]);
    const url = await urlOf(gateway);
    const [, secret = ""] = await gateway.waitFor(generated);
    expect(secret.length).toBeGreaterThanOrEqual(16);
    using client = await RawWebSocket.open(url, "/ws/users/1");
    expect(await post(`${url}/publish`, '{"users/1": "no"}')).toStartWith("401 ");
    const authorization = `Bearer ${secret}`;
    expect(await post(`${url}/publish`, '{"users/1": "hello"}', { authorization })).toBe("200 OK");
    expect(await client.waitForMessage(patienceMs)).toBe("hello");
    await publish("websocket:users/", "all");
    expect(await client.waitForMessage(patienceMs)).toBe("all");
    client.send("me too");
    expect(await client.waitForMessage(patienceMs)).toBe("me too");
    await expectEmulation(gateway, name);
    // The old mount is off.
    expect(await RawWebSocket.tryOpen(url, "/users/1")).toMatchObject({ status: 404 });
    await gateway.stop();
    const lines = gateway.output.split("\n").filter((line) => line.includes(secret));
    expect(lines).toEqual([expect.stringMatching(/^No publish secret is given\./)]);
    expect(gateway.output).not.toContain(password);
  });

  test("WSC-08 SEC-04 a secret of one's own is not printed, from a file or a flag", async () => {
    const path = await file("secret", "hunter2-of-channels\n");
    const env = { BELFRY_SECRET_FILE: path, BELFRY_REDIS_FILE: await file("redis-url", `${redis.url}\n`) };
    await using gateway = start([...anywhere, "-v", "--as", name], env);
    const url = await urlOf(gateway);
    const authorization = "Bearer hunter2-of-channels";
    expect(await post(`${url}/publish`, '{"a": "b"}', { authorization })).toBe("200 OK");
    await gateway.stop();
    expect(gateway.output).not.toMatch(generated);
    expect(gateway.output).not.toContain("hunter2");
  });

  test("WSC-08 SEC-11 --open-publish asks for no secret, but refuses foreign pages", async () => {
    await using gateway = start([...anywhere, "--as", name, "--open-publish", "--redis", redis.url]);
    const url = await urlOf(gateway);
    expect(await post(`${url}/publish`, '{"a": "b"}')).toBe("200 OK");
    expect(await post(`${url}/publish`, '{"a": "b"}', { origin: "http://evil.example" })).toStartWith("403 ");
    await gateway.stop();
    expect(gateway.output).not.toMatch(generated);
  });

  test("WSC-01 WSC-07 WSC-12 --root: the old doors and the new ones are both there", async () => {
    expect((await printed(["--as", name, "--root"]))["address"]).toBe("127.0.0.1:5000");
    const args = [
      ...anywhere,
      "--as",
      name,
      "--root",
      "--redis",
      redis.url,
      "--secret",
      "hunter2-of-channels",
    ];
    await using gateway = start(args);
    const url = await urlOf(gateway);
    const authorization = "Bearer hunter2-of-channels";
    using old = await RawWebSocket.open(url, "/users/1");
    using today = await RawWebSocket.open(url, "/ws/users/1");
    expect(await post(`${url}/users/1`, "old")).toStartWith("401 ");
    expect(await post(`${url}/users/1`, "old", { authorization })).toBe("200 OK");
    expect(await post(`${url}/users/`, "tree", { authorization })).toBe("200 OK");
    expect(await post(`${url}/publish`, '{"users/1": "new"}', { authorization })).toBe("200 OK");
    for (const client of [old, today]) {
      for (const text of ["old", "tree", "new"]) expect(await client.waitForMessage(patienceMs)).toBe(text);
    }
  });

  test("WSC-01 --root with the path / is as before there was /ws: it is part of the channel", async () => {
    const args = [
      ...anywhere,
      "--as",
      name,
      "--root",
      "--websocket-channels-path",
      "/",
      "--redis",
      redis.url,
    ];
    await using gateway = start(args);
    using client = await RawWebSocket.open(await urlOf(gateway), "/ws/users");
    await publish("websocket:users", "other");
    await publish("websocket:ws/users", "mine");
    expect(await client.waitForMessage(patienceMs)).toBe("mine");
  });
});

describe("serve --as ws4redis", () => {
  const sessionKey = "0123456789abcdefghijklmnopqrstuv";
  const key = "hunter2-of-django".repeat(3);

  test("W4R-01 W4R-03 SEC-02 its defaults: /ws/<facility>, broadcasts for everybody", async () => {
    expect(await printed(["--as", "ws4redis", "--broadcast-only"])).toMatchObject({
      address: "127.0.0.1:8000",
      redis: "redis://localhost:6379/0",
      dialects: "ws4redis",
      "ws4redis.path": "/ws/",
    });
    await using gateway = start([...anywhere, "--as", "ws4redis", "--broadcast-only", "--redis", redis.url]);
    using client = await RawWebSocket.open(await urlOf(gateway), "/ws/news?subscribe-broadcast");
    await publish("broadcast:news", "hello");
    expect(await client.waitForMessage(patienceMs)).toBe("hello");
    await expectEmulation(gateway, "ws4redis");
    expect(gateway.output).toContain('"code":"no_redis_prefix"');
  });

  test("DJS-03 DJS-09 W4R-01 W4R-03 W4R-09 RTE-11 SEC-04 Django's and ws4redis' own names of the environment", async () => {
    const session = JSON.stringify({ _auth_user_id: "7", "ws4redis:username": "john" });
    await using sessions = await startRedis({ password });
    await sessions.command("SET", `site:2:django.contrib.sessions.cache${sessionKey}`, session);
    await redis.command("SETEX", "app:user:john:news", "60", "kept");
    const env = {
      WEBSOCKET_URL: "/live/",
      WS4REDIS_PREFIX: "app",
      WS4REDIS_EXPIRE: "60",
      WS4REDIS_HEARTBEAT: "--heartbeat--",
      WS4REDIS_PUBLISH: "chat* news",
      WS4REDIS_USERNAME: "session:ws4redis:username",
      WS4REDIS_ORIGINS: "https://www.example.com",
      SESSION_ENGINE: "django.contrib.sessions.backends.cache",
      SESSION_COOKIE_NAME: "sid",
      SESSION_CACHE_KEY_PREFIX: "site",
      SESSION_CACHE_VERSION: "2",
      SESSION_REDIS: sessions.url,
      SECRET_KEY_FILE: await file("secret-key", `${key}\n`),
      SECRET_KEY_FALLBACKS: "hunter2,old hunter2,older",
    };
    await using gateway = start([...anywhere, "-v", "--as", "ws4redis", "--redis", redis.url], env);
    const url = await urlOf(gateway);
    const headers = { cookie: `sid=${sessionKey}`, origin: "https://www.example.com" };
    const path = "/live/news?subscribe-user&publish-user&echo";
    using client = await RawWebSocket.open(url, path, headers);
    expect(await client.waitForMessage(patienceMs)).toBe("kept");
    await publish("app:user:john:news", "hello");
    expect(await client.waitForMessage(patienceMs)).toBe("hello");
    client.send("--heartbeat--");
    expect(await client.waitForMessage(patienceMs)).toBe("--heartbeat--");
    const foreign = { ...headers, origin: "https://evil.example" };
    expect(await RawWebSocket.tryOpen(url, path, foreign)).toMatchObject({ status: 403 });
    await gateway.stop();
    expect(gateway.output).not.toContain("hunter2");
    expect(gateway.output).not.toContain(sessionKey);
  });

  test("DJS-08 W4R-13 SEC-02 SEC-04 what cannot work refuses to start, with sentences", async () => {
    const as = ["--as", "ws4redis"];
    expect(await refusal(as)).toContain(
      "belfry: Expected a `sessionEngine` that can be read from outside of Django",
    );
    const cache = { SESSION_ENGINE: "django.contrib.sessions.backends.cache" };
    expect(await refusal(as, { ...cache, WS4REDIS_ALLOWED_CHANNELS: "app.allowed" })).toBe(
      "belfry: Expected no `WS4REDIS_ALLOWED_CHANNELS` in the environment. Its function cannot run outside of Django: use --ws4redis-allowed-channels for fixed rules, WS4REDIS_AUTH_URL to ask your project (W4R-13, DJS-10)\n",
    );
    expect(await refusal(as, { ...cache, WS4REDIS_EXPIRE: "soon", SECRET_KEY_FILE: "/nowhere" })).toBe(
      [
        "belfry: Expected a secret in the file /nowhere (environment SECRET_KEY_FILE), got no such file",
        'belfry: Expected `ws4redis.expire` to be a whole number from 0 to 315360000, got "soon" (environment WS4REDIS_EXPIRE)',
        "",
      ].join("\n"),
    );
    const both = { ...cache, SECRET_KEY: key, SECRET_KEY_FILE: await file("secret-key", key) };
    expect(await refusal(as, both)).toBe(
      "belfry: Expected one of `identity.secretKey` (environment SECRET_KEY) and the file that holds it (environment SECRET_KEY_FILE), got both\n",
    );
    expect(await refusal([...as, "--cors", "*"], cache)).toContain("W4R-16");
  });
});
