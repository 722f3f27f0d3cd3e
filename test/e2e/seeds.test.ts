// What the documents of the five systems tell their users to write, line by line: their commands, files and snippets, with
// their names and values, against a gateway that stands in for the system. The sentences are our own. Two things are
// replaced: ports, because those of this machine may be taken, and with them the Redis at localhost:6379; and the command
// that starts the old program, as docs/migrate/ says. A line that works no more is one of `instead`: its page has it.

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Page as BrowserPage } from "playwright-core";
import { parseRedisUrl } from "../../src/brokers/redis/url.ts";
import { readDockerfile } from "../../scripts/image/dockerfile.ts";
import { postEmit } from "../support/emit.ts";
import { withBrowser } from "../support/chromium.ts";
import type { TestBrowser } from "../support/chromium.ts";
import { Nginx } from "../support/nginx.ts";
import { Page } from "../support/page.ts";
import { freePort, portOf } from "../support/ports.ts";
import { run, RunningProcess } from "../support/process.ts";
import { pythonEnv } from "../support/python.ts";
import { RawWebSocket } from "../support/raw.ts";
import { startRedis } from "../support/redis.ts";
import type { RedisServer } from "../support/redis.ts";
import { belfryPath, ServedGateway } from "../support/serve.ts";

const root = join(import.meta.dir, "../..");
/** Generous: the machine may be busy with something else. */
const patienceMs = 20_000;

setDefaultTimeout(120_000);

let redis: RedisServer;
let folder = "";
let python = "";

beforeAll(async () => {
  redis = await startRedis();
  folder = mkdtempSync(join(tmpdir(), "belfry-seeds-"));
  python = await pythonEnv("flask-socketio");
});

