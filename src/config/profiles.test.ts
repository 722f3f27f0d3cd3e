import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { z } from "zod";
import { GatewayError } from "../vocabulary/errors.ts";
import type { Profile } from "../dialects/profile.ts";
import { dialects } from "../dialects/registry.ts";
import { valueAt } from "./file.ts";
import { loadConfig } from "./load.ts";
import type { ConfigSources, LoadedConfig } from "./load.ts";
import { createConfigModel, profileNamed } from "./model.ts";
import type { createConfigSchema } from "./schema.ts";
import { findNotices, lacksSecret } from "./warnings.ts";
import type { FlagValue } from "./options.ts";

let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "belfry-profiles-"));
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

const model = createConfigModel();
const { profiles } = model;
const options = new Map(model.options.map((option) => [option.name, option]));

async function file(text: string, name = "config.yaml"): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

function profile(name: string): Profile {
  const found = profileNamed(model, name);
  if (!found) throw new Error(`Expected a profile ${name}`);
  return found;
}

interface Start extends Pick<ConfigSources, "env" | "file"> {
  readonly flags?: Readonly<Record<string, FlagValue>>;
  /** Keys of the profile's flags. */
  readonly given?: readonly string[];
}

/** With the sections of the dialects. */
type FullConfig = z.output<ReturnType<typeof createConfigSchema<typeof dialects>>>;

interface Loaded extends LoadedConfig {
  readonly config: FullConfig;
}

async function as(name: string, { flags = {}, given = [], ...rest }: Start = {}): Promise<Loaded> {
  const own = profile(name);
  const profileFlags = own.flags.filter(({ key }) => given.includes(key));
  // Without a file of its own, none of this folder's is found.
  const sources = { profile: own, profileFlags, flags: new Map(Object.entries(flags)), ...rest };
  return (await loadConfig(sources)) as Loaded;
}

async function problems(name: string, start: Start): Promise<readonly string[]> {
  const error = await as(name, start).then(
    () => new Error("Expected a refusal"),
    (reason: unknown) => reason,
  );
  if (!(error instanceof GatewayError)) throw error;
  return error.message.replaceAll(`${folder}/`, "").split("\n");
}

const everyName = profiles.map(({ name }) => name);
/** What else each needs to start. */
const needs: Readonly<Record<string, Record<string, string>>> = { ws4redis: { SESSION_ENGINE: "none" } };

describe("every profile", () => {
  test.each(everyName)("RTE-11 %s runs without a Redis, by --redis memory:", async (name) => {
    for (const url of ["memory:", "memory://"]) {
      const loaded = await as(name, { env: needs[name] ?? {}, flags: { redis: url } });
      expect([loaded.config.redis, loaded.sourceOf(["redis"]).kind]).toEqual([undefined, "flag"]);
    }
    const env = { ...needs[name], BELFRY_REDIS: "memory:" };
    expect((await as(name, { env })).config.redis).toBe(undefined);
  });

  test.each(profiles)("WSE-01 HUB-01 WSC-01 DJS-03 $name speaks of options that exist", (own) => {
    const named = [
      ...Object.keys(own.defaults),
      ...own.variables.flatMap(({ option }) => option ?? []),
      ...own.flags.flatMap(({ sets = {}, defaults = {} }) => [
        ...Object.keys(sets),
        ...Object.keys(defaults),
      ]),
    ];
    expect(named.filter((name) => !options.has(name))).toEqual([]);
    expect(named.length).toBeGreaterThan(0);
    const variables = own.variables.map(({ name }) => name).concat(own.refused.map(({ name }) => name));
    expect(new Set(variables).size).toBe(variables.length);
    expect(own.notReproduced.filter((line) => !/^[A-Z0-9]{3}-\d\d: /.test(line))).toEqual([]);
    expect(own.notReproduced.length).toBeGreaterThan(0);
  });

  test.each(everyName)(
    "WSE-01 HUB-01 WSC-12 %s: --redis, --address and --secret win over all else",
    async (name) => {
      const env = { ...needs[name], REDIS: "redis://its-own", ADDRESS: ":1", SECRET: "its-own" };
      const flags = { redis: "redis://flag", address: "127.0.0.1:7", secret: "flag" };
      const { config } = await as(name, { env, flags });
      expect([config.redis, config.listeners[0]?.address, config.secret]).toEqual([
        "redis://flag",
        "127.0.0.1:7",
        "flag",
      ]);
      expect(config.listeners[0]?.dialects).toHaveLength(1);
      const socket = await as(name, { env: { ...needs[name] }, flags: { unix: "/run/belfry.sock" } });
      const [listener] = socket.config.listeners;
      expect([listener?.unix, listener?.address]).toEqual(["/run/belfry.sock", undefined]);
    },
  );

  test.each(everyName)("WSE-02 %s: an empty variable is an unset one", async (name) => {
    const own = profile(name);
    const empty = own.variables.filter(({ whenEmpty }) => whenEmpty === undefined);
    const names = [...empty, ...own.refused].map((variable) => variable.name);
    const env = Object.fromEntries(
      names.flatMap((one) => [
        [one, ""],
        [`${one}_FILE`, ""],
      ]),
    );
    const { config } = await as(name, { env, flags: { "identity.sessionEngine": "none" } });
    const plain = await as(name, { flags: { "identity.sessionEngine": "none" } });
    expect(config).toEqual(plain.config);
  });
});

