import { describe, expect, test } from "bun:test";
import { runCommand } from "../../test/support/command-line.ts";
import type { Ran } from "../../test/support/command-line.ts";
import { version } from "./version.ts";

const run = async (args: readonly string[], env: Record<string, string> = {}, input = ""): Promise<Ran> =>
  runCommand(args, { env, input });

const commands = [
  "serve",
  "demo",
  "publish",
  "tail",
  "revoke",
  "rooms",
  "room",
  "who",
  "kick",
  "config",
  "config print",
  "config check",
  "config rule",
  "config env",
  "config schema",
  "config docs",
];

describe("help", () => {
  test.each(commands)("WSE-01 belfry %s --help says what it takes", async (command) => {
    const { code, out, err } = await run([...command.split(" "), "--help"]);
    expect(code).toBe(0);
    expect(err).toBe("");
    expect(out).toStartWith(`Usage: belfry ${command} `);
    expect(out).toContain("-h, --help");
  });

  test.each([
    "",
    "serve",
    "demo",
    "publish",
    "tail",
    "revoke",
    "rooms",
    "room",
    "who",
    "kick",
    "config",
    "config print",
    "config check",
  ])("WSE-01 belfry %s --help shows examples", async (command) => {
    const { out } = await run([...command.split(" ").filter(Boolean), "--help"]);
    expect(out).toMatch(/Examples?:\n {2}\S/);
  });

  test("WSE-01 belfry alone shows its commands, and --version its version", async () => {
    expect(await run([])).toMatchObject({ code: 1, err: expect.stringContaining("Commands:") });
    expect(await run(["--version"])).toEqual({ code: 0, out: version, err: "" });
  });
});

describe("wrong command lines", () => {
  test.each([
    // The sentences are the parser's; ours is that they name what is wrong, and what was likely meant.
    [
      ["serve", "--adress", "x"],
      ["--adress", "--address"],
    ],
    [
      ["serve", "--port", "9000"],
      ["--port", "--address"],
    ],
    [
      ["serve", "--origins=x"],
      ["--origins", "--cors"],
    ],
    [["serve", "--cors"], ["--cors"]],
    [
      ["serve", "--as", "x"],
      ["--as", "'x'", "ws-emit", "ws-hub", "ws4redis", "websocket-channels"],
    ],
    [["serve", "extra"], ["serve"]],
    [["srve"], ["srve", "serve"]],
    [["publish"], ["room"]],
    [["demo", "--secret", "x"], ["--secret"]],
    [
      ["publish", "--json", "--text", "a"],
      ["--json", "--text"],
    ],
  ])("WSE-01 belfry %j is refused, by name", async (args, named) => {
    const { code, err, out } = await run(args);
    expect(err).toStartWith("belfry: ");
    for (const name of named) expect(err).toContain(name);
    expect(code).toBe(1);
    expect(out).toBe("");
  });

  test.each([
    [
      ["serve", "--drain", "soon"],
      'belfry: Expected `drain` to be a number from 0 to 3600, got "soon" (flag --drain)',
    ],
    [
      ["serve", "--flask-secret", "x"],
      "belfry: Expected `--flask-secret` (flag --flask-secret) only with --as ws-emit",
    ],
    [
      ["serve", "--as", "ws-hub", "--open-publish"],
      "belfry: Expected `--open-publish` (flag --open-publish) only with --as websocket-channels",
    ],
    [
      ["serve", "--as", "ws-hub", "-c", "/nowhere/config.yaml"],
      "belfry: Expected a config file at /nowhere/config.yaml, got no such file",
    ],
    [
      ["serve", "--as", "ws4redis"],
      "belfry: Expected a `sessionEngine` that can be read from outside of Django",
    ],
    [
      ["demo", "-a", "0.0.0.0:0"],
      "belfry: Expected `address` to be a loopback address, because the page of the demo holds the publish secret",
    ],
    [["tail", "--redis", "http://x"], "belfry: Expected a URL of Redis that begins with redis://"],
    [["tail", "--redis", "memory:"], "belfry: A gateway without Redis keeps its messages in its own process"],
  ])("WSE-01 T32 belfry %j", async (args, message) => {
    const { code, err, out } = await run(args);
    expect(err).toStartWith(message);
    expect(code).toBe(1);
    expect(out).toBe("");
  });
});