afterAll(async () => {
  await redis.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** A line with the ports of this test: `localhost:8899` with `{ 8899: 40123 }` is `localhost:40123`. */
function here(line: string, ports: Readonly<Record<number, number | string>> = {}): string {
  const all = { 6379: redis.port, ...ports };
  return Object.entries(all).reduce((text, [from, to]) => text.replaceAll(`:${from}`, `:${to}`), line);
}

/** Runs a command line as a shell does, in the folder of this test. @returns what it printed */
async function shell(line: string, ports?: Readonly<Record<number, number | string>>): Promise<string> {
  const { code, stdout, stderr } = await run(["sh", "-c", here(line, ports)], { cwd: folder });
  if (code !== 0) throw new Error(`Expected \`${line}\` to succeed, got ${code}: ${stderr}`);
  return stdout;
}

/** Runs a Python program to its end. `redis://` is the Redis of this test. */
async function runPython(program: string): Promise<string> {
  const own = program
    .replaceAll("'redis://'", `'${redis.url}'`)
    .replaceAll("StrictRedis()", `StrictRedis(port=${redis.port})`);
  const { code, stdout, stderr } = await run([python, "-c", own]);
  if (code !== 0) throw new Error(`Expected Python to succeed, got ${code}: ${stderr}`);
  return stdout;
}

/** The redis-cli of the machine, at the Redis of this test. */
async function redisCli(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(["redis-cli", "-p", `${redis.port}`, ...args]);
  if (code !== 0) throw new Error(`Expected redis-cli to succeed, got ${code}: ${stderr}`);
  return stdout;
}

async function served(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<ServedGateway> {
  return ServedGateway.start({ args: [...args, "--redis", redis.url], env });
}

/** The rows of a migration page that say what to write instead, as `| it says | instead |`. */
function instead(page: string): readonly string[] {
  const text = readFileSync(join(root, "docs/migrate", page), "utf8");
  const part = /line by line\n(.*?)(?=\n## )/s.exec(text)?.[1] ?? "";
  return part.split("\n").filter((row) => /^\| .* \| .* \|$/.test(row));
}

/** The page has a row for the line, and what it says instead has a reason or a command. */
function expectInstead(page: string, line: string, reason: RegExp): void {
  const row = instead(page).find((each) => (each.split(" | ")[0] ?? "").includes(line));
  if (row === undefined)
    throw new Error(`Expected docs/migrate/${page} to say what to write instead of ${line}`);
  expect(row.split(" | ").slice(1).join(" | ")).toMatch(reason);
}

/** Waits until a page's console printed a line like that. */
function consoleOf(page: BrowserPage): { readonly lines: string[]; has(text: string): Promise<void> } {
  const lines: string[] = [];
  page.on("console", (message) => lines.push(message.text()));
  return {
    lines,
    async has(text) {
      const deadline = performance.now() + patienceMs;
      while (!lines.some((line) => line.includes(text))) {
        if (performance.now() > deadline)
          throw new Error(`Expected "${text}" on the console, got ${lines.join("\n")}`);
        await Bun.sleep(20);
      }
    },
  };
}

/** Carries out a page's script in its global scope, as its console does. */
async function type(page: BrowserPage, script: string): Promise<void> {
  await page.addScriptTag({ content: script });
}

/** Says it until somebody hears it: a websocket may be open before Redis knows what it wants. */
async function publishHeard(channel: string, text: string): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while ((await redis.command("PUBLISH", channel, text)) === 0) {
    if (performance.now() > deadline) throw new Error(`Expected a subscriber of ${channel}`);
    await Bun.sleep(20);
  }
}

/** Waits until Redis knows that somebody wants to hear this very channel. */
async function subscribed(channel: string): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while (!(await redisCli("PUBSUB", "NUMSUB", channel)).endsWith("\n1\n")) {
    if (performance.now() > deadline) throw new Error(`Expected a subscriber of ${channel}`);
    await Bun.sleep(20);
  }
}

describe("redis2websocket, ws-emit", () => {
  const secret = "123";
  let gateway: ServedGateway;
  let page: Page;
  let ports: Readonly<Record<number, number>>;

  beforeAll(async () => {
    gateway = await served(["--as", "ws-emit", "--secret", secret]);
    ports = { 8899: portOf(gateway) };
    page = await Page.connect(gateway.url);
    await page.join("time");
  });

  afterAll(async () => {
    page[Symbol.dispose]();
    await gateway[Symbol.asyncDispose]();
  });

  const joining = async (room: string, key?: string): Promise<Page> => {
    const visitor = await Page.connect(gateway.url);
    await visitor.socket
      .timeout(5_000)
      .emitWithAck("join", { room, ...(key !== undefined && { secret: key }) });
    return visitor;
  };

  test("PSQ-06 SocketIO(message_queue='redis://').emit('update', data, room='time')", async () => {
    await runPython(`
import time
from flask_socketio import SocketIO
socketio = SocketIO(message_queue='redis://')
data = {
    'time': int(time.time())
}
socketio.emit('update', data, room='time')
`);
    expect(await page.next(patienceMs)).toEqual(["update", { time: expect.any(Number) }]);
  });

  test("WSE-01 `redis://` is the same Redis here and in Python", async () => {
    const theirs = await run([
      python,
      "-c",
      "import redis; k = redis.Redis.from_url('redis://').connection_pool.get_encoder and redis.Redis.from_url('redis://').get_connection_kwargs(); print(k.get('host', 'localhost'), k.get('port', 6379), k.get('db', 0))",
    ]);
    expect(theirs.stdout.trim()).toBe("localhost 6379 0");
    const { place, database } = parseRedisUrl("redis://");
    expect({ place, database }).toEqual({
      place: { kind: "tcp", host: "localhost", port: 6379 },
      database: 0,
    });
  });

  test("WSE-03 WSE-05 a room-space opens to the secret in r2ws::room_secret::<space>", async () => {
    await redisCli("SET", "r2ws::room_secret::orders", "customer-7");
    using right = await joining("orders::7", "customer-7");
    using wrong = await joining("orders::7", "customer-8");
    using without = await joining("orders::7");
    for (const visitor of [right, wrong, without]) await visitor.join("customers");
    await runPython(`
from flask_socketio import SocketIO
socketio = SocketIO(message_queue='redis://')
socketio.emit('status', 'paid', room='orders::7')
socketio.emit('end', room='customers')
`);
    expect(await right.next(patienceMs)).toEqual(["status", "paid"]);
    for (const visitor of [right, wrong, without]) expect(await visitor.next(patienceMs)).toEqual(["end"]);
  });

  test("WSE-05 SET ws-emit::room_secret::myroom MySecret_123", async () => {
    await redisCli("SET", "ws-emit::room_secret::myroom", "MySecret_123");
    using visitor = await joining("myroom::a", "MySecret_123");
    await redisCli(
      "PUBLISH",
      "flask-socketio",
      '{"method":"emit","event":"update","data":1,"room":"myroom::a"}',
    );
    expect(await visitor.next(patienceMs)).toEqual(["update", 1]);
  });

  test("WSE-05 dir2web's own key, ws-emit::room_secret::dir, opens its rooms", async () => {
    await redisCli("SET", "ws-emit::room_secret::dir", "shown-by-the-page");
    using visitor = await joining("dir::aaa.txt", "shown-by-the-page");
    await redisCli(
      "PUBLISH",
      "flask-socketio",
      '{"method":"emit","event":"update","data":{"file":"aaa.txt"},"room":"dir::aaa.txt"}',
    );
    expect(await visitor.next(patienceMs)).toEqual(["update", { file: "aaa.txt" }]);
  });

  test("WSE-03 a room without `::` is public", async () => {
    using visitor = await joining("lobby");
    await redisCli("PUBLISH", "flask-socketio", '{"method":"emit","event":"update","data":1,"room":"lobby"}');
    expect(await visitor.next(patienceMs)).toEqual(["update", 1]);
  });

  test("WSE-20 WSE-21 WSE-23 curl -d @x.json, with its null namespace", async () => {
    const file = `{
\t"event": "update",
\t"room": "time",
\t"data": {
\t\t"time": 111111
\t},
\t"namespace": null,
\t"secret": "123"
}
`;
    writeFileSync(join(folder, "x.json"), file);
    const line = 'curl -s -d @x.json -H "Content-Type: application/json" -X POST http://localhost:8899/emit';
    expect(await shell(line, ports)).toBe("OK\n");
    expect(await page.next(patienceMs)).toEqual(["update", { time: 111111 }]);
  });

  test("PUBSUB CHANNELS, PUBSUB NUMSUB flask-socketio", async () => {
    expect(await redisCli("PUBSUB", "CHANNELS")).toBe("flask-socketio\n");
    expect(await redisCli("PUBSUB", "NUMSUB", "flask-socketio")).toBe("flask-socketio\n1\n");
  });

  test("SUBSCRIBE flask-socketio shows what is emitted", async () => {
    await using spy = new RunningProcess(["redis-cli", "-p", `${redis.port}`, "SUBSCRIBE", "flask-socketio"]);
    await spy.waitFor(/^subscribe\s+flask-socketio/m);
    await redisCli("PUBLISH", "flask-socketio", '{"method":"emit","event":"spied","data":1}');
    await spy.waitFor(/"event":"spied"/);
    await page.next(patienceMs);
  });

  test("subspy: `belfry tail` shows channel, event, data and room, of pickles and of JSON", async () => {
    expectInstead("ws-emit.md", "subspy.py", /belfry tail.*subspy reads pickles alone/);
    await using spy = new RunningProcess([
      belfryPath,
      "tail",
      "--as",
      "ws-emit",
      "--redis",
      redis.url,
      "--json",
    ]);
    await spy.waitFor(/flask-socketio/);
    await runPython(
      "from flask_socketio import SocketIO; SocketIO(message_queue='redis://').emit('update', {'time': 1639178370}, room='time')",
    );
    await spy.waitFor(
      /"channel":"flask-socketio".*"rooms":\["time"\].*"event":"update".*"args":\[\{"time": ?1639178370\}\]/,
    );
    expect(await page.next(patienceMs)).toEqual(["update", { time: 1639178370 }]);
  });

  test("PSQ-04 another language publishes the dict of subspy's output, pickled", async () => {
    await runPython(`
import pickle, redis
message = {'method': 'emit', 'event': 'update', 'data': {'time': 1639178371}, 'namespace': '/', 'room': 'time', 'skip_sid': None, 'callback': None, 'host_id': 'ce56fbc176624c7e8511a583cd5030a8'}
redis.StrictRedis().publish('flask-socketio', pickle.dumps(message))
`);
    expect(await page.next(patienceMs)).toEqual(["update", { time: 1639178371 }]);
  });

  /** Statuses of a handshake from pages of these origins. */
  const statuses = async (url: string, ...origins: readonly string[]): Promise<readonly number[]> =>
    Promise.all(
      origins.map(
        async (origin) =>
          (await fetch(`${url}/socket.io/?EIO=4&transport=polling`, { headers: { origin } })).status,
      ),
    );

  test("WSE-01 WSE-02 ws-emit.py -a 0.0.0.0:8899 --cors http://localhost:7788 --secret 123", async () => {
    const flags = "-a 0.0.0.0:8899 --cors http://localhost:7788 --secret 123";
    const port = await freePort();
    const args = here(flags, { 8899: port }).split(" ");
    await using own = new RunningProcess([
      belfryPath,
      "serve",
      "--as",
      "ws-emit",
      ...args,
      "--redis",
      redis.url,
      "--log-format",
      "json",
    ]);
    await own.waitFor(/"event":"listening"/);
    const url = `http://127.0.0.1:${port}`;
    // Another spelling of the same machine is another origin.
    expect(await statuses(url, "http://localhost:7788", "http://127.0.0.1:7788")).toEqual([200, 400]);
    expectInstead("ws-emit.md", flags.slice(0, 15), /serve --as ws-emit/);
  });

  test("WSE-01 WSE-20 --secret MySecret, and SECRET=MySecret, CORS= and ADDRESS= in /etc/default/ws-emit", async () => {
    const emitted = async (url: string, secret: string): Promise<string> =>
      (await postEmit(url, { event: "e", secret })).text;
    await using flagged = await served(["--as", "ws-emit", "--secret", "MySecret"]);
    expect(await emitted(flagged.url, "MySecret")).toBe("OK\n");
    const port = await freePort();
    const settings = `REDIS=${redis.url}\nADDRESS=127.0.0.1:${port}\nCORS="http://shop.example http://localhost:7788"\nSECRET=MySecret\n`;
    writeFileSync(join(folder, "default"), settings);
    const start = `set -a; . ./default; exec ${belfryPath} serve --as ws-emit --log-format json`;
    await using unit = new RunningProcess(["sh", "-c", start], { cwd: folder });
    await unit.waitFor(/"event":"listening"/);
    const url = `http://127.0.0.1:${port}`;
    expect(await emitted(url, "MySecret")).toBe("OK\n");
    expect(await emitted(url, "mysecret")).toStartWith("Incorrect secret");
    expect(
      await statuses(url, "http://shop.example", "http://localhost:7788", "http://other.example"),
    ).toEqual([200, 200, 400]);
    const unitFile = readFileSync(join(root, "packaging/systemd/belfry-ws-emit.service"), "utf8");
    expect(unitFile).toContain("EnvironmentFile=-/etc/default/ws-emit");
  });

  test("what installs or starts the old programs is on the page, with what to write instead", () => {
    for (const [line, reason] of [
      ["pip3 install ws-emit", /npm ci.*needs no Python/],
      ["pip3 install git+", /npm ci/],
      ["contrib/ws-emit /etc/default/", /read as it is/],
      ["systemctl enable ws-emit", /belfry-ws-emit\.service.*Python script/],
      ["./redis2websocket.py", /serve --as ws-emit/],
      ["example/time.py", /example:time/],
      ["example/dir2web.py /tmp/ws-emit", /example:dir2web/],
      ["SUBSCRIBE flask-socketio", /JSON/],
    ] as const)
      expectInstead("ws-emit.md", line, reason);
  });

  test("WSE-20 time: the page shows the time, and 111111 from curl until the next update", async () => {
    const [port, gatewayPort] = [await freePort(), await freePort()];
    const args = ["--port", `${port}`, "--gateway-port", `${gatewayPort}`, "--secret", "123"];
    await using example = new RunningProcess(["npm", "run", "example:time", "--", ...args], { cwd: root });
    const [, url = ""] = await example.waitFor(/^Open (\S+) /m);
    expect(url).toBe(here("http://localhost:7788/", { 7788: port }));
    await withBrowser(async (browser) => {
      const { page: clock } = await browser.open(url);
      await clock.getByText("connected").waitFor();
      const times: string[] = [];
      await clock.exposeFunction("seen", (text: string) => times.push(text));
      const shown = await clock.evaluate(() => {
        const output = document.getElementById("time");
        const note = (): unknown =>
          (globalThis as unknown as { seen(text: string): unknown }).seen(output?.textContent ?? "");
        if (output)
          new MutationObserver(note).observe(output, { childList: true, characterData: true, subtree: true });
        return new Date(111_111 * 1_000).toLocaleTimeString();
      });
      const line =
        'curl -s -d @x.json -H "Content-Type: application/json" -X POST http://localhost:8899/emit';
      expect(await shell(line, { 8899: gatewayPort })).toBe("OK\n");
      const deadline = performance.now() + patienceMs;
      const isOver = (): boolean => times.includes(shown) && times.at(-1) !== shown;
      while (!isOver()) {
        if (performance.now() > deadline)
          throw new Error(`Expected ${shown} and then another, got ${times.join()}`);
        await Bun.sleep(20);
      }
    });
  });

  test("WSE-03 dir2web: mkdir, echo aaa > aaa.txt is listed, echo aaa2 is shown in the opened file", async () => {
    const place = join(folder, "ws-emit");
    await shell(`mkdir ${place}`);
    const ends = ["--port", `${await freePort()}`, "--gateway-port", `${await freePort()}`];
    const args = ["--directory", place, "--redis", redis.url, ...ends];
    await using example = new RunningProcess(["npm", "run", "example:dir2web", "--", ...args], { cwd: root });
    const [, url = ""] = await example.waitFor(/^Open (\S+) /m);
    await withBrowser(async (browser) => {
      const { page: list } = await browser.open(url);
      await list.getByText("connected").waitFor();
      await shell(`echo aaa > ${place}/aaa.txt`);
      await list.getByRole("link", { name: "aaa.txt" }).click();
      await list.getByText("aaa", { exact: true }).waitFor();
      await list.getByText("connected").waitFor();
      await shell(`echo aaa2 > ${place}/aaa.txt`);
      await list.getByText("aaa2", { exact: true }).waitFor();
    });
  });

  test("RTE-11 without a Redis at all: --redis memory:, and curl", async () => {
    await using own = await ServedGateway.start({
      args: ["--as", "ws-emit", "--secret", "123", "--redis", "memory:"],
    });
    using visitor = await Page.connect(own.url);
    await visitor.join("time");
    const line = 'curl -s -d @x.json -H "Content-Type: application/json" -X POST http://localhost:8899/emit';
    expect(await shell(line, { 8899: portOf(own) })).toBe("OK\n");
    expect(await visitor.next(patienceMs)).toEqual(["update", { time: 111111 }]);
  });
});

/** An empty page of this machine, in whose console scripts are typed. */
function blankSite(headers: Readonly<Record<string, string>> = {}): {
  readonly url: string;
  [Symbol.dispose](): void;
} {
  const html = { "content-type": "text/html", ...headers };
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: () =>
      new Response("<!doctype html><title>A page</title><link rel=icon href='data:,'>", { headers: html }),
  });
  return { url: `http://localhost:${server.port}/`, [Symbol.dispose]: () => void server.stop(true) };
}

