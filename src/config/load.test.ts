import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { defaultLimits } from "../vocabulary/limits.ts";
import { GatewayError } from "../vocabulary/errors.ts";
import { loadConfig } from "./load.ts";
import { createConfigModel } from "./model.ts";
import { fileVariableOf } from "./options.ts";
import type { ConfigSources, LoadedConfig } from "./load.ts";
import { dialects } from "../dialects/registry.ts";
import type { SocketIoOptions } from "../dialects/socketio/options.ts";
import { wsEmit } from "../dialects/socketio/profile.ts";
import { sectionOf } from "./schema.ts";
import type { Config } from "./schema.ts";
import { findNotices } from "./warnings.ts";
import type { FlagValue } from "./options.ts";
import { valueAt } from "./file.ts";

function socketIoOf(config: Config): SocketIoOptions {
  return sectionOf(config, "socketio") as SocketIoOptions;
}

function noticesOf({ config }: LoadedConfig): readonly string[] {
  return findNotices(wsEmit, config, dialects);
}

let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "belfry-"));
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

async function file(text: string, name = "belfry.yaml"): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

function flags(values: Record<string, FlagValue>): ReadonlyMap<string, FlagValue> {
  return new Map(Object.entries(values));
}

/** What is wrong, one line per problem, without the folder. */
async function problemsOf(sources: ConfigSources): Promise<readonly string[]> {
  const error = await loadConfig(sources).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof GatewayError))
    throw new Error("Expected the config to be refused", { cause: error });
  expect(error.code).toBe("config_invalid");
  return error.message.replaceAll(`${folder}/`, "").split("\n");
}

function origin(loaded: LoadedConfig, ...path: PropertyKey[]): string {
  return loaded.sourceOf(path).label.replaceAll(`${folder}/`, "");
}

async function originsOf(text: string): Promise<unknown> {
  return (await loadConfig({ file: await file(text) })).config.listeners[0]?.origins;
}

async function secretFileProblems(path: string): Promise<readonly string[]> {
  return problemsOf({ flags: flags({ secretFile: path }) });
}

async function asWsEmit(
  env: Record<string, string>,
  given: Record<string, FlagValue> = {},
): Promise<LoadedConfig> {
  return loadConfig({ profile: wsEmit, env, flags: flags(given) });
}

describe("defaults", () => {
  test("WSE-05 SEC-06 SEC-14 without any source", async () => {
    const { config, warnings } = await loadConfig({});
    expect(config).toMatchObject({
      listeners: [{ address: "127.0.0.1:8899", dialects: ["socketio", "native"], trustedProxies: [] }],
      roomSecrets: {},
      secretKeys: ["ws-emit::secret::", "ws-emit::room_secret::", "r2ws::room_secret::"],
      drain: 10,
      log: { level: "info", format: "auto" },
    });
    expect(config.listeners[0]?.origins).toBe(undefined);
    expect(config.redis).toBe(undefined);
    expect(config.secret).toBe(undefined);
    expect(config.limits).toEqual(defaultLimits);
    expect(socketIoOf(config).channels).toEqual(["flask-socketio", "socketio"]);
    expect(warnings).toEqual([]);
  });

  test("WSE-02 origins keep the three answers apart: nothing said, nobody, everyone", async () => {
    expect(await originsOf("listeners: [{}]")).toBe(undefined);
    expect(await originsOf("listeners: [{origins: []}]")).toEqual([]);
    expect(await originsOf("listeners: [{origins: ['http://a *']}]")).toBe("*");
    expect(await originsOf("listeners: [{origins: http://a http://b}]")).toEqual(["http://a", "http://b"]);
  });
});

