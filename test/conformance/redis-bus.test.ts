// What the redis bus adds to the common suite: ways to reach a Redis, refusals at start, what goes over the wire, and
// several gateways on one server.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { createClient } from "@redis/client";
import type { BackplaneOptions } from "../../src/brokers/driver.ts";
import { compileGlob } from "../../src/base/glob.ts";
import { createBus } from "../support/bus.ts";
import type { BusWithKeys } from "../support/bus.ts";
import { defaultLimits } from "../../src/vocabulary/limits.ts";
import { freePort } from "../support/ports.ts";
import { type RedisServer, startRedis } from "../support/redis.ts";
import { Ear, createRecorder, errorOf, exact, pattern, testCanary, timeUntil } from "./bus-support.ts";
import { until } from "../support/until.ts";

let server: RedisServer;

beforeAll(async () => {
  server = await startRedis({
    users: [
      "worker on >w0rk&er:pass ~* &* +@all",
      "narrow on >narrow ~secret::* &flask-socketio resetkeys ~secret::* -@all +publish +subscribe +unsubscribe +mget",
    ],
  });
});
afterAll(async () => {
  await server.stop();
});

async function open(
  url: string,
  more: Partial<BackplaneOptions> = {},
): Promise<BusWithKeys & AsyncDisposable> {
  const bus = await createBus({ url, observe: createRecorder(), limits: defaultLimits, ...more });
  return Object.assign(bus, {
    async [Symbol.asyncDispose]() {
      await bus.close();
    },
  });
}

/** Proves a bus with a message through a subscription. */
async function expectAlive(bus: BusWithKeys): Promise<void> {
  const ear = await Ear.open(bus, exact("flask-socketio"));
  await bus.publish("flask-socketio", "alive");
  await ear.waitForText("alive");
  expect(await timeUntil(bus, true, 200)).toBeLessThan(200);
  await ear.close();
}

test("RTE-11 a URL with ACL user, password and database number", async () => {
  await using bus = await open(`${server.urlFor("worker", "w0rk&er:pass")}/5`);
  expect(bus.label).toBe(`redis redis://127.0.0.1:${server.port}/5`);
  await expectAlive(bus);
  await server.command("SET", "where", "database 0");
  expect(await bus.get(["where"])).toEqual([undefined]);
  await using other = await open(`${server.urlFor("worker", "w0rk&er:pass")}/0`);
  expect(await other.get(["where"])).toEqual(["database 0"]);
});

test("RTE-11 an ACL user with nothing but the commands that the bus needs", async () => {
  await using bus = await open(server.urlFor("narrow", "narrow"));
  await expectAlive(bus);
  expect(await bus.get(["secret::x"])).toEqual([undefined]);
  const refused = await errorOf(Ear.open(bus, exact("socketio")));
  expect(refused).toMatchObject({ code: "bus_unavailable" });
  expect(refused.message).toContain("no permission for that user (NOPERM)");
  await expectAlive(bus);
});

test("RTE-11 a password without a user", async () => {
  await using guarded = await startRedis({ password: "pa ss/ö@:" });
  await using bus = await open(guarded.url);
  await expectAlive(bus);
  expect(bus.label).toBe(`redis redis://127.0.0.1:${guarded.port}/0`);
});

test("RTE-11 a unix socket", async () => {
  await using local = await startRedis({ transport: "socket" });
  for (const scheme of ["unix", "redis+unix", "redis+socket"]) {
    await using bus = await open(`${scheme}://${local.socketPath}?db=1`);
    await expectAlive(bus);
    expect(bus.label).toBe(`redis unix://${local.socketPath}?db=1`);
  }
  await local.kill();
  const url = `unix://${local.socketPath}.not`;
  expect((await errorOf(open(url))).message).toBe(
    `Expected a Redis at ${local.socketPath}.not, got no such socket`,
  );
});

test("RTE-11 TLS is checked against the CA file, or not at all when told so", async () => {
  await using secure = await startRedis({ transport: "tls" });
  const { url, caFile } = secure;
  await using trusted = await open(url, { tls: { ca: caFile } });
  await expectAlive(trusted);
  await using byUrl = await open(`${url}/0?ssl_ca_certs=${encodeURIComponent(caFile)}`);
  await expectAlive(byUrl);
  await using insecure = await open(url, { tls: { insecure: true } });
  await expectAlive(insecure);

  const untrusted = await errorOf(open(url));
  expect(untrusted).toMatchObject({ code: "start_failed" });
  expect(untrusted.message).toContain("a certificate that is not trusted");
  const misnamed = await errorOf(open(url.replace("127.0.0.1", "localhost"), { tls: { ca: caFile } }));
  expect(misnamed.message).toContain("a certificate that is not trusted (ERR_TLS_CERT_ALTNAME_INVALID)");
  const missing = await errorOf(open(url, { tls: { ca: `${caFile}.not` } }));
  expect(missing).toMatchObject({ code: "config_invalid" });
  expect(missing.message).toContain("to be readable, got ENOENT");
});