describe("belfry config", () => {
  test("SEC-04 print masks secrets and says where values come from", async () => {
    const { out } = await run(
      [
        "config",
        "print",
        "--secret",
        "hunter2",
        "--room-secret",
        "dir=hunter2",
        "--redis",
        "redis://u:hunter2@h",
        "--drain",
        "3",
      ],
      { BELFRY_LOG_LEVEL: "warn", BELFRY_TRUSTED_PROXIES: "10.0.0.1, 10.0.0.2" },
    );
    expect(out).not.toContain("hunter2");
    const rows = out.split("\n").map((row) => row.split(/ {2,}/));
    expect(rows).toContainEqual(["secret", "***", "flag --secret"]);
    expect(rows).toContainEqual(["roomSecrets", "dir=***", "flag --room-secret"]);
    expect(rows).toContainEqual(["redis", "redis://u:***@h", "flag --redis"]);
    expect(rows).toContainEqual(["drain", "3", "flag --drain"]);
    expect(rows).toContainEqual(["log.level", "warn", "environment BELFRY_LOG_LEVEL"]);
    expect(rows).toContainEqual([
      "trustedProxies",
      "10.0.0.1 10.0.0.2",
      "environment BELFRY_TRUSTED_PROXIES",
    ]);
    expect(rows).toContainEqual(["socketio.pingInterval", "25", "default"]);
  });

  test("WSE-01 print under --as ws-emit", async () => {
    const { out } = await run(["config", "print", "--as", "ws-emit"], { CORS: "http://a http://b" });
    const rows = out.split("\n").map((row) => row.split(/ {2,}/));
    expect(rows).toContainEqual(["origins", "http://a http://b", "environment CORS"]);
    expect(rows).toContainEqual(["address", "0.0.0.0:8899", "profile ws-emit"]);
  });

  test("WSC-12 HUB-01 print under a profile with flags, and with its own names", async () => {
    const rowsOf = async (args: readonly string[], env = {}): Promise<readonly (readonly string[])[]> => {
      const { out } = await run(["config", "print", ...args], env);
      return out.split("\n").map((row) => row.split(/ {2,}/));
    };
    const channels = await rowsOf(["--as", "websocket-channels", "--root"]);
    expect(channels).toContainEqual(["address", "127.0.0.1:5000", "profile websocket-channels --root"]);
    expect(channels).toContainEqual(["websocket-channels.root", "true", "flag --root"]);
    expect(channels).toContainEqual(["secret", "-", "default"]);
    const env = { SESSION_ENGINE: "none", SESSION_REDIS: "redis://:hunter2@h", SECRET_KEY: "hunter2" };
    const facilities = await rowsOf(["--as", "ws4redis", "-v"], env);
    expect(facilities).toContainEqual(["identity.redis", "redis://:***@h", "environment SESSION_REDIS"]);
    expect(facilities).toContainEqual(["identity.secretKey", "***", "environment SECRET_KEY"]);
    expect(facilities).toContainEqual(["log.level", "debug", "flag --log-level"]);
  });

  test("T32 check says what is dangerous, and fails on what is wrong", async () => {
    expect(await run(["config", "check"])).toEqual({ code: 0, out: "The configuration is right.", err: "" });
    const public_ = await run(["config", "check", "-a", ":1", "--cors", "*"]);
    expect(public_.code).toBe(0);
    expect(public_.err.split("\n")).toHaveLength(2);
    expect(await run(["config", "check"], { BELFRY_DRAIN: "x" })).toMatchObject({ code: 1 });
    const rooms = JSON.stringify([{ match: "*" }, { match: "time", publish: "none" }]);
    const covered = await run(["config", "check"], { BELFRY_ROOMS: rooms });
    expect(covered).toMatchObject({
      code: 0,
      err: expect.stringContaining('rooms[1] (match "time") never counts'),
    });
  });

  test.each([
    ["", "an empty one"],
    ["x".repeat(257), "a long one"],
    ["two\nlines", "one of two lines"],
    ["/chat,", "an empty one in a namespace"],
  ])(
    "SEC-05 rule: a name that no door takes (%#) is said to be refused, not open to anyone",
    async (name) => {
      const { code, out, err } = await run(["config", "rule", name]);
      expect([code, out]).toEqual([1, ""]);
      expect(err).toStartWith("belfry: Expected the name of a room: 1 to 256 bytes");
    },
  );

  test("rule: what is kept of a room without a log is on the tape, or nothing", async () => {
    const tape = "Kept:    no log of its own; the tape of each gateway has the last 7 s";
    expect((await run(["config", "rule", "time", "--tape-seconds", "7"])).out).toContain(tape);
    const off = "Kept:    nothing: no log of its own, and no tape (tape.seconds is 0)";
    expect((await run(["config", "rule", "time", "--tape-seconds", "0"])).out).toContain(off);
  });

  test("WSE-01 env lists every name, with those of the profiles", async () => {
    const { out } = await run(["config", "env"]);
    expect(out).toMatch(/^BELFRY_SOCKETIO_PING_INTERVAL +socketio\.pingInterval +25$/m);
    expect(out).toMatch(/^CORS +origins \(--as ws-emit\) +http:\/\/localhost:7788$/m);
    expect(out).toMatch(/^FLASK_SECRET /m);
    expect(out).toMatch(/^SESSION_ENGINE +identity\.sessionEngine \(--as ws4redis\)$/m);
    expect(out).toMatch(/^BELFRY_IDENTITY_SECRET_KEY_FILE +the file that holds identity\.secretKey$/m);
    expect(out.match(/^BELFRY_SECRET_FILE /gm)).toHaveLength(1);
  });

  test("WSE-01 HUB-01 check takes the file as its argument, as with --config", async () => {
    const hub = "examples/ws-hub/config.yaml";
    expect(await run(["config", "check", "--as", "ws-hub", hub])).toMatchObject({ code: 0 });
    expect(await run(["config", "check", hub])).toMatchObject({
      code: 1,
      err: expect.stringContaining("Unknown option `clientKey`"),
    });
    expect(await run(["config", "check", "/nowhere.yaml"])).toMatchObject({
      code: 1,
      err: "belfry: Expected a config file at /nowhere.yaml, got no such file",
    });
    expect(await run(["config", "check", "a.yaml", "-c", "b.yaml"])).toMatchObject({
      code: 1,
      err: "belfry: Expected one config file, got one as an argument and one by --config",
    });
    // Lists still take several values, as in `serve`.
    const listed = await run(["config", "check", "--cors", "http://a.example", "http://b.example"]);
    expect(listed).toMatchObject({ code: 0, err: "" });
  });

  test("WSE-01 env --as lists the names that count there, with the defaults there", async () => {
    const { out } = await run(["config", "env", "--as", "ws-emit"]);
    expect(out).toMatch(/^CORS +origins \(--as ws-emit\) +http:\/\/localhost:7788$/m);
    expect(out).toMatch(/^BELFRY_ADDRESS +address +0\.0\.0\.0:8899$/m);
    expect(out).not.toMatch(/^SESSION_ENGINE /m);
  });

  test("WSE-01 schema is JSON Schema", async () => {
    const { out } = await run(["config", "schema"]);
    expect(JSON.parse(out)).toMatchObject({ type: "object", additionalProperties: false });
  });
});