describe("flag over environment over file over default", () => {
  const values = { flag: "1", env: "2", file: "3" } as const;

  test.each(Array.from({ length: 8 }, (_, bits) => bits))("WSE-01 matrix, sources %#", async (bits) => {
    const hasFlag = (bits & 1) > 0;
    const hasEnv = (bits & 2) > 0;
    const hasFile = (bits & 4) > 0;
    const loaded = await loadConfig({
      flags: flags(hasFlag ? { drain: values.flag, address: ":1", "socketio.pingTimeout": values.flag } : {}),
      env: hasEnv
        ? { BELFRY_DRAIN: values.env, BELFRY_ADDRESS: ":2", BELFRY_SOCKETIO_PING_TIMEOUT: values.env }
        : {},
      file: hasFile
        ? await file(
            "drain: 3\nlisteners: [{address: ':3', origins: '*'}]\nsocketio: {pingTimeout: 3, key: k}",
          )
        : undefined,
    });
    const [value, from] = hasFlag
      ? [1, "flag"]
      : hasEnv
        ? [2, "environment"]
        : hasFile
          ? [3, "file"]
          : [undefined, "default"];
    expect(loaded.config.drain).toBe(value ?? 10);
    expect(loaded.config.listeners[0]?.address).toBe(value === undefined ? "127.0.0.1:8899" : `:${value}`);
    expect(socketIoOf(loaded.config).pingTimeout).toBe(value ?? 20);
    const labels = {
      flag: "flag --drain",
      environment: "environment BELFRY_DRAIN",
      file: "file belfry.yaml",
      default: "default",
    };
    expect(origin(loaded, "drain")).toBe(labels[from as keyof typeof labels]);
    expect(loaded.sourceOf(["listeners", 0, "address"]).kind).toBe(from as "flag");
    expect(loaded.sourceOf(["socketio", "pingTimeout"]).kind).toBe(from as "flag");
    // What the stronger sources do not name stays the file's.
    expect(loaded.config.listeners[0]?.origins).toBe(hasFile ? "*" : undefined);
    expect(socketIoOf(loaded.config).key).toBe(hasFile ? "k" : "socket.io");
  });

  test("WSE-01 an empty variable is an unset one", async () => {
    const { config } = await loadConfig({ env: { BELFRY_DRAIN: "", BELFRY_ORIGINS: "", BELFRY_CONFIG: "" } });
    expect(config.drain).toBe(10);
    expect(config.listeners[0]?.origins).toBe(undefined);
  });

  test("WSE-01 BELFRY_CONFIG names the file, --config wins over it", async () => {
    const first = await file("drain: 1", "first.yaml");
    const second = await file("drain: 2", "second.yaml");
    expect((await loadConfig({ env: { BELFRY_CONFIG: first } })).config.drain).toBe(1);
    expect((await loadConfig({ env: { BELFRY_CONFIG: first }, file: second })).config.drain).toBe(2);
  });

  test("WSE-01 an unknown BELFRY_ name is told, those of a Kubernetes service are not", async () => {
    const env = {
      BELFRY_DRIAN: "1",
      BELFRY_PORT: "tcp://10.0.0.1:8899",
      BELFRY_SERVICE_HOST: "10.0.0.1",
      BELFRY_PORT_8899_TCP_ADDR: "10.0.0.1",
      DRAIN: "5",
    };
    const { warnings } = await loadConfig({ env });
    expect(warnings).toEqual(["Unknown environment variable `BELFRY_DRIAN`: did you mean `BELFRY_DRAIN`?"]);
  });
});

describe("several listeners", () => {
  const two = "listeners: [{address: ':1'}, {address: ':2', origins: '*'}]";

  test("WSE-01 come from a file", async () => {
    const { config } = await loadConfig({ file: await file(two) });
    expect(config.listeners.map(({ address }) => address)).toEqual([":1", ":2"]);
  });

  test("WSE-01 a flag or variable cannot mean one of them", async () => {
    expect(await problemsOf({ file: await file(two), flags: flags({ address: ":3" }) })).toEqual([
      "Expected one listener in file belfry.yaml, got another number; flag --address sets the only one",
    ]);
    expect(await problemsOf({ file: await file(two), env: { BELFRY_ORIGINS: "*" } })).toEqual([
      "Expected one listener in file belfry.yaml, got another number; environment BELFRY_ORIGINS sets the only one",
    ]);
  });

  test("WSE-01 a profile's defaults leave them alone", async () => {
    const { config } = await loadConfig({ file: await file(two), profile: wsEmit });
    expect(config.listeners.map(({ address }) => address)).toEqual([":1", ":2"]);
    expect(config.listeners[0]?.origins).toBe(undefined);
  });
});