test("RTE-11 T17 a Redis that refuses at start: a sentence without the password", async () => {
  await using guarded = await startRedis({ password: "right", args: ["--databases", "2"] });
  const at = `127.0.0.1:${guarded.port}`;
  const closed = `127.0.0.1:${await freePort()}`;
  const silentPort = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const rudePort = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open(socket) {
        socket.end();
      },
      data() {},
    },
  });
  const cases = [
    [`redis://:Wr0ngPass@${at}`, `Expected a Redis at ${at}, got wrong user name or password (WRONGPASS)`],
    [`redis://${at}`, `Expected a Redis at ${at}, got a demand for a password (NOAUTH)`],
    [`redis://:right@${at}/7`, `Expected a Redis at ${at}, got an error (ERR DB index is out of range)`],
    [`redis://:Wr0ngPass@${closed}`, `Expected a Redis at ${closed}, got connection refused`],
    [`redis://:Wr0ngPass@nowhere.invalid`, "Expected a Redis at nowhere.invalid:6379, got no such host name"],
    [
      `redis://:Wr0ngPass@127.0.0.1:${silentPort.port}`,
      `Expected a Redis at 127.0.0.1:${silentPort.port}, got no answer within 2 s`,
    ],
    [
      `redis://:Wr0ngPass@127.0.0.1:${rudePort.port}`,
      `Expected a Redis at 127.0.0.1:${rudePort.port}, got the connection closed`,
    ],
  ] as const;
  const errors = await Promise.all(cases.map(async ([url]) => errorOf(open(url))));
  expect(errors.map(({ message }) => message)).toEqual(cases.map(([, sentence]) => sentence));
  expect(errors.every(({ code }) => code === "start_failed")).toBe(true);
  silentPort.stop(true);
  rudePort.stop(true);
});

test("RTE-11 one connection for all subscriptions and one for commands, both gone after close", async () => {
  await using own = await startRedis();
  const bus = await open(own.url);
  await Ear.open(bus, exact("a"));
  await Ear.open(bus, exact("b"));
  await Ear.open(bus, pattern("c*", "c"));
  const clients = async (): Promise<readonly string[]> =>
    String(await own.command("CLIENT", "LIST"))
      .trim()
      .split("\n")
      // The connection that asks is one of them.
      .filter((line) => !line.includes("cmd=client"));
  const lines = await clients();
  const counts = lines.map((line) => /sub=\d+ psub=\d+/.exec(line)?.[0] ?? line);
  expect(counts.toSorted((a, b) => a.localeCompare(b))).toEqual(["sub=0 psub=0", "sub=2 psub=1"]);
  await bus.close();
  await until(async () => (await clients()).length === 0);
});

test("F20 an event loop that stalls for longer than every deadline is not taken for a dead Redis", async () => {
  const recorder = createRecorder();
  await using bus = await open(server.url, { observe: recorder });
  const ear = await Ear.open(bus, exact("stall"));
  await timeUntil(bus, true, 200);
  const published = bus.publish("stall", "before");
  const end = performance.now() + 3_000;
  // The stall begins with the publish on its way.
  await new Promise(setImmediate);
  while (performance.now() < end);
  await published;
  await ear.waitForText("before");
  const calm = performance.now() + 2_500;
  await until(() => performance.now() > calm || !bus.state().isReady);
  expect(bus.state()).toEqual({ isReady: true });
  expect(recorder.events).toEqual([]);
}, 15_000);

test("WSE-26 two gateways on one Redis hear the same in the same order", async () => {
  await using one = await open(server.url);
  await using two = await open(server.url);
  const ears = [await Ear.open(one, exact("both")), await Ear.open(two, exact("both"))];
  const publishers = [one, two, one, two].map(async (bus, publisher) => {
    for (let index = 0; index < 100; index++) await bus.publish("both", `${publisher}:${index}`);
  });
  await Promise.all([...publishers, ...ears.map(async (ear) => ear.waitFor(400))]);
  expect(ears[0]?.texts).toEqual(ears[1]?.texts ?? []);
  for (const ear of ears) expect(ear.heard.length).toBe(400);
  await until(() => one.state().isReady && two.state().isReady);
});