describe("WS-HUB", () => {
  const file = `address: ":8080"            # address of server
clientKey: "session_key"    # name of key to associate new client
serverUrl: "/ws"            # url for new connections

redis:
  address: "localhost:6379" # endpoint of Redis
  timeout: 120
  idleConn: 4
  channelPrefix: "ws-hub:"

webSocket:
  writeWait: 10
  pongWait: 60
  maxMessageSize: 128
`;
  let place = "";
  let port = 0;
  let hub: RunningProcess;

  beforeAll(async () => {
    place = join(folder, "ws-hub");
    mkdirSync(place);
    port = await freePort();
    writeFileSync(join(place, "config.yaml"), here(file, { 8080: port }));
    // "Put the config file next to the service being started": no other argument.
    hub = new RunningProcess([belfryPath, "serve", "--as", "ws-hub", "--log-format", "json"], { cwd: place });
    await hub.waitFor(/"event":"listening"/);
  });

  afterAll(async () => {
    await hub.stop();
  });

  test("HUB-01 HUB-10 HUB-11 config check of its file: nothing but the two keys without effect, and its values hold", async () => {
    writeFileSync(join(place, "example.yaml"), file);
    const { code, stderr } = await run(
      [belfryPath, "config", "check", "--as", "ws-hub", "-c", "example.yaml"],
      { cwd: place },
    );
    expect(code).toBe(0);
    expect(stderr.trim().split("\n")).toEqual([
      expect.stringContaining("`redis.timeout` is accepted without effect"),
      expect.stringContaining("`redis.idleConn` is accepted without effect"),
    ]);
    const { stdout } = await run([belfryPath, "config", "print", "--as", "ws-hub", "-c", "example.yaml"], {
      cwd: place,
    });
    for (const [option, value] of Object.entries({
      address: ":8080",
      redis: "redis://localhost:6379/0",
      "ws-hub.clientKey": "session_key",
      "ws-hub.serverUrl": "/ws",
      "ws-hub.channelPrefix": "ws-hub:",
      "ws-hub.writeWait": "10",
      "ws-hub.pongWait": "60",
      "ws-hub.maxMessageSize": "128",
    }))
      expect(stdout).toMatch(new RegExp(`^${option} +${value} +file example.yaml`, "m"));
  });

  test("HUB-01 HUB-10 what has no effect, and how small its messages are, is said at info: nothing warns", () => {
    const lines = hub.output.split("\n").filter((line) => line.startsWith("{"));
    const said = lines.map((line) => JSON.parse(line) as { level: string; text?: string });
    expect(said.filter(({ level }) => level !== "info")).toEqual([]);
    const notices = said.map(({ text = "" }) => text).join("\n");
    for (const word of ["redis.timeout", "redis.idleConn", "maxMessageSize"]) expect(notices).toContain(word);
  });

  test("HUB-04 HUB-05 HUB-08 HUB-09 the four channels between hub, listener and services", async () => {
    await using spy = new RunningProcess([
      "redis-cli",
      "-p",
      `${redis.port}`,
      "PSUBSCRIBE",
      "ws-hub:client-*",
    ]);
    await spy.waitFor(/^psubscribe/m);
    using client = await RawWebSocket.open(`http://127.0.0.1:${port}`, "/ws?session_key=123456");
    await spy.waitFor(/ws-hub:client-new\s+123456/);
    await publishHeard("ws-hub:groups-new:123456", "1,2,all,news");
    await publishHeard("ws-hub:group-data:news", "hello");
    expect(await client.waitForMessage(patienceMs)).toBe("hello");
    client.send("hi");
    await spy.waitFor(/ws-hub:client-data:123456\s+hi/);
  });

  test("HUB-01 HUB-08 the script of its page: new WebSocket(…/ws?session_key=123456), onmessage", async () => {
    using site = blankSite();
    await withBrowser(async (browser) => {
      const { page } = await browser.open(site.url);
      const printed = consoleOf(page);
      await type(
        page,
        here(
          `var conn = new WebSocket("ws://127.0.0.1:8080/ws?session_key=123456");
           conn.onmessage = function(event) {
               console.log(event.data);
           };
           conn.onopen = function() { console.log("open"); };`,
          { 8080: port },
        ),
      );
      await printed.has("open");
      await publishHeard("ws-hub:groups-new:123456", "all");
      await publishHeard("ws-hub:group-data:all", "for all");
      await printed.has("for all");
    });
  });

  test("go run . and example/listener.py: the page says what to write; ours puts keys into groups", async () => {
    expectInstead("ws-hub.md", "go run .", /serve --as ws-hub.*config\.yaml/);
    await using _listener = new RunningProcess([
      python,
      join(root, "examples/ws-hub/listener.py"),
      redis.url,
    ]);
    await subscribed("ws-hub:client-new");
    using client = await RawWebSocket.open(`http://127.0.0.1:${port}`, "/ws?session_key=234567");
    expect(String(await client.waitForMessage(patienceMs))).toMatch(/^It is \d\d:\d\d:\d\d$/);
  });

  test("docker run -v ${PWD}/config.yaml:/root/config.yaml -p 8080:8080: the Dockerfile reads it there, as nobody", async () => {
    expectInstead(
      "ws-hub.md",
      "docker run -d -ti -v ${PWD}/config.yaml:/root/config.yaml",
      /docker build -t belfry/,
    );
    const { stages, user, entrypoint, command, healthcheck } = readDockerfile(
      readFileSync(join(root, "Dockerfile"), "utf8"),
    );
    expect(user).toMatch(/^[1-9]\d*:[1-9]\d*$/);
    const image = stages.at(-1)?.steps ?? [];
    expect(image.findLast(({ kind }) => kind === "workdir")).toEqual({ kind: "workdir", path: "/root" });
    // What the container would start, in its working directory; the health check of the image, on this port.
    const [start = "", ...args] = [...entrypoint, ...command];
    expect([start, ...args]).toEqual(["/opt/belfry/bin/belfry", "serve", "--as", "ws-hub"]);
    const [runtime = "", ...check] = healthcheck;
    expect(runtime).toEndWith("/node_modules/bun/bin/bun.exe");
    const health = async (at: number): Promise<number> =>
      (
        await run([process.execPath, ...check], {
          env: { HEALTH_URL: `http://127.0.0.1:${at}/-/health/live` },
        })
      ).code;
    expect(await health(port)).toBe(0);
    expect(await health(await freePort())).toBe(1);
    for (const step of stages.flatMap(({ steps }) => steps)) {
      if (step.kind !== "copy" || step.copy.from !== undefined) continue;
      for (const source of step.copy.sources)
        expect([source, existsSync(join(root, source))]).toEqual([source, true]);
    }
  });
});