describe("the publish secret", () => {
  test("SEC-11 comes from a file without its line break", async () => {
    const path = await file("s3cret with spaces \n", "secret");
    const loaded = await loadConfig({ flags: flags({ secretFile: path }) });
    expect(loaded.config.secret).toBe("s3cret with spaces ");
    expect(origin(loaded, "secret")).toBe("flag --secret-file");
  });

  test("SEC-11 the stronger source wins, two in one are an error", async () => {
    const path = await file("from-file", "secret");
    const env = { BELFRY_SECRET: "from-env" };
    expect((await loadConfig({ flags: flags({ secretFile: path }), env })).config.secret).toBe("from-file");
    const loaded = await loadConfig({
      flags: flags({ secret: "from-flag" }),
      env: { BELFRY_SECRET_FILE: path },
    });
    expect(loaded.config.secret).toBe("from-flag");
    expect(origin(loaded, "secret")).toBe("flag --secret");
    expect(await problemsOf({ env: { ...env, BELFRY_SECRET_FILE: path } })).toEqual([
      "Expected one of `secret` (environment BELFRY_SECRET) and the file that holds it (environment BELFRY_SECRET_FILE), got both",
    ]);
  });

  test("SEC-11 a file that holds no secret is a sentence", async () => {
    expect(await secretFileProblems(join(folder, "none"))).toEqual([
      "Expected a secret in the file none (flag --secret-file), got no such file",
    ]);
    expect(await secretFileProblems(await file("\n", "empty"))).toEqual([
      "Expected one line of 1-4096 characters in the file empty (flag --secret-file), got an empty file",
    ]);
    expect(await secretFileProblems(await file("hunter2\nsecond\n", "two"))).toEqual([
      "Expected one line of 1-4096 characters in the file two (flag --secret-file), got 14 characters",
    ]);
  });

  test("SEC-11 an empty flag is an error: an unset variable of a shell must not switch publishing off", async () => {
    expect(await problemsOf({ flags: flags({ secret: "" }) })).toEqual([
      "Expected `secret` to be text of 1-4096 characters, got a text of 0 characters, not shown (flag --secret)",
    ]);
  });
});