describe("--as ws-hub", () => {
  test("HUB-01 HUB-04 HUB-10 HUB-11 without a file, the defaults of WS-HUB", async () => {
    const { config, warnings } = await as("ws-hub");
    expect(config.redis).toBe("redis://localhost:6379/0");
    expect(config.listeners[0]).toMatchObject({ address: ":8080", dialects: ["ws-hub"] });
    expect(config["ws-hub"]).toMatchObject({
      clientKey: "session_key",
      serverUrl: "/ws",
      channelPrefix: "ws-hub:",
      pongWait: 60,
      maxMessageSize: 128,
      fromHeader: false,
    });
    expect(warnings).toEqual([]);
    expect(findNotices(profile("ws-hub"), config, dialects)).toHaveLength(1);
  });

  const everything = `
Address: 127.0.0.1:9999
CLIENTKEY: token
serverUrl: /live
redis: { Address: "redis.example:7000", db: 3, password: hunter2, timeout: 120, idleConn: 4, channelPrefix: "app:" }
pongWait: 30
maxMessageSize: 4096
fromHeader: true
`;

  test("HUB-01 HUB-03 each of its keys, in any case, and what has no effect is said", async () => {
    const loaded = await as("ws-hub", { file: await file(everything) });
    const { config, notes, warnings } = loaded;
    expect(config.redis).toBe("redis://:hunter2@redis.example:7000/3");
    expect(config.listeners[0]?.address).toBe("127.0.0.1:9999");
    expect(config["ws-hub"]).toMatchObject({
      clientKey: "token",
      serverUrl: "/live",
      channelPrefix: "app:",
      pongWait: 30,
      maxMessageSize: 4096,
      fromHeader: true,
    });
    expect(warnings).toEqual([]);
    expect(notes.map((text) => text.replaceAll(`${folder}/`, ""))).toEqual([
      "`redis.timeout` is accepted without effect (file config.yaml)",
      "`redis.idleConn` is accepted without effect (file config.yaml)",
    ]);
    expect(loaded.sourceOf(["ws-hub", "pongWait"]).kind).toBe("file");
    expect(findNotices(profile("ws-hub"), config, dialects)).toEqual([]);
  });

  test("HUB-01 flags and BELFRY_ names win over the file, the file over the defaults", async () => {
    const path = await file(everything);
    const env = { BELFRY_WS_HUB_PONG_WAIT: "20", BELFRY_REDIS: "redis://env", BELFRY_CONFIG: path };
    const { config } = await as("ws-hub", { env, flags: { address: ":5" } });
    expect([config.redis, config.listeners[0]?.address, config["ws-hub"].pongWait]).toEqual([
      "redis://env",
      ":5",
      20,
    ]);
    expect(config["ws-hub"].clientKey).toBe("token");
    const part = await as("ws-hub", { file: await file("pongWait: 5") });
    expect(part.config.redis).toBe("redis://localhost:6379/0");
    expect(part.config.listeners[0]?.address).toBe(":8080");
  });

  test("HUB-01 SEC-04 a file that is not there, or wrong, refuses to start and shows no value", async () => {
    expect(await problems("ws-hub", { file: join(folder, "none.yaml") })).toEqual([
      "Expected a config file at none.yaml, got no such file",
    ]);
    const wrong = await file("pongWait: hunter2\nredis: { db: hunter2 }");
    expect(await problems("ws-hub", { file: wrong })).toEqual([
      "Expected `pongWait` to be a number of seconds above 0, at most 86,400 (file config.yaml)",
      "Expected `redis.db` to be a whole number from 0 (file config.yaml)",
    ]);
  });
});

