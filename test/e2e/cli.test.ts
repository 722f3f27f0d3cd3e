// The command line as its users have it: ./bin/belfry as a process of its own. What each option means is proved
// beside the code; here is what only a process can show.

import { once } from "node:events";
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@redis/client";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { emit, postEmit } from "../support/emit.ts";
import { run, RunningProcess } from "../support/process.ts";
import type { Finished } from "../support/process.ts";
import { Page } from "../support/page.ts";
import { RawWebSocket } from "../support/raw.ts";
import { startRedis } from "../support/redis.ts";
import { until } from "../support/until.ts";

const belfryPath = join(import.meta.dir, "../../bin/belfry");
const secret = "0123456789abcdef";

let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "belfry-cli-"));
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

async function belfry(args: readonly string[], env: Record<string, string> = {}): Promise<Finished> {
  return run([belfryPath, ...args], { env, timeoutMs: 20_000 });
}

function start(args: readonly string[], env: Record<string, string> = {}): RunningProcess {
  return new RunningProcess([belfryPath, ...args], { env });
}

/** The URL that a gateway says it listens on. */
async function urlOf(gateway: RunningProcess): Promise<string> {
  const [, url = ""] = await gateway.waitFor(/"event":"listening","url":"([^"]+)"/);
  return url.replace("//0.0.0.0:", "//127.0.0.1:");
}