describe("secrets in files of their own", () => {
  const held = createConfigModel().options.filter(({ fileForm }) => fileForm !== undefined);
  const jwtSecrets = ["of-more-than-thirty-two,bytes-each", "of-more-than-thirty-two-bytes-too"];
  const signing = [1, 2].map((fill) => `whsec_${Buffer.alloc(32, fill).toString("base64")}`);
  const issuers = [
    { algorithm: "HS256", issuer: "https://other.example", secret: jwtSecrets[0], secretFallbacks: [] },
  ];
  /** What the value needs beside it. */
  const beside: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    "identity.jwt.secret": { BELFRY_IDENTITY_JWT_ALGORITHM: "HS256" },
    "identity.jwt.publicKey": { BELFRY_IDENTITY_JWT_ALGORITHM: "HS256" },
    "auth.jwt.secret": { BELFRY_AUTH_JWT_ALGORITHM: "HS256" },
    "auth.jwt.secretFallbacks": {
      BELFRY_AUTH_JWT_ALGORITHM: "HS256",
      BELFRY_AUTH_JWT_SECRET: jwtSecrets[0] ?? "",
    },
    "auth.jwt.publicKey": { BELFRY_AUTH_JWT_ALGORITHM: "EdDSA" },
    "auth.hook.secrets": { BELFRY_AUTH_HOOK_URL: "https://app.example/who" },
  };
  const pem = generateKeyPairSync("ed25519").publicKey.export({ type: "spki", format: "pem" }).trim();
  const good: Readonly<Record<string, string>> = {
    redis: "redis://:hunter2@host",
    roomSecrets: "dir=hunter,2 shop=x",
    "identity.redis": "redis://:hunter2@host",
    "identity.secretKeyFallbacks": "hunter,2 x",
    "auth.jwt.secret": jwtSecrets[0] ?? "",
    "auth.jwt.secretFallbacks": jwtSecrets.join(" "),
    "auth.jwt.publicKey": pem,
    "auth.issuers": JSON.stringify(issuers),
    "auth.hook.secrets": signing.join(" "),
    "webhooks.secrets": signing.join(" "),
  };
  const read: Readonly<Record<string, unknown>> = {
    roomSecrets: { dir: "hunter,2", shop: "x" },
    "identity.secretKeyFallbacks": ["hunter,2", "x"],
    "auth.jwt.secretFallbacks": jwtSecrets,
    "auth.issuers": issuers,
    "auth.hook.secrets": signing,
    "webhooks.secrets": signing,
  };

  test("SEC-04 every secret is one of them", () => {
    const secrets = createConfigModel().options.filter(({ isSecret }) => isSecret);
    expect(held).toEqual(expect.arrayContaining([...secrets]));
    expect(held.length).toBe(secrets.length + 4);
  });

  test.each(held.map(({ name }) => name))("SEC-04 SEC-11 %s", async (name) => {
    const option = held.find((one) => one.name === name);
    if (!option) throw new Error(`Expected an option ${name}`);
    const text = good[name] ?? "hunter2-and-16-more";
    const path = await file(`${text}\n`, "held");
    const others = beside[name] ?? {};
    const variable = fileVariableOf(option.variable);
    const loaded = await loadConfig({ env: { ...others, [variable]: path } });
    expect(valueAt(loaded.config, option.path)).toEqual(read[name] ?? text);
    expect(origin(loaded, ...option.path)).toBe(`environment ${variable}`);
    expect(loaded.warnings).toEqual([]);
    const both = { ...others, [variable]: path, [option.variable]: text };
    // Without the value, its section is wrong too.
    const problems = (await problemsOf({ env: both })).filter(
      (text) => !text.endsWith("(`auth.jwt`, default)") && !text.endsWith("got nothing (default)"),
    );
    expect(problems).toEqual([
      `Expected one of \`${name}\` (environment ${option.variable}) and the file that holds it (environment ${variable}), got both`,
    ]);
    expect(await problemsOf({ env: { ...others, [variable]: join(folder, "none") } })).toContain(
      `Expected a secret in the file none (environment ${variable}), got no such file`,
    );
  });

  test("DJS-11 a public key may have several lines, a secret may not", async () => {
    const pem = "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----";
    const path = await file(`${pem}\n`, "key.pem");
    const env = { BELFRY_IDENTITY_JWT_ALGORITHM: "ES256" };
    const { config } = await loadConfig({ env: { ...env, BELFRY_IDENTITY_JWT_PUBLIC_KEY_FILE: path } });
    expect(config.identity.jwt?.publicKey).toBe(pem);
    expect(await problemsOf({ env: { BELFRY_REDIS_FILE: path } })).toEqual([
      `Expected one line of 1-4096 characters in the file key.pem (environment BELFRY_REDIS_FILE), got ${pem.length} characters`,
    ]);
  });

  test("SEC-11 both in one config file are an error, and the environment wins over the file", async () => {
    const path = await file("held\n", "held");
    const both = await file(`{"secret": "s", "secretFile": ${JSON.stringify(path)}}`);
    expect(await problemsOf({ file: both })).toEqual([
      "Expected one of `secret` (file belfry.yaml) and the file that holds it (file belfry.yaml), got both",
    ]);
    const one = await file(`{"secretFile": ${JSON.stringify(path)}}`);
    const loaded = await loadConfig({ file: one });
    expect([loaded.config.secret, origin(loaded, "secret")]).toEqual(["held", "file belfry.yaml"]);
    expect((await loadConfig({ file: one, env: { BELFRY_SECRET: "env" } })).config.secret).toBe("env");
  });

  test("SEC-11 a file that a stronger source makes needless is not opened", async () => {
    const env = { BELFRY_SECRET_FILE: "/nowhere", SECRET_FILE: "/nowhere" };
    const { config } = await loadConfig({ env, profile: wsEmit, flags: flags({ secret: "flag" }) });
    expect(config.secret).toBe("flag");
  });
});