describe("--as websocket-channels", () => {
  const name = "websocket-channels";

  test("WSC-12 WSC-08 defaults: the newest form, and a secret is made", async () => {
    const { config } = await as(name);
    expect(config.redis).toBe("redis://127.0.0.1:6379/0");
    expect(config.listeners[0]).toMatchObject({ address: "127.0.0.1:9000", dialects: [name] });
    expect(config[name]).toMatchObject({ path: "/ws", root: false, openPublish: false });
    expect(lacksSecret(profile(name), config, dialects)).toBe(true);
    expect(findNotices(profile(name), config, dialects)).toEqual([]);
  });

  test("WSC-01 WSC-12 --root adds the old mount on the old port; what is set stays", async () => {
    const loaded = await as(name, { given: ["root"] });
    expect(loaded.config.listeners[0]?.address).toBe("127.0.0.1:5000");
    expect(loaded.config[name]).toMatchObject({ root: true, path: "/ws" });
    expect(loaded.sourceOf([name, "root"]).label).toBe("flag --root");
    expect(loaded.sourceOf(["listeners", 0, "address"]).label).toBe("profile websocket-channels --root");
    expect(findNotices(profile(name), loaded.config, dialects)).toHaveLength(1);
    const own = await as(name, { given: ["root"], env: { BELFRY_ADDRESS: "127.0.0.1:6" } });
    expect(own.config.listeners[0]?.address).toBe("127.0.0.1:6");
    const bare = await as(name, { given: ["root"], flags: { "websocket-channels.path": "/" } });
    expect(findNotices(profile(name), bare.config, dialects)).toEqual([]);
  });

  test("WSC-08 --open-publish needs no secret, nor does a file that speaks something else", async () => {
    const other = await as(name, { file: await file("listeners: [{dialects: [socketio]}]") });
    expect(lacksSecret(profile(name), other.config, dialects)).toBe(false);
    const { config } = await as(name, { given: ["openPublish"] });
    expect(config[name].openPublish).toBe(true);
    expect(config.listeners[0]?.address).toBe("127.0.0.1:9000");
    expect(lacksSecret(profile(name), config, dialects)).toBe(false);
  });
});