test("T19 RTE-11 hostile names: only the commands of the bus reach Redis, each with exactly its arguments", async () => {
  await using own = await startRedis();
  const seen: string[][] = [];
  const monitor = createClient({ url: own.url, disableClientInfo: true });
  await monitor.connect();
  await monitor.monitor((line) => {
    seen.push(parseMonitor(line));
  });
  const names = [
    "a\r\nFLUSHALL\r\n",
    "*1\r\n$8\r\nSHUTDOWN\r\n",
    '" SET x y',
    "{tag}a}{",
    "*?[a-z]\\",
    "socket.io#/#*#",
    "\u0000\u0007\u001b[2J",
    "ü\u{1f514}",
    "'; EVAL",
    "-inf",
    "belfry:",
    " ",
    "",
  ];
  {
    await using bus = await open(own.url);
    for (const name of names) {
      const ears = [await Ear.open(bus, exact(name)), await Ear.open(bus, pattern(name, name))];
      await bus.publish(name, name);
      await bus.get([name, `ws-emit::secret::${name}`]);
      await Promise.all(ears.map(async (ear) => ear.close()));
    }
  }
  await own.command("PING", "end");
  await until(() => seen.some(([, argument]) => argument === bytes("end")));
  monitor.destroy();

  const calls = seen.filter(([command, , argument]) => command !== "PING" && !isCanary(argument));
  const expected = names.map(bytes).flatMap((name) => [
    ["subscribe", name],
    ["psubscribe", name],
    ["PUBLISH", name, name],
    ["MGET", name, `ws-emit::secret::${name}`],
    ["unsubscribe", name],
    ["punsubscribe", name],
  ]);
  // And once, by the connection that subscribes, which server it is.
  expect(sorted(calls)).toEqual(sorted([...expected, ["INFO", "server"]]));
  expect(await own.command("DBSIZE")).toBe(0);
});

function isCanary(argument: string | undefined): boolean {
  return testCanary("").decode({ channel: "", payload: Buffer.from(argument ?? "") }) !== undefined;
}

function sorted(list: readonly (readonly string[])[]): readonly string[] {
  return list.map((call) => JSON.stringify(call)).sort();
}

/** The command and arguments of a MONITOR line, as bytes in a latin1 string. */
function parseMonitor(line: string): string[] {
  const words = line.slice(line.indexOf("] ") + 2).matchAll(/"((?:[^"\\]|\\.)*)"/g);
  const special: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", a: "\u0007", b: "\b" };
  return [...words].map(([, word = ""]) =>
    word.replaceAll(/\\(?:x([0-9a-f]{2})|(.))/g, (_all, hex?: string, letter = "") =>
      hex === undefined ? (special[letter] ?? letter) : String.fromCharCode(Number.parseInt(hex, 16)),
    ),
  );
}

function bytes(text: string): string {
  return Buffer.from(text).toString("latin1");
}

test("RTE-11 T19 the memory bus reads patterns as Redis does", async () => {
  await using own = await startRedis();
  // Every text of up to three letters of an alphabet that has all special characters, and a few longer ones.
  const letters = ["a", "b", "*", "?", "[", "]", "^", "-", "\\", "ä"];
  const pairs = letters.flatMap((x) => letters.map((y) => x + y));
  const texts = [...letters, ...pairs, ...pairs.flatMap((xy) => letters.map((z) => xy + z))];
  const long = [
    "[a-b]*",
    "[b-a]?",
    "[^a]b*",
    "*a*b*a*",
    String.raw`[\]]a`,
    String.raw`\[a\]`,
    "[a-",
    "[^",
    "[a\\",
    "a[]b",
  ];
  const globs = [
    ...texts.filter((_text, index) => index % 3 === 0),
    ...long,
    "*[ab]*[^b]",
    "[[-a]",
    "[]-a]",
    "[^^]",
  ];
  const client = createClient({ RESP: 2, url: own.url });
  await client.connect();
  await client.sendCommand(["MSET", ...texts.flatMap((text) => [text, "1"])]);
  const replies = await Promise.all(globs.map(async (glob) => client.sendCommand<string[]>(["KEYS", glob])));
  client.destroy();
  for (const [index, glob] of globs.entries()) {
    const mine = texts.filter(compileGlob(glob)).sort();
    expect({ glob, matches: mine }).toEqual({ glob, matches: [...(replies[index] ?? [])].sort() });
  }
});