describe("options of any depth", () => {
  test("DJS-11 an optional section by environment, and what it lacks as a sentence", async () => {
    const env = { BELFRY_IDENTITY_JWT_SECRET: "s".repeat(32), BELFRY_IDENTITY_JWT_ALGORITHM: "HS256" };
    const loaded = await loadConfig({
      env,
      file: await file("identity: {jwt: {issuer: me, algorithm: HS512}}"),
      flags: flags({ "identity.jwt.audience": "you" }),
    });
    expect(loaded.config.identity.jwt).toEqual({
      algorithm: "HS256",
      secret: "s".repeat(32),
      issuer: "me",
      audience: "you",
    });
    expect(origin(loaded, "identity", "jwt", "issuer")).toBe("file belfry.yaml");
    expect(origin(loaded, "identity", "jwt", "secret")).toBe("environment BELFRY_IDENTITY_JWT_SECRET");
    expect(await problemsOf({ env: { BELFRY_IDENTITY_JWT_COOKIE: "token" } })).toEqual([
      expect.stringMatching(/^Expected `identity\.jwt\.algorithm` to be one of "HS256", .*, got nothing/),
    ]);
    expect(await problemsOf({ env, file: await file("identity: {jwt: yes}") })).toEqual([
      expect.stringMatching(/^Expected `identity\.jwt` to be a section with algorithm, secret/),
    ]);
  });
});