describe("django-websocket-redis", () => {
  const session = "wnqd0gbw5obpnj50zwh6yaq2yz4o8g9x";
  let gateway: ServedGateway;
  let site: ReturnType<typeof blankSite>;

  beforeAll(async () => {
    site = blankSite({ "set-cookie": `sessionid=${session}; HttpOnly` });
    const content = { _auth_user_id: "7", "ws4redis:username": "johndoe" };
    await redis.command("SET", `:1:django.contrib.sessions.cache${session}`, JSON.stringify(content));
    gateway = await served(["--as", "ws4redis"], {
      SESSION_ENGINE: "django.contrib.sessions.backends.cache",
      WS4REDIS_USERNAME: "session:ws4redis:username",
      WS4REDIS_EXPIRE: "3600",
      WS4REDIS_PUBLISH: "foobar",
      WS4REDIS_ORIGINS: new URL(site.url).origin,
    });
  });

  afterAll(async () => {
    await gateway[Symbol.asyncDispose]();
    site[Symbol.dispose]();
  });

  /** The script of the documentation, at this query. */
  const script = (query: string): string => `
    var ws = new WebSocket('ws://localhost:${portOf(gateway)}/ws/foobar?${query}');
    ws.onopen = function() {
        console.log("websocket connected");
    };
    ws.onmessage = function(e) {
        console.log("Received: " + e.data);
    };
    ws.onerror = function(e) {
        console.error(e);
    };
    ws.onclose = function(e) {
        console.log("connection closed");
    }
    function send_message(msg) {
        ws.send(msg);
    }`;

  const listening = async (browser: TestBrowser, query: string) => {
    const { page } = await browser.open(site.url);
    const printed = consoleOf(page);
    await type(page, script(query));
    await printed.has("websocket connected");
    return { page, printed };
  };

  /** `conn.publish` of redis-py. */
  const publish = async (name: string, message: string): Promise<void> => {
    const program = `import redis\nconn = redis.StrictRedis()\nconn.publish('${name}', '${message}')`;
    if (!name.startsWith("_broadcast_:")) await subscribed(name);
    await runPython(program);
  };
  test.each([
    [
      "W4R-03 subscribe-broadcast: conn.publish('_broadcast_:foobar', 'Hello World')",
      "subscribe-broadcast",
      "_broadcast_:foobar",
    ],
    [
      "W4R-03 DJS-09 subscribe-user: conn.publish('johndoe:foobar', 'Hello World')",
      "subscribe-user",
      "johndoe:foobar",
    ],
    [
      "W4R-03 subscribe-session: conn.publish('<session>:foobar', 'Hello World')",
      "subscribe-session",
      `${session}:foobar`,
    ],
  ])("%s", async (_title, query, name) => {
    await withBrowser(async (browser) => {
      const { printed } = await listening(browser, query);
      await publish(name, `Hello ${query}`);
      await printed.has(`Received: Hello ${query}`);
      expect(printed.lines.filter((line) => line.startsWith("Received"))).toHaveLength(1);
    });
  });

  test("W4R-03 the names of 0.3 and later, beside them", async () => {
    await withBrowser(async (browser) => {
      const { printed } = await listening(browser, "subscribe-broadcast&subscribe-user&subscribe-session");
      await subscribed("johndoe:foobar");
      for (const name of ["broadcast:foobar", "user:johndoe:foobar", `session:${session}:foobar`]) {
        await redis.command("PUBLISH", name, `at ${name}`);
        await printed.has(`Received: at ${name}`);
      }
    });
  });

  test.each([
    ["broadcast", "broadcast:foobar"],
    ["user", "user:johndoe:foobar"],
    ["session", `session:${session}:foobar`],
  ])(
    "W4R-05 W4R-08 W4R-17 publish-%s: every listener hears what send_message says, and newcomers",
    async (audience, name) => {
      await withBrowser(async (browser) => {
        const { printed } = await listening(browser, `subscribe-${audience}`);
        const speaker = await listening(browser, `subscribe-${audience}&publish-${audience}&echo`);
        await speaker.page.evaluate((text) => {
          (globalThis as unknown as { send_message(text: string): void }).send_message(text);
        }, `said to ${audience}`);
        for (const each of [printed, speaker.printed]) await each.has(`Received: said to ${audience}`);
        expect(await redis.command("GET", name)).toBe(`said to ${audience}`);
        expect(Number(await redis.command("TTL", name))).toBeGreaterThan(3_000);
        const late = await listening(browser, `subscribe-${audience}`);
        await late.printed.has(`Received: said to ${audience}`);
        await redis.command("DEL", name);
      });
    },
  );

  test("W4R-04 a page that connects, or comes back, hears the message that was kept", async () => {
    await redis.command("SETEX", "broadcast:foobar", "60", "the current one");
    await withBrowser(async (browser) => {
      const { page, printed } = await listening(browser, "subscribe-broadcast");
      await printed.has("Received: the current one");
      await page.evaluate(() => {
        (globalThis as unknown as { ws: WebSocket }).ws.close();
      });
      await printed.has("connection closed");
      printed.lines.length = 0;
      await type(page, script("subscribe-broadcast"));
      await printed.has("Received: the current one");
    });
    await redis.command("DEL", "broadcast:foobar");
  });

  test("W4R-01 WEBSOCKET_URL moves the prefix", async () => {
    await using moved = await served(["--as", "ws4redis", "--broadcast-only"], { WEBSOCKET_URL: "/live/" });
    using client = await RawWebSocket.open(moved.url, "/live/foobar?subscribe-broadcast");
    await redis.command("PUBLISH", "_broadcast_:foobar", "Hello World");
    expect(await client.waitForMessage(patienceMs)).toBe("Hello World");
    expect(await RawWebSocket.tryOpen(moved.url, "/ws/foobar")).toMatchObject({ status: 404 });
  });

  test("W4R-03 SEC-03 WS4REDIS_NAMING: legacy and current are choices", async () => {
    for (const [naming, heard] of [
      ["legacy", "_broadcast_:foobar"],
      ["current", "broadcast:foobar"],
    ] as const) {
      await using own = await served(["--as", "ws4redis", "--broadcast-only"], { WS4REDIS_NAMING: naming });
      using client = await RawWebSocket.open(own.url, "/ws/foobar?subscribe-broadcast");
      for (const name of ["_broadcast_:foobar", "broadcast:foobar", heard])
        await redis.command("PUBLISH", name, name);
      expect(await client.waitForMessages(2, patienceMs)).toEqual([heard, heard]);
    }
  });

  test("what needs a setting is on the page", () => {
    expectInstead("ws4redis.md", "?publish-broadcast", /WS4REDIS_PUBLISH=foobar/);
    expectInstead("ws4redis.md", "what a page says goes to", /WS4REDIS_NAMING=legacy/);
    expectInstead("ws4redis.md", "receives its own messages", /echo/);
  });
});