describe("belfry publish", () => {
  async function published(args: readonly string[], input = ""): Promise<unknown> {
    const bodies: unknown[] = [];
    const server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      async fetch(request) {
        if (new URL(request.url).pathname !== "/emit") return new Response("", { status: 404 });
        const { secret, ...body } = (await request.json()) as Record<string, unknown>;
        bodies.push(body);
        return secret === "s" ? new Response("OK\n") : new Response("Incorrect secret\n", { status: 403 });
      },
    });
    const url = `http://127.0.0.1:${server.port}`;
    const { code, err } = await run(["publish", "--url", url, ...args], { BELFRY_SECRET: "s" }, input);
    await server.stop(true);
    return code === 0 ? bodies[0] : err;
  }

  test.each<[readonly string[], Record<string, unknown>]>([
    [["time"], { event: "message" }],
    [["time", "--event", "update"], { event: "update" }],
    [["time", "update"], { event: "message", data: "update" }],
    [["time", '{"a":1}'], { event: "message", data: { a: 1 } }],
    [["time", "some words"], { event: "message", data: "some words" }],
    [["time", "-"], { event: "message", data: "from input" }],
    [["time", "update", '{"a":1}'], { event: "update", data: { a: 1 } }],
    [["time", "update", "12"], { event: "update", data: 12 }],
    [["time", "update", '\ufeff{"a":1}'], { event: "update", data: { a: 1 } }],
    [["time", "update", "\ufeffhello"], { event: "update", data: "\ufeffhello" }],
    [["time", "update", "12", "--text"], { event: "update", data: "12" }],
    [["time", "update", "hello there"], { event: "update", data: "hello there" }],
    [["time", "--event", "e", "5"], { event: "e", data: 5 }],
    [["time", "update", "-"], { event: "update", data: "from input" }],
    [["time", "--event", "e", "--", "-x"], { event: "e", data: "-x" }],
    [["time", "u", "", "--namespace", "/chat"], { event: "u", data: "", namespace: "/chat" }],
  ])("WSE-24 %j", async (args, fields) => {
    expect(await published(args, "from input\n")).toEqual({ room: "time", namespace: "/", ...fields });
  });

  test.each<[readonly string[], string]>([
    [["", "e"], "Expected `room` to be 1 or more characters, got an empty one"],
    [["time", "e", "{", "--json"], "Expected data to be JSON (--json), got something else"],
    [["time", "e", "d", "--event", "f"], "Expected the event once, got it by --event and as an argument"],
    [["time", "--secret", "wrong"], "refused (403): Incorrect secret"],
  ])("WSE-22 WSE-23 %j is refused", async (args, message) => {
    expect(await published(args)).toContain(message);
  });

  test.each<[readonly string[], string]>([
    [
      ["time", "d", "--data-version", "-1"],
      "Expected the version of the data to be a whole number from 0 to 2^53 - 1 (--data-version)",
    ],
    [
      ["time", "d", "--namespace", "/chat", "--key", "k"],
      "but socketio takes no key or version, native takes no namespace",
    ],
    [
      ["time", "--event", "e", "--as", "websocket-channels"],
      "Expected a gateway that speaks socketio or native, because this command does, got one that speaks websocket-channels",
    ],
  ])("%j cannot be published", async (args, message) => {
    const { code, err } = await run(["publish", ...args, "--secret", "s", "--url", "http://127.0.0.1:1"]);
    expect([code, err]).toEqual([1, expect.stringContaining(message)]);
  });

  test("WSE-02 WSE-20 asks the gateway of its config, with the secret of its profile", async () => {
    const env = { ADDRESS: "0.0.0.0:1", SECRET: "s" };
    const { err } = await run(["publish", "time", "--as", "ws-emit"], env);
    expect(err).toBe("belfry: Expected a gateway at http://127.0.0.1:1, got no connection");
  });

  test("WSE-02 a gateway and a Redis are not asked together", async () => {
    const args = ["--url", "http://127.0.0.1:1", "--redis", "redis://127.0.0.1:1"];
    expect(await run(["publish", "time", "1", ...args])).toMatchObject({
      code: 1,
      err: "belfry: Expected a gateway (--url) or a Redis (--redis) to publish it, got both",
    });
  });

  test("SEC-11 without a secret nothing is asked", async () => {
    expect(await run(["publish", "time"])).toMatchObject({
      code: 1,
      err: "belfry: Expected a publish secret (--secret-file, --secret, BELFRY_SECRET_FILE or BELFRY_SECRET), got none",
    });
  });
});