describe("what is wrong is said", () => {
  test("WSE-01 the option, its source, what was expected and what came", async () => {
    const problems = await problemsOf({
      flags: flags({ drain: "soon", "log.level": "loud" }),
      env: { BELFRY_SOCKETIO_ALLOW_EIO3: "maybe", BELFRY_LIMITS_CONNECTIONS: "1.5" },
      file: await file(
        "socketio: {pingIntervall: 3, path: x, channels: []}\nlisteners: [{adress: 'x', address: 8899, origins: 5, dialects: [mqtt]}]\nroomSecrets: [a]\nsecretKeys: [1]",
      ),
    });
    expect(problems.toSorted()).toEqual([
      'Expected `drain` to be a number from 0 to 3600, got "soon" (flag --drain)',
      "Expected `limits.connections` to be a whole number from 1 to 10000000, got 1.5 (environment BELFRY_LIMITS_CONNECTIONS)",
      "Expected `listeners[0].address` to be text, got 8899 (file belfry.yaml)",
      'Expected `listeners[0].dialects[0]` to be one of "socketio", "ws-hub", "ws4redis", "websocket-channels", "native", got "mqtt" (file belfry.yaml)',
      "Expected `listeners[0].origins` to be text or a list of: text, got 5 (file belfry.yaml)",
      'Expected `log.level` to be one of "debug", "info", "warn", "error", got "loud" (flag --log-level)',
      "Expected `roomSecrets` to be a section of names and values, got a list of 1 (file belfry.yaml)",
      "Expected `secretKeys[0]` to be text of 1-256 characters, got 1 (file belfry.yaml)",
      'Expected `socketio.allowEio3` to be true or false, got "maybe" (environment BELFRY_SOCKETIO_ALLOW_EIO3)',
      "Expected `socketio.channels` to be a list of 1 or more: text of 1-256 characters, got an empty list (file belfry.yaml)",
      String.raw`Expected ${"`socketio.path`"} to be text that matches ^\/[\w./-]{0,255}$, got "x" (file belfry.yaml)`,
      "Unknown option `listeners[0].adress` (file belfry.yaml): did you mean `address`?",
      "Unknown option `socketio.pingIntervall` (file belfry.yaml): did you mean `pingInterval`?",
    ]);
  });

  test("T20 WSE-03 a name that the schema would drop is refused, from a file, a flag and the environment", async () => {
    const sentence = (source: string, option = "roomSecrets") =>
      `Expected another name than \`__proto__\` in \`${option}\` (${source})`;
    expect(await problemsOf({ file: await file("roomSecrets: {__proto__: s, a: b}") })).toEqual([
      sentence("file belfry.yaml"),
    ]);
    expect(
      await problemsOf({ file: await file('{"ws4redis":{"allowedChannels":{"__proto__":"echo"}}}') }),
    ).toEqual([sentence("file belfry.yaml", "ws4redis.allowedChannels")]);
    expect(await problemsOf({ env: { BELFRY_ROOM_SECRETS: "__proto__=s" } })).toEqual([
      sentence("environment BELFRY_ROOM_SECRETS"),
    ]);
    expect(await problemsOf({ flags: new Map([["roomSecrets", ["a=b", "__proto__=s"]]]) })).toEqual([
      sentence("flag --room-secret"),
    ]);
    const { config } = await loadConfig({ file: await file("roomSecrets: {constructor: s, toString: t}") });
    expect(Object.entries(config.roomSecrets)).toEqual([
      ["constructor", "s"],
      ["toString", "t"],
    ]);
  });

  test("EIO-01 HUB-01 W4R-01 WSC-01 a path that no request can have, or that is the gateway's own, is refused", async () => {
    const options = ["socketio.path", "ws-hub.serverUrl", "ws4redis.path", "websocket-channels.path"];
    for (const option of options) {
      const [section = "", key = ""] = option.split(".");
      const withPath = (path: string) => file(JSON.stringify({ [section]: { [key]: path } }));
      for (const path of ["/-/", "/-", "/-/x", "/a/../b", "/..", "/./a", "/a/.", "/a/b/c/d/e/f/g/h/i"]) {
        const [problem, ...others] = await problemsOf({ file: await withPath(path) });
        expect(problem).toStartWith(`Expected \`${option}\` to be a path of at most 8 segments`);
        expect(others).toEqual([]);
      }
      for (const path of ["/", "/a", "/a.b/..c/d../.e", "/--/x", "/a/-/b", "/a/b/c/d/e/f/g/h/"]) {
        const { config } = await loadConfig({ file: await withPath(path) });
        expect(valueAt(config, [section, key])).toBe(path);
      }
    }
  });

  test("WSE-01 listeners that are none", async () => {
    expect(await problemsOf({ file: await file("listeners: []") })).toEqual([
      "Expected `listeners` to be a list of 1-16 sections, got an empty list (file belfry.yaml)",
    ]);
    expect(
      await problemsOf({ file: await file("listeners: here"), flags: flags({ address: ":1" }) }),
    ).toEqual(['Expected `listeners` to be a list of 1-16 sections, got "here" (file belfry.yaml)']);
    expect(
      await problemsOf({ file: await file("socketio: 5"), flags: flags({ "socketio.key": "k" }) }),
    ).toHaveLength(1);
  });

  test("WSE-01 an address and a proxy that are none", async () => {
    expect(
      await problemsOf({ flags: flags({ address: "8899", trustedProxies: ["proxy.example"] }) }),
    ).toEqual([
      'Expected `listeners[0].address` to be `host:port`, `[v6]:port` or `:port`, with a port up to 65535, got "8899" (flag --address)',
      'Expected `listeners[0].trustedProxies[0]` to be an address or a range such as 10.0.0.0/8, got "proxy.example" (flag --trusted-proxies)',
    ]);
  });

  test("SEC-06 a bound below another is refused", async () => {
    const env = { BELFRY_LIMITS_SEND_QUEUE_BYTES: "2000000", BELFRY_LIMITS_SEND_QUEUE_MAX_BYTES: "1000000" };
    expect(await problemsOf({ env })).toEqual([
      "Expected `limits.sendQueueMaxBytes` to be at least as large as `limits.sendQueueBytes`, got 1000000 (environment BELFRY_LIMITS_SEND_QUEUE_MAX_BYTES)",
    ]);
  });

  test("SEC-04 no secret and no password is shown", async () => {
    const problems = await problemsOf({
      flags: flags({ redis: "redis:/user:hunter2@host", roomSecrets: ["hunter2"] }),
      env: { BELFRY_SECRET: `hunter2${"x".repeat(4_096)}` },
      file: await file("hunter: hunter2\nroomSecrets: {dir: 2}"),
    });
    expect(problems).toHaveLength(4);
    expect(problems.join("\n")).not.toContain("hunter2");
    expect(problems).toContain(
      "Expected `scheme://...` in the Redis URL, got something else (`redis`, flag --redis)",
    );
    expect(await problemsOf({ file: await file("secret: 12345\nroomSecrets: {dir: 2, shop: ''}") })).toEqual([
      "Expected `secret` to be text of 1-4096 characters, got a number: put it in quotes (file belfry.yaml)",
      "Expected `roomSecrets.dir` to be text of 1-4096 characters, got a number: put it in quotes (file belfry.yaml)",
      "Expected `roomSecrets.shop` to be text of 1-4096 characters, got a text of 0 characters, not shown (file belfry.yaml)",
    ]);
  });

  test("T20 `__proto__` in a file is an unknown option", async () => {
    expect(
      await problemsOf({ file: await file('{"__proto__": {"redis": "redis://x"}, "constructor": 1}') }),
    ).toEqual([
      "Unknown option `__proto__` (file belfry.yaml)",
      "Unknown option `constructor` (file belfry.yaml)",
    ]);
  });
});