async function file(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

/** A handshake of a page with that origin. */
async function handshake(url: string, origin: string): Promise<number> {
  const answer = await fetch(`${url}/socket.io/?EIO=4&transport=polling`, { headers: { origin } });
  await answer.body?.cancel();
  return answer.status;
}

/** Opens websockets that speak no more than the handshake. */
async function openSockets(url: string, count: number): Promise<readonly WebSocket[]> {
  const address = `${url.replace("http", "ws")}/socket.io/?EIO=4&transport=websocket`;
  return Promise.all(
    Array.from({ length: count }, () => {
      const { promise, resolve, reject } = Promise.withResolvers<WebSocket>();
      const socket = new WebSocket(address);
      socket.addEventListener("message", () => {
        resolve(socket);
      });
      socket.addEventListener("close", () => {
        reject(new Error("Expected an open packet, got a closed websocket"));
      });
      return promise;
    }),
  );
}

interface ProcessTree {
  readonly children: readonly string[];
  readonly command: string;
}

/** A process and those that it started, as the system sees them. */
async function processTree(pid: number): Promise<ProcessTree> {
  if (process.platform === "linux") {
    const children = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8");
    const command = await readFile(`/proc/${pid}/cmdline`, "utf8");
    return { children: children.split(" ").filter(Boolean), command: command.replaceAll("\0", " ") };
  }
  const { stdout } = await run(["ps", "-A", "-o", "pid=,ppid=,args="]);
  const rows = stdout.split("\n").map((row) => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(row) ?? []);
  return {
    children: rows.flatMap(([, child = "", parent]) => (parent === String(pid) ? child : [])),
    command: rows.find(([, own]) => own === String(pid))?.[3] ?? "",
  };
}

async function publishRaw(url: string, channel: string, payload: string): Promise<void> {
  const client = createClient({ url });
  await client.connect();
  await client.publish(channel, payload);
  await client.close();
}

describe("the command", () => {
  test.each(["", "serve"])("WSE-01 belfry %s --help", async (command) => {
    const { code, stdout, stderr } = await belfry([...command.split(" ").filter(Boolean), "--help"]);
    expect(stdout).toStartWith("Usage: belfry ");
    expect(stdout).toContain("Examples:\n");
    expect([code, stderr]).toEqual([0, ""]);
  });

  test("WSE-01 a wrong flag is a sentence and exit code 1", async () => {
    const { code, stdout, stderr } = await belfry(["serve", "--adress", "x"]);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toStartWith("belfry: unknown option '--adress'\n(Did you mean --address?)\n");
  });

  test("WSE-01 a long answer arrives whole through a slow pipe", async () => {
    const { stdout } = await run(["sh", "-c", `"$0" config docs | (sleep 0.5; cat)`, belfryPath]);
    expect(stdout).toBe(await readFile(join(import.meta.dir, "../../docs/configuration.md"), "utf8"));
  });

  test("WSE-01 runs through a link and from another folder, as an installed one does", async () => {
    const link = join(folder, "belfry");
    await symlink(belfryPath, link);
    const { code, stdout } = await run([link, "--version"], { cwd: "/" });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

// Every combination of sources: src/config/load.test.ts.
test("WSE-01 flag over environment over file over default, in one command", async () => {
  const path = await file("sources.yaml", "drain: 3\nlog: {level: error, format: json}\n");
  const env = { BELFRY_DRAIN: "2", BELFRY_LOG_LEVEL: "warn", BELFRY_CONFIG: path };
  const { stdout } = await belfry(["config", "print", "--drain", "1"], env);
  const rowOf = (name: string): readonly string[] | undefined =>
    new RegExp(`^${name} +(\\S+) +(.*)$`, "m").exec(stdout)?.slice(1);
  expect(rowOf("drain")).toEqual(["1", "flag --drain"]);
  expect(rowOf("log\\.level")).toEqual(["warn", "environment BELFRY_LOG_LEVEL"]);
  expect(rowOf("log\\.format")).toEqual(["json", `file ${path}`]);
  expect(rowOf("socketio\\.pingInterval")).toEqual(["25", "default"]);
});

describe("belfry serve", () => {
  test("WSE-01 leaves one process, the runtime itself", async () => {
    await using gateway = start(["serve", "-a", "127.0.0.1:0"]);
    await urlOf(gateway);
    const { children, command } = await processTree(gateway.pid);
    expect(children).toEqual([]);
    expect(command).toContain("src/cli/main.ts serve -a 127.0.0.1:0");
  });

  test("WSE-20 SEC-11 without a secret there is no /emit, and no demo", async () => {
    await using gateway = start(["serve", "-a", "127.0.0.1:0"]);
    const url = await urlOf(gateway);
    expect(await postEmit(url, { event: "e", room: "r" })).toMatchObject({ status: 404 });
    expect((await fetch(`${url}/`)).status).toBe(404);
    expect((await fetch(`${url}/-/health/ready`)).status).toBe(200);
  });

  test("SEC-11 SEC-04 a secret from a file, which no log shows", async () => {
    const path = await file("secret", `${secret}\n`);
    await using gateway = start(["serve", "-a", "127.0.0.1:0", "--secret-file", path, "-v"]);
    const url = await urlOf(gateway);
    await emit(url, { event: "e", room: "r", secret });
    expect(await postEmit(url, { event: "e", room: "r", secret: "x" })).toMatchObject({ status: 403 });
    await gateway.stop();
    expect(gateway.output).not.toContain(secret);
  });

  test("WSE-01 a port in use is a sentence, not a stack", async () => {
    await using first = start(["serve", "-a", "127.0.0.1:0"]);
    const address = new URL(await urlOf(first)).host;
    const { code, stderr } = await belfry(["serve", "-a", address]);
    expect(code).toBe(1);
    expect(stderr).toMatch(new RegExp(`^belfry: Expected .*${address}.*\n$`));
  });

  const places: readonly (readonly [title: string, args: readonly string[], sentence: string])[] = [
    [
      "an address of another machine",
      ["-a", "192.0.2.1:8899"],
      "Expected 192.0.2.1:8899 to be an address of this machine, got one that it does not have; 0.0.0.0 is all that it has",
    ],
    [
      "a name that nobody knows",
      ["-a", "no-such-name.invalid:8899"],
      "Expected no-such-name.invalid:8899 to be an address of this machine, got a name that has none",
    ],
  ];
  test.each([...places])("WSE-01 %s is a sentence", async (_title, args, sentence) => {
    const { code, stderr } = await belfry(["serve", ...args]);
    expect([code, stderr]).toEqual([1, `belfry: ${sentence}\n`]);
  });

  test("WSE-01 a URL with TLS at a Redis without, and the other way round, say so", async () => {
    const cases = [
      ["tcp", "rediss", "a Redis without TLS: redis://, not rediss://"],
      ["tls", "redis", "a server with TLS: rediss://, not redis://"],
    ] as const;
    for (const [transport, scheme, got] of cases) {
      for (const password of [undefined, "hunter2"]) {
        await using redis = await startRedis({ transport, ...(password === undefined ? {} : { password }) });
        const url = `${scheme}://:hunter2@127.0.0.1:${redis.port}`;
        const { code, stderr } = await belfry(["serve", "-a", "127.0.0.1:0", "--redis", url]);
        expect([code, stderr]).toEqual([
          1,
          `belfry: Expected a Redis at 127.0.0.1:${redis.port}, got ${got}\n`,
        ]);
      }
    }
  }, 60_000);

  test("WSE-01 a Redis that refuses is a sentence, with --verbose the stack too", async () => {
    const args = ["serve", "-a", "127.0.0.1:0", "--redis", "redis://:hunter2@127.0.0.1:1"];
    const { code, stderr } = await belfry(args);
    expect(code).toBe(1);
    expect(stderr).toBe("belfry: Expected a Redis at 127.0.0.1:1, got connection refused\n");
    const verbose = await belfry([...args, "--verbose"]);
    expect(verbose.stderr).toStartWith(stderr);
    expect(verbose.stderr).toMatch(/\n +at .*\.ts/);
    expect(verbose.stderr).not.toContain("hunter2");
  });

  test("WSE-01 a Redis with another password is a sentence", async () => {
    await using redis = await startRedis({ password: "right" });
    const { code, stderr } = await belfry(["serve", "--redis", `redis://:hunter2@127.0.0.1:${redis.port}`]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^belfry: Expected .*\n$/);
    expect(stderr).not.toContain("hunter2");
  });
});

describe("files that are none", () => {
  const serve = `exec ${belfryPath} serve -a 127.0.0.1:0 --log-format json`;
  const shell = async (options: string, before = ""): Promise<Finished> =>
    run(["bash", "-c", `${before} ${serve} ${options}`], { cwd: folder, timeoutMs: 20_000 });

  test("T9 a device or a pipe that never ends is a sentence, in each setting that names a file", async () => {
    const starts: readonly (readonly [options: string, expected: RegExp])[] = [
      [
        "--secret-file /dev/zero",
        /^belfry: Expected a secret in the file \/dev\/zero .*, got a file that is too long\n$/,
      ],
      [
        "--secret-file <(sleep 8 2>/dev/null)",
        /^belfry: Expected a secret in the file .*, got something that did not end within 5 s\n$/,
      ],
      [
        "-c /dev/urandom",
        /^belfry: Expected a config file at \/dev\/urandom, got a file that is too long\n$/,
      ],
      [
        "--tls-cert /dev/zero --tls-key /dev/zero",
        /^belfry: Expected a certificate in the file \/dev\/zero, got EFBIG\n$/,
      ],
      [
        "--redis rediss://127.0.0.1:1 --redis-tls-ca /dev/zero",
        /^belfry: Expected the CA file for Redis.*, got EFBIG\n$/,
      ],
    ];
    for (const [options, expected] of starts) {
      const { code, stderr } = await shell(options);
      expect([options, code]).toEqual([options, 1]);
      expect(stderr).toMatch(expected);
    }
  }, 60_000);

  test("WSE-01 a secret, a config and a key come through pipes, as a shell makes them", async () => {
    await using gateway = new RunningProcess([
      "bash",
      "-c",
      `${serve} --secret-file <(sleep 0.2; echo a-secret-from-a-pipe) -c <(echo 'drain: 1')`,
    ]);
    const url = await urlOf(gateway);
    await emit(url, { event: "a", secret: "a-secret-from-a-pipe" });
    expect(await postEmit(url, { event: "a", secret: "another" })).toMatchObject({ status: 403 });
  });
});

describe("signals", () => {
  test.each(["SIGTERM", "SIGINT", "SIGHUP"] as const)(
    "SEC-14 %s closes the clients and ends with 0",
    async (signal) => {
      await using gateway = start(["serve", "-a", "127.0.0.1:0"]);
      const sockets = await openSockets(await urlOf(gateway), 10);
      const closed = Promise.all(sockets.map(async (socket) => once(socket, "close")));
      gateway.kill(signal);
      gateway.kill(signal); // npm passes a terminal's signal on.
      expect(await gateway.exited).toBe(0);
      await closed;
      await gateway.waitFor(/"event":"stopped"/);
    },
  );

  // Elsewhere nobody tells what was ignored at the start.
  if (process.platform === "linux") {
    test("SEC-14 started with nohup it outlives its terminal, and drains when it is told to", async () => {
      await using gateway = new RunningProcess(["nohup", belfryPath, "serve", "-a", "127.0.0.1:0"]);
      const url = await urlOf(gateway);
      gateway.kill("SIGHUP");
      gateway.kill("SIGHUP");
      expect((await fetch(`${url}/-/health/ready`)).status).toBe(200);
      gateway.kill("SIGTERM");
      expect(await gateway.exited).toBe(0);
      await gateway.waitFor(/"event":"stopping","signal":"SIGTERM"/);
    });
  }

  test("SEC-14 the drain is seen in readiness, what follows at once is the same signal, a later one ends it", async () => {
    await using gateway = start(["serve", "-a", "127.0.0.1:0", "--drain", "600"]);
    const url = await urlOf(gateway);
    // From 1,000 clients on, the closes are spread over the drain.
    await openSockets(url, 1_000);
    gateway.kill("SIGTERM");
    const signalled = performance.now();
    await until(async () => (await fetch(`${url}/-/health/ready`)).status === 503, 10_000);
    gateway.kill("SIGTERM");
    await until(() => performance.now() - signalled > 1_200, 10_000);
    expect(gateway.isRunning).toBe(true);
    gateway.kill("SIGTERM");
    expect(await gateway.exited).toBe(143);
  }, 30_000);
});

interface Start {
  readonly args: readonly string[];
  readonly env?: Record<string, string>;
  /** Codes of its warnings, or the beginning of the sentence with which it refuses. */
  readonly outcome: readonly string[] | string;
}

/** All combinations: src/config/warnings.test.ts. */
const starts: readonly Start[] = [
  { args: ["-a", "0.0.0.0:0", "--cors", "*"], outcome: ["public_any_origin", "public_without_secret"] },
  {
    args: ["-a", "0.0.0.0:0"],
    env: { BELFRY_SECRET: secret, BELFRY_ORIGINS: "https://a.example/" },
    outcome: ["origin_matches_nothing"],
  },
  {
    args: ["-a", "0.0.0.0:0", "--secret-file", "/nowhere"],
    outcome: "Expected a secret in the file /nowhere",
  },
];

describe("T32 the start matrix", () => {
  test.each([...starts])("T32 WSE-27 %j", async ({ args, env = {}, outcome }) => {
    await using gateway = start(["serve", ...args], env);
    if (typeof outcome === "string") {
      await gateway.waitFor(/belfry: .*\n/);
      expect(await gateway.exited).toBe(1);
      expect(gateway.output).toStartWith(`belfry: ${outcome}`);
      return;
    }
    const url = await urlOf(gateway);
    const codes = [...gateway.output.matchAll(/"event":"start_warning","code":"(\w+)"/g)].map(
      ([, code]) => code,
    );
    expect(codes).toEqual([...outcome]);
    // Whatever the start: nobody publishes without a secret.
    expect([403, 404]).toContain((await postEmit(url, { event: "e", room: "r" })).status);
  });
});

describe("belfry serve --as ws-emit", () => {
  test("WSE-01 WSE-02 PSQ-01 ws-emit's environment, as it is", async () => {
    await using redis = await startRedis();
    const env = {
      REDIS: redis.url,
      ADDRESS: "127.0.0.1:0",
      CORS: "http://a.example http://b.example",
      SECRET: "s3cret",
      FLASK_SECRET: "f",
    };
    await using gateway = start(["serve", "--as", "ws-emit", "-v"], env);
    const url = await urlOf(gateway);
    expect(await handshake(url, "http://b.example")).toBe(200);
    expect(await handshake(url, "http://c.example")).toBe(400);
    expect(await handshake(url, url)).toBe(400);
    await emit(url, { event: "e", room: "r", secret: "s3cret" });
    expect(gateway.output).toContain('"event":"emulating","profile":"ws-emit"');
    expect(gateway.output).toContain("so POST /emit is on");
    expect(gateway.output).toContain("FLASK_SECRET has no effect");
    expect(gateway.output).not.toContain("s3cret");
  });

  test("WSE-02 an empty CORS is nobody, `*` anywhere is all, and flags win", async () => {
    await using redis = await startRedis();
    const env = { REDIS: redis.url, ADDRESS: "127.0.0.1:0" };
    await using nobody = start(["serve", "--as", "ws-emit"], { ...env, CORS: "" });
    await using fallback = start(["serve", "--as", "ws-emit"], env);
    await using flags = start(
      ["serve", "--as", "ws-emit", "--cors", "http://a.example", "*", "--flask-secret", "f"],
      { ...env, CORS: "" },
    );
    expect(await handshake(await urlOf(nobody), "http://localhost:7788")).toBe(400);
    expect(await handshake(await urlOf(fallback), "http://localhost:7788")).toBe(200);
    expect(await handshake(await urlOf(fallback), "http://127.0.0.1:7788")).toBe(400);
    expect(await handshake(await urlOf(flags), "http://anything.example")).toBe(200);
    expect(flags.output).toContain("--flask-secret has no effect");
  });
});

describe("belfry demo", () => {
  test("WSE-20 the page, the secret of this start, and a curl line that works as it stands", async () => {
    await using demo = start(["demo", "-a", "127.0.0.1:0"], { BELFRY_SECRET: "of-the-environment" });
    const [, url = ""] = await demo.waitFor(/listening {2}(\S+) \(socketio, native\)\n {2}broker {5}memory/);
    const [curl] = await demo.waitFor(/curl .*/);
    expect((await fetch(`${url}/`)).status).toBe(200);
    const { stdout } = await run(["sh", "-c", `${curl} -s`]);
    expect(stdout).toBe("OK\n");
    expect(demo.output).not.toContain("of-the-environment");
    expect(await demo.stop()).toBe(0);
  });

  test("T32 serves its secret to this machine alone", async () => {
    const { code, stderr } = await belfry(["demo", "-a", "0.0.0.0:0"]);
    expect(code).toBe(1);
    expect(stderr).toStartWith(
      "belfry: Expected `address` to be a loopback address, because the page of the demo",
    );
  });
});

describe("belfry publish and tail", () => {
  test("WSE-26 PSQ-20 NRE-01 what is published either way is seen, and the junk with its reason", async () => {
    await using redis = await startRedis();
    await using gateway = start(["serve", "-a", "127.0.0.1:0", "--redis", redis.url, "--secret", secret]);
    await using tail = start(["tail", "--redis", redis.url, "--json"]);
    const url = await urlOf(gateway);
    await tail.waitFor(/Listening on .*; Ctrl-C ends\./);
    const byHttp = await belfry(["publish", "time", "update", '{"n": 12345678901234567890}', "--url", url], {
      BELFRY_SECRET: secret,
    });
    expect(byHttp).toMatchObject({
      code: 0,
      stdout: `Published \`update\` to \`time\` by ${url}\nNo client of this gateway is in the room now\n`,
    });
    const byRedis = await belfry(["publish", "dir::a", "message", "hello", "--redis", redis.url]);
    expect(byRedis).toMatchObject({ code: 0 });
    expect(byRedis.stdout).toStartWith("Published `message` to `dir::a` on flask-socketio");
    await publishRaw(redis.url, "socketio", "junk");
    await tail.waitFor(/"channel":"socketio".*"reason"/);
    tail.kill("SIGINT");
    expect(await tail.exited).toBe(0);
    const lines = tail.output.split("\n").filter((line) => line.startsWith("{"));
    expect(lines).toHaveLength(3);
    expect(lines[0]).toContain('"event":"update"');
    expect(lines[0]).toContain('"args":[{"n": 12345678901234567890}]');
    expect(JSON.parse(lines[1] ?? "")).toMatchObject({
      rooms: ["dir::a"],
      event: "message",
      args: ["hello"],
      channel: "flask-socketio",
    });
    expect(JSON.parse(lines[2] ?? "")).toMatchObject({ kind: "junk", channel: "socketio", bytes: 4 });
  });

  test("a gateway of native clients alone: what became of it, with key and version, and by Redis", async () => {
    await using redis = await startRedis();
    const path = await file(
      "native.yaml",
      `redis: ${redis.url}\nsecret: ${secret}\nlisteners: [{ dialects: [native] }]\nrooms: [{ match: "log:*", history: { size: 9, seconds: 60 } }]\n`,
    );
    await using gateway = start(["serve", "-c", path, "-a", "127.0.0.1:0"]);
    const url = await urlOf(gateway);
    using page = await RawWebSocket.open(url, "/connect?room=time&room=log:a");
    for (const _ of "12") await page.waitForMessage();
    const heard = async (): Promise<unknown> => {
      const { at: _, ...message } = JSON.parse(String(await page.waitForMessage())) as Record<
        string,
        unknown
      >;
      return message;
    };
    const publish = async (...args: readonly string[]) => {
      const { code, stdout, stderr } = await belfry(["publish", "-c", path, ...args]);
      return [code, stdout.replaceAll(/\b[\w]+:\d+\.\w+/g, "POSITION"), stderr];
    };
    const by = (room: string): string => `Published \`message\` to \`${room}\` by ${url}\n`;
    expect(await publish("time", "12:00", "--url", url)).toEqual([
      0,
      `${by("time")}Delivered to 1 client of this gateway\n`,
      "",
    ]);
    expect(await heard()).toEqual({ room: "time", event: "message", data: "12:00" });
    expect(await publish("tiem", "12:00", "--url", url)).toEqual([
      0,
      `${by("tiem")}No client of this gateway is in the room now\n`,
      "",
    ]);
    const stored = `${by("log:a")}Delivered to 1 client of this gateway\nStored at POSITION\n`;
    expect(await publish("log:a", "1", "--url", url, "--key", "k", "--data-version", "5")).toEqual([
      0,
      stored,
      "",
    ]);
    expect(await heard()).toEqual({ room: "log:a", event: "message", data: 1 });
    expect(await publish("log:a", "1", "--url", url, "--key", "k")).toEqual([
      0,
      "Not published again: its key came before\nStored at POSITION\n",
      "",
    ]);
    expect(await publish("log:a", "2", "--url", url, "--data-version", "5")).toEqual([
      1,
      "",
      `belfry: The gateway at ${url} refused (409): Expected a version above 5, which stands there, got 5\n`,
    ]);
    const [code, out] = await publish("log:a", "paid", '{"n": 12345678901234567890}', "--redis", redis.url);
    expect([code, out]).toEqual([
      0,
      expect.stringMatching(
        /^Left `paid` for `log:a` in belfry:publish of redis \S+, as \d+-\d+\nA gateway publishes it,/,
      ),
    ]);
    expect(String(await page.waitForMessage())).toContain('"data":{"n": 12345678901234567890}');
  });

  test("RTE-08 W4R-03 HUB-14 it says what it hears, and hears what the config says", async () => {
    await using redis = await startRedis();
    const path = await file(
      "tail.yaml",
      `redis: ${redis.url}\nlisteners: [{ dialects: [ws4redis, ws-hub] }]\nws4redis: { prefix: site }\nws-hub: { channelPrefix: "hub:" }\n`,
    );
    await using tail = start(["tail", "-c", path]);
    await tail.waitFor(/\n {2}ws4redis +\S.*\n/);
    expect(tail.output).toContain("site:broadcast:*");
    expect(tail.output).toContain("hub:group-data:*");
    expect(tail.output).not.toContain("flask-socketio");
    await publishRaw(redis.url, "site:broadcast:news", "hello");
    await tail.waitFor(/ws4redis {2}site:broadcast:news .* -> news/);
    await using other = start(["tail", "--as", "ws4redis", "--redis", redis.url], {
      WS4REDIS_PREFIX: "other",
    });
    await other.waitFor(/\n {2}ws4redis +\S*other:broadcast:\*/);
  });

  test("WSE-26 SEC-13 it says how many clients a message reaches, with the publish secret alone", async () => {
    await using redis = await startRedis();
    await using gateway = start(["serve", "-a", "127.0.0.1:0", "--redis", redis.url, "--secret", secret]);
    const url = await urlOf(gateway);
    await using tail = start(["tail", "--redis", redis.url, "--url", url, "--secret", secret]);
    await using stranger = start(["tail", "--redis", redis.url, "--url", url, "--secret", "wrong"]);
    await Promise.all([tail.waitFor(/Ctrl-C ends\./), stranger.waitFor(/Ctrl-C ends\./)]);
    const pages = await Promise.all([Page.connect(url), Page.connect(url)]);
    for (const page of pages) await page.join("time");
    for (const room of ["time", "tiem"]) {
      expect(await belfry(["publish", room, "update", "1", "--redis", redis.url])).toMatchObject({ code: 0 });
    }
    await tail.waitFor(
      /update -> time {2}1 {2}\(\d+ B, delivered to 2\)\n.*update -> tiem {2}1 {2}\(\d+ B, delivered to 0\)/,
    );
    await stranger.waitFor(/update -> tiem/);
    expect(stranger.output).not.toContain("delivered to");
    expect(stranger.output.match(/to say how many clients a message reaches, got status 401/g)).toHaveLength(
      1,
    );
    for (const page of pages) page[Symbol.dispose]();
    const alone = await belfry(["tail", "--redis", redis.url, "--url", url]);
    expect(alone).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("Expected the publish secret beside --url"),
    });
  });

  test("PSQ-07 T26 --room picks, and a hostile message stays on its line", async () => {
    await using redis = await startRedis();
    await using tail = start(["tail", "--redis", redis.url, "--room", "dir::*"]);
    await tail.waitFor(/Ctrl-C ends\./);
    for (const room of ["time", "dir::\u001b[2J\n", "dir::last"]) {
      expect(await belfry(["publish", room, "e", "1", "--redis", redis.url])).toMatchObject({ code: 0 });
    }
    await tail.waitFor(/dir::last/);
    const lines = tail.output.split("\n").filter((line) => line.includes(" -> "));
    expect(lines).toHaveLength(2);
    expect(lines[0]).toContain(String.raw`"dir::\u001b[2J\n"`);
  });

  test("WSE-22 a refusal is the gateway's sentence and exit code 1", async () => {
    await using gateway = start(["serve", "-a", "127.0.0.1:0", "--secret", secret]);
    const { code, stdout, stderr } = await belfry([
      "publish",
      "time",
      "--secret",
      "wrong",
      "--url",
      await urlOf(gateway),
    ]);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toContain("refused (403): Incorrect secret");
  });

  test("SEC-06 tail ends when nobody reads it any more", async () => {
    await using redis = await startRedis();
    await using shell = new RunningProcess([
      "sh",
      "-c",
      `"$0" tail --redis "$1" | head -n 1`,
      belfryPath,
      redis.url,
    ]);
    await shell.waitFor(/Ctrl-C ends\./);
    await until(async () => {
      await belfry(["publish", "time", "e", "--redis", redis.url]);
      return !shell.isRunning;
    }, 10_000);
    expect(await shell.exited).toBe(0);
  }, 30_000);
});