describe("python-websocket-channels", () => {
  const open = ["--as", "websocket-channels", "--root", "--websocket-channels-path", "/", "--open-publish"];
  let gateway: ServedGateway;
  let ports: Readonly<Record<number, number>>;

  beforeAll(async () => {
    gateway = await served(open);
    ports = { 5000: portOf(gateway) };
  });

  afterAll(async () => {
    await gateway[Symbol.asyncDispose]();
  });

  test("WSC-07 curl 'http://127.0.0.1:5000/users/1' -d 'Hi there!'", async () => {
    using client = await RawWebSocket.open(gateway.url, "/users/1");
    expect(await shell("curl -s 'http://127.0.0.1:5000/users/1' -d 'Hi there!'", ports)).toBe("OK");
    expect(await client.waitForMessage(patienceMs)).toBe("Hi there!");
  });

  test("WSC-03 WSC-07 curl 'http://127.0.0.1:5000/users/' -d 'Hi there!' is for all sub-rooms", async () => {
    using one = await RawWebSocket.open(gateway.url, "/users/1");
    using deep = await RawWebSocket.open(gateway.url, "/users/2/x");
    using users = await RawWebSocket.open(gateway.url, "/users");
    expect(await shell("curl -s 'http://127.0.0.1:5000/users/' -d 'Hi there!'", ports)).toBe("OK");
    for (const client of [one, deep]) expect(await client.waitForMessage(patienceMs)).toBe("Hi there!");
    await shell("curl -s 'http://127.0.0.1:5000/users' -d 'end'", ports);
    expect(await users.waitForMessage(patienceMs)).toBe("end");
  });

  test("WSC-08 the same lines with the secret, as the page says", async () => {
    expectInstead(
      "websocket-channels.md",
      "curl 'http://127.0.0.1:5000/users/1' -d 'Hi there!'",
      /Authorization: Bearer.*--open-publish/,
    );
    writeFileSync(join(folder, "secret"), "a-secret-of-channels\n");
    const args = [...open.slice(0, -1), "--secret-file", join(folder, "secret")];
    await using closed = await served(args);
    using client = await RawWebSocket.open(closed.url, "/users/1");
    const own = { 5000: portOf(closed) };
    const plain = "curl -s -o /dev/null -w '%{http_code}' 'http://127.0.0.1:5000/users/1' -d 'no'";
    expect(await shell(plain, own)).toBe("401");
    const line = `curl -s 'http://127.0.0.1:5000/users/1' -d 'Hi there!' -H "Authorization: Bearer $(cat secret)"`;
    expect(await shell(line, own)).toBe("OK");
    expect(await client.waitForMessage(patienceMs)).toBe("Hi there!");
  });

  test("WSC-02 two workers on one Redis: what a page says in chat is sent to the clients of both", async () => {
    await using second = await served(open);
    using near = await RawWebSocket.open(gateway.url, "/chat");
    using far = await RawWebSocket.open(second.url, "/chat");
    const said = '{"handle":"","text":"test"}';
    await using tail = new RunningProcess([
      belfryPath,
      "tail",
      "--as",
      "websocket-channels",
      "--redis",
      redis.url,
    ]);
    await tail.waitFor(/websocket:/);
    near.send(said);
    for (const client of [near, far]) expect(await client.waitForMessage(patienceMs)).toBe(said);
    await tail.waitFor(/chat.*test/);
    expectInstead("websocket-channels.md", "--workers=2", /one process holds thousands/);
    expectInstead("websocket-channels.md", "Publishing message to channel chat", /belfry tail/);
    expectInstead("websocket-channels.md", "gunicorn chat:websockets", /process of its own/);
  });

  test("WSC-01 WSC-02 WSC-07 behind its nginx recipe: the channel from the browser's console, curl to /channel", async () => {
    const recipe = `
      location / { default_type text/html; return 200 "<!doctype html><title>A page</title><link rel=icon href='data:,'>"; }
      location ~ /ws/(?<rest>.+) {
          proxy_pass http://websocket/$rest;
          proxy_http_version 1.1;
          proxy_set_header Upgrade $http_upgrade;
          proxy_set_header Connection "Upgrade";
      }`;
    await using nginx = await Nginx.start({
      upstreams: { websocket: new URL(gateway.url).host },
      server: recipe,
    });
    const library = await Bun.file(new URL(import.meta.resolve("reconnectingwebsocket"))).text();
    expectInstead("websocket-channels.md", "rawgit.com", /reconnectingwebsocket.*closed/);
    await withBrowser(async (browser) => {
      const { page } = await browser.open(nginx.url);
      const printed = consoleOf(page);
      await type(page, library);
      await type(
        page,
        `var socket = new ReconnectingWebSocket("ws://"+ location.host + "/ws/channel");
        socket.onopen = function() { console.log("open"); };`,
      );
      await type(page, "socket.onmessage = function(message) { console.log(message.data); };");
      await printed.has("open");
      const text = '{"text": "Hi there!"}';
      expect(await shell(`curl -s 'http://localhost:5000/channel' -d '${text}'`, ports)).toBe("OK");
      await printed.has(text);
      await type(page, "socket.send('from the console')");
      await printed.has("from the console");
    });
  });

  test("WSC-09 visit http://127.0.0.1:5000/users/1: a page of the example, and a sentence here", async () => {
    expectInstead("websocket-channels.md", "visit `http://127.0.0.1:5000/users/1`", /examples\/chat/);
    const answer = await fetch(`${gateway.url}/users/1`);
    expect([answer.status, (await answer.text()).length > 0]).toEqual([405, true]);
  });

  test("RTE-11 without a Redis: --redis memory:, curl and a tree", async () => {
    await using own = await ServedGateway.start({ args: [...open, "--redis", "memory:"] });
    using client = await RawWebSocket.open(own.url, "/users/1");
    const mine = { 5000: portOf(own) };
    await shell("curl -s 'http://127.0.0.1:5000/users/1' -d 'Hi there!'", mine);
    await shell("curl -s 'http://127.0.0.1:5000/users/' -d 'Hi all!'", mine);
    expect(await client.waitForMessages(2, patienceMs)).toEqual(["Hi there!", "Hi all!"]);
  });
});

test("RTE-11 ws-hub and ws4redis without a Redis: they start, and serve who is there", async () => {
  for (const [args, path] of [
    [["--as", "ws-hub"], "/ws?session_key=1"],
    [
      ["--as", "ws4redis", "--broadcast-only", "--ws4redis-publish", "foobar"],
      "/ws/foobar?subscribe-broadcast&publish-broadcast&echo",
    ],
  ] as const) {
    await using own = await ServedGateway.start({ args: [...args, "--redis", "memory:"] });
    using client = await RawWebSocket.open(own.url, path);
    client.send("hi");
    if (args[1] === "ws4redis") expect(await client.waitForMessage(patienceMs)).toBe("hi");
    else expect(client.connection.hasEnded).toBe(false);
  }
});