describe("--as ws-emit", () => {
  test("WSE-01 PSQ-01 defaults", async () => {
    const loaded = await asWsEmit({});
    expect(loaded.config.redis).toBe("redis://localhost:6379/0");
    expect(loaded.config.listeners).toMatchObject([
      {
        address: "0.0.0.0:8899",
        dialects: ["socketio"],
        origins: ["http://localhost:7788"],
        trustedProxies: [],
      },
    ]);
    expect(loaded.config.secret).toBe(undefined);
    expect(socketIoOf(loaded.config).channels).toEqual(["flask-socketio"]);
    expect(origin(loaded, "redis")).toBe("profile ws-emit");
  });

  test("WSE-01 its environment names", async () => {
    const loaded = await asWsEmit({
      REDIS: "redis://h:1/2",
      ADDRESS: "127.0.0.1:1",
      CORS: "http://a http://b",
      SECRET: "s",
      FLASK_SECRET: "f",
    });
    expect(loaded.config.redis).toBe("redis://h:1/2");
    expect(loaded.config.listeners[0]).toMatchObject({
      address: "127.0.0.1:1",
      origins: ["http://a", "http://b"],
    });
    expect(loaded.config.secret).toBe("s");
    expect(origin(loaded, "listeners", 0, "origins")).toBe("environment CORS");
    expect(noticesOf(loaded)).toHaveLength(1);
    expect(noticesOf(await asWsEmit({}))).toEqual([]);
  });

  test("WSE-01 are read by nobody else", async () => {
    const { config } = await loadConfig({
      env: { REDIS: "redis://h", ADDRESS: ":1", CORS: "*", SECRET: "s" },
    });
    expect(config.redis).toBe(undefined);
    expect(config.secret).toBe(undefined);
    expect(config.listeners[0]).toMatchObject({ address: "127.0.0.1:8899" });
  });

  test("WSE-02 an empty CORS is nobody, the other empty names are unset", async () => {
    const { config } = await asWsEmit({ CORS: "", REDIS: "", ADDRESS: "", SECRET: "" });
    expect(config.listeners[0]).toMatchObject({ origins: [], address: "0.0.0.0:8899" });
    expect(config.redis).toBe("redis://localhost:6379/0");
    expect(config.secret).toBe(undefined);
    expect((await asWsEmit({}, { origins: [""] })).config.listeners[0]?.origins).toEqual([]);
  });

  test("WSE-02 CORS is split on spaces alone", async () => {
    const { config } = await asWsEmit({ CORS: " http://a,http://b  http://c " });
    expect(config.listeners[0]?.origins).toEqual(["http://a,http://b", "http://c"]);
  });

  test("WSE-02 a `*` anywhere is all", async () => {
    expect((await asWsEmit({ CORS: "http://a *" })).config.listeners[0]?.origins).toBe("*");
    expect((await asWsEmit({}, { origins: ["http://a", "*"] })).config.listeners[0]?.origins).toBe("*");
  });

  test("WSE-01 WSE-02 flag over BELFRY_ over its own names over file over its defaults", async () => {
    const path = await file(
      "redis: redis://file\nlisteners: [{origins: [http://file]}]\nsocketio: {channels: [file]}",
    );
    const env = { CORS: "http://env", REDIS: "redis://env" };
    const of = async (more: Partial<ConfigSources>): Promise<LoadedConfig["config"]> =>
      (await loadConfig({ profile: wsEmit, file: path, env, ...more })).config;
    expect((await of({ flags: flags({ redis: "redis://flag" }) })).redis).toBe("redis://flag");
    expect((await of({ env: { ...env, BELFRY_REDIS: "redis://own" } })).redis).toBe("redis://own");
    expect((await of({})).redis).toBe("redis://env");
    expect((await of({})).listeners[0]?.origins).toEqual(["http://env"]);
    const fromFile = await of({ env: {} });
    expect(fromFile.redis).toBe("redis://file");
    expect(fromFile.listeners[0]?.origins).toEqual(["http://file"]);
    expect(socketIoOf(fromFile).channels).toEqual(["file"]);
    expect(fromFile.listeners[0]?.address).toBe("0.0.0.0:8899");
  });
});