describe("--as ws4redis", () => {
  const name = "ws4redis";
  const key = "k".repeat(50);
  const secret = "s".repeat(32);
  const cache = { SESSION_ENGINE: "django.contrib.sessions.backends.cache" };

  test("W4R-01 W4R-05 DJS-01 DJS-03 defaults", async () => {
    const { config } = await as(name, { env: cache });
    expect(config.redis).toBe("redis://localhost:6379/0");
    expect(config.listeners[0]).toMatchObject({ address: "127.0.0.1:8000", dialects: [name] });
    expect(config.listeners[0]?.origins).toBe(undefined);
    expect(config.ws4redis).toMatchObject({
      path: "/ws/",
      prefix: "",
      expire: 3600,
      naming: "both",
      publish: [],
    });
    expect(config.ws4redis.heartbeat).toBe(undefined);
    expect(config.identity).toMatchObject({ cookieName: "sessionid", cookieAge: 1_209_600 });
    expect(config.identity.redis).toBe(undefined);
  });

  /** Each name: what stands in the environment, and what it becomes. */
  const names: Readonly<Record<string, readonly [text: string, value?: unknown]>> = {
    WEBSOCKET_URL: ["/live/"],
    WS4REDIS_PREFIX: ["app"],
    WS4REDIS_EXPIRE: ["60", 60],
    WS4REDIS_HEARTBEAT: ["--heartbeat--"],
    SESSION_ENGINE: ["redis_sessions.session"],
    SESSION_COOKIE_NAME: ["sid"],
    SESSION_COOKIE_AGE: ["3600", 3600],
    SESSION_REDIS_PREFIX: ["session"],
    SESSION_REDIS: ["redis://:hunter2@sessions:1/2"],
    SESSION_CACHE_KEY_PREFIX: ["site"],
    SESSION_CACHE_VERSION: ["2", 2],
    SECRET_KEY: [key],
    SECRET_KEY_FALLBACKS: ["old,key  older=key", ["old,key", "older=key"]],
    DEFAULT_HASHING_ALGORITHM: ["sha1"],
    WS4REDIS_NAMING: ["both"],
    WS4REDIS_USERNAME: ["session:ws4redis:username"],
    WS4REDIS_PUBLISH: ["chat* news", ["chat*", "news"]],
    WS4REDIS_ORIGINS: ["https://a.example https://b.example", ["https://a.example", "https://b.example"]],
    WS4REDIS_AUTH_URL: ["http://127.0.0.1:8001/who"],
    WS4REDIS_JWT_ALGORITHM: ["HS256"],
    WS4REDIS_JWT_SECRET: [secret],
    WS4REDIS_JWT_PUBLIC_KEY: ["-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----"],
    WS4REDIS_JWT_JWKS_URL: ["https://id.example/jwks"],
    WS4REDIS_JWT_ISSUER: ["id"],
    WS4REDIS_JWT_AUDIENCE: ["site"],
    WS4REDIS_JWT_COOKIE: ["token"],
    WS4REDIS_JWT_QUERY_PARAMETER: ["token"],
  };
  const variables = profile(name).variables.map((variable) => variable.name);

  test("DJS-03 DJS-06 DJS-07 DJS-09 DJS-10 DJS-11 W4R-03 W4R-09 W4R-16 W4R-17 each name of the environment", async () => {
    expect(Object.keys(names).toSorted()).toEqual([...variables].toSorted());
    // One HS algorithm goes with neither a key nor a JWKS.
    const texts = Object.entries(names).map(([one, [text]]) => [one, text] as const);
    const env = Object.fromEntries(texts.filter(([one]) => !/PUBLIC_KEY|JWKS/.test(one)));
    const { config } = await as(name, { env });
    for (const { name: one, option = "" } of profile(name).variables) {
      const [text = "", value = text] = names[one] ?? [];
      const wanted = one in env ? value : undefined;
      expect([one, valueAt(config, options.get(option)?.path ?? [])]).toEqual([one, wanted]);
    }
  });

  test("DJS-11 the key of a token, as text, as a JWKS and from a file", async () => {
    const { publicKey } = await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]);
    const der = Buffer.from(await crypto.subtle.exportKey("spki", publicKey)).toString("base64");
    const pem = `-----BEGIN PUBLIC KEY-----\n${der}\n-----END PUBLIC KEY-----`;
    const base = { ...cache, WS4REDIS_JWT_ALGORITHM: "EdDSA" };
    const text = await as(name, { env: { ...base, WS4REDIS_JWT_PUBLIC_KEY: pem } });
    expect(text.config.identity.jwt?.publicKey).toBe(pem);
    const path = await file(`${pem}\n`, "key.pem");
    const held = await as(name, { env: { ...base, WS4REDIS_JWT_PUBLIC_KEY_FILE: path } });
    expect(held.config.identity.jwt?.publicKey).toBe(pem);
    const jwks = await as(name, { env: { ...base, WS4REDIS_JWT_JWKS_URL: "https://id.example/jwks" } });
    expect(jwks.config.identity.jwt?.jwksUrl).toBe("https://id.example/jwks");
  });

  test("SEC-04 DJS-07 SECRET_KEY_FILE and the like hold the value; both are an error", async () => {
    const env = {
      SESSION_ENGINE: "django.contrib.sessions.backends.signed_cookies",
      SECRET_KEY_FILE: await file(`${key}\n`, "secret-key"),
      SECRET_KEY_FALLBACKS_FILE: await file("old,key older\n", "fallbacks"),
      WS4REDIS_JWT_ALGORITHM: "HS256",
      WS4REDIS_JWT_SECRET_FILE: await file(`${secret}\n`, "jwt-secret"),
      SESSION_REDIS_FILE: await file("redis://:hunter2@sessions\n", "redis"),
    };
    const { config, warnings } = await as(name, { env });
    expect(config.identity).toMatchObject({
      secretKey: key,
      secretKeyFallbacks: ["old,key", "older"],
      redis: "redis://:hunter2@sessions",
      jwt: { secret },
    });
    expect(warnings).toEqual([]);
    expect(await problems(name, { env: { ...env, SECRET_KEY: key } })).toContain(
      "Expected one of `identity.secretKey` (environment SECRET_KEY) and the file that holds it (environment SECRET_KEY_FILE), got both",
    );
  });

  test("DJS-08 SEC-02 a session engine that cannot be read refuses to start; callback, JWT or `none` do", async () => {
    expect(await problems(name, {})).toEqual([expect.stringContaining("got `db`")]);
    const starts: readonly Start[] = [
      { env: { WS4REDIS_AUTH_URL: "http://127.0.0.1/who" } },
      { env: { WS4REDIS_JWT_ALGORITHM: "HS256", WS4REDIS_JWT_SECRET: secret } },
      { env: { SESSION_ENGINE: "none" } },
      { given: ["broadcastOnly"] },
      { given: ["broadcastOnly"], env: { SESSION_ENGINE: "django.contrib.sessions.backends.db" } },
    ];
    for (const start of starts) expect((await as(name, start)).config.ws4redis.path).toBe("/ws/");
  });

  test("W4R-13 a setting that is Python is refused with what replaces it", async () => {
    for (const one of ["ALLOWED_CHANNELS", "PROCESS_REQUEST", "SUBSCRIBER", "CONNECTION"]) {
      const refused = await problems(name, { env: { ...cache, [`WS4REDIS_${one}`]: "app.module.function" } });
      expect(refused).toEqual([
        expect.stringMatching(new RegExp(`^Expected no \`WS4REDIS_${one}\` in .* use `)),
      ]);
    }
  });

  test("DJS-10 DJS-11 a URL that is none is a sentence", async () => {
    for (const one of ["WS4REDIS_AUTH_URL", "WS4REDIS_JWT_JWKS_URL"]) {
      const env = { ...cache, WS4REDIS_JWT_ALGORITHM: "ES256", [one]: "localhost" };
      expect(await problems(name, { env })).toEqual([
        expect.stringMatching(new RegExp(`^Expected an http or https URL, got "localhost" \\(.*${one}\\)$`)),
      ]);
    }
  });

  test("DJS-09 who has no user names is told", async () => {
    const notices = async (env: Record<string, string>): Promise<number> =>
      findNotices(profile(name), (await as(name, { env })).config, dialects).length;
    expect(await notices(cache)).toBe(1);
    expect(await notices({ ...cache, WS4REDIS_USERNAME: "pk" })).toBe(0);
    expect(await notices({ SESSION_ENGINE: "none" })).toBe(0);
  });

  test("SEC-04 wrong values are sentences without secrets", async () => {
    const env = {
      ...cache,
      WS4REDIS_EXPIRE: "soon",
      WS4REDIS_NAMING: "new",
      SESSION_REDIS: "redis:/u:hunter2@h",
      SECRET_KEY: `hunter2${"x".repeat(5_000)}`,
      WS4REDIS_USERNAME: "name",
    };
    const all = await problems(name, { env });
    expect(all).toHaveLength(5);
    expect(all.join("\n")).not.toContain("hunter2");
    expect(all).toContain(
      'Expected `pk`, `session:<key>` or `hash:<redis key>`, got "name" (`identity.username`, environment WS4REDIS_USERNAME)',
    );
    expect(all).toContain(
      'Expected `ws4redis.naming` to be one of "current", "legacy", "both", got "new" (environment WS4REDIS_NAMING)',
    );
  });
});
