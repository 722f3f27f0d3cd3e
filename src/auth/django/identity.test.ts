// Identity as the dialect gets it: all sources together, with the sessions of real Djangos in a real Redis.

import { describe, expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { startRedis } from "../../../test/support/redis.ts";
import { createBus } from "../../../test/support/bus.ts";
import type { KeyStore } from "../../core/keys.ts";
import { GatewayError } from "../../vocabulary/errors.ts";
import { silent } from "../../core/observe.ts";
import { createIdentity } from "./identity.ts";
import { identityOptions } from "./options.ts";
import type { IdentityRequest, IdentityResult } from "../../proofs/identity-source.ts";
import type { Fetch } from "../result.ts";
import vectors from "./session-vectors.json";

const cached = pick("core plain");
const rich = pick("core rich");
const signed = pick("signed_cookies json sha256");
const secret = "s".repeat(32);
const now = 1_800_000_000_000;
const anonymous = { kind: "identity", session: undefined, user: undefined, groups: [] } as const;

function pick(kind: string) {
  const vector = vectors.sessions.find(({ name }) => name.startsWith("5.2") && name.includes(kind));
  if (!vector) throw new Error(`Expected a vector ${kind}`);
  return {
    cookie: vector.cookie,
    key: vector.key ?? "",
    value: Buffer.from(vector.value ?? "", "base64"),
    at: vector.at,
  };
}

const asked: IdentityRequest = {
  facility: "news",
  channels: ["subscribe-user"],
  path: "/ws/news",
  query: "subscribe-user",
  origin: undefined,
  remote: "192.0.2.7",
};

const token = (payload: object): string => {
  const text = [{ alg: "HS256" }, payload]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .join(".");
  return `${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`;
};

const answers =
  (body: string, status = 200): Fetch =>
  async () =>
    new Response(body, { status });

interface Visit {
  readonly options: object;
  readonly cookie?: string;
  readonly authorization?: string;
  readonly store?: Pick<KeyStore, "getBytes" | "getField">;
  readonly fetch?: Fetch;
  readonly asked?: IdentityRequest;
  readonly now?: number;
}

/** Who comes, and what was counted. */
async function visit(visitor: Visit): Promise<{ result: IdentityResult; counted: readonly string[] }> {
  const counted: string[] = [];
  const observe = {
    ...silent,
    skipped: (label: string, reason: string) => void counted.push(`skipped ${label} ${reason}`),
    refused: (label: string, reason: string) => void counted.push(`refused ${label} ${reason}`),
    report: (stage: string) => void counted.push(`report ${stage}`),
  };
  const headers = new Headers();
  if (visitor.cookie !== undefined) headers.set("cookie", visitor.cookie);
  if (visitor.authorization !== undefined) headers.set("authorization", visitor.authorization);
  const source = createIdentity({
    options: identityOptions.parse(visitor.options),
    store: visitor.store ?? memory(new Map()),
    fetch: visitor.fetch ?? fetch,
    now: () => visitor.now ?? now,
    observe,
  });
  const result = await source.identify(
    new Request("http://127.0.0.1/ws/news", { headers }),
    visitor.asked ?? asked,
  );
  return { result, counted };
}

function memory(values: ReadonlyMap<string, Buffer>): Pick<KeyStore, "getBytes" | "getField"> {
  return {
    getBytes: async (keys) => keys.map((key) => values.get(key)),
    getField: async () => undefined,
  };
}

const fails = (error: Error): Pick<KeyStore, "getBytes" | "getField"> => ({
  getBytes: () => Promise.reject(error),
  getField: () => Promise.reject(error),
});

const withSession = memory(new Map([[cached.key, cached.value]]));
const cookie = `sessionid=${cached.cookie}`;
const cache = { sessionEngine: "django.contrib.sessions.backends.cache" };

describe("the session as source", () => {
  test("DJS-01 DJS-09 session key, groups, and the user where names are mapped", async () => {
    const visitor = { cookie, store: withSession };
    const groups = ["chatters", "Zürich"];
    const known = { kind: "identity", session: cached.cookie, groups } as const;
    const { result } = await visit({ ...visitor, options: cache });
    expect(result).toEqual({ ...known, user: undefined });
    const named = await visit({ ...visitor, options: { ...cache, username: "session:ws4redis:username" } });
    expect(named).toEqual({ result: { ...known, user: "jøhn" }, counted: [] });
    expect((await visit({ ...visitor, options: { ...cache, username: "pk" } })).result).toEqual({
      ...known,
      user: "7",
    });
  });

  test("DJS-01 the cookie's name is SESSION_COOKIE_NAME", async () => {
    const visitor = { options: { ...cache, cookieName: "shop_session" }, store: withSession };
    expect((await visit({ ...visitor, cookie: `shop_session=${cached.cookie}` })).result).toHaveProperty(
      "session",
      cached.cookie,
    );
    expect((await visit({ ...visitor, cookie })).result).toEqual(anonymous);
  });

  test("DJS-01 W4R-14 whom Django has not logged in has a session, but neither user nor groups", async () => {
    const value = Buffer.from(
      JSON.stringify({ "ws4redis:memberof": ["staff"], "ws4redis:username": "admin" }),
    );
    const store = memory(new Map([[cached.key, value]]));
    const options = { ...cache, username: "session:ws4redis:username" };
    expect((await visit({ options, cookie, store })).result).toEqual({
      ...anonymous,
      session: cached.cookie,
    });
  });

  test("DJS-08 a signed cookie has no session audience", async () => {
    const options = { sessionEngine: "signed_cookies", secretKey: vectors.secretKey, username: "pk" };
    const { result } = await visit({ options, cookie: `sessionid=${signed.cookie}`, now: signed.at * 1_000 });
    expect(result).toEqual({
      kind: "identity",
      session: undefined,
      user: "7",
      groups: ["chatters", "Zürich"],
    });
  });

  test("DJS-02 DJS-05 SEC-02 no cookie, or no such session: anonymous, and counted", async () => {
    expect(await visit({ options: cache })).toEqual({ result: anonymous, counted: [] });
    const forged: readonly (readonly [string, string])[] = [
      ["sessionid=johndoe", "session_key_invalid"],
      ["sessionid=johndoe:news", "session_key_invalid"],
      ["sessionid=johndoe123", "session_absent"],
    ];
    for (const [header, reason] of forged) {
      expect(await visit({ options: cache, cookie: header, store: withSession })).toEqual({
        result: anonymous,
        counted: [`skipped django ${reason}`],
      });
    }
    const broken = memory(new Map([[cached.key, Buffer.from("junk")]]));
    expect(await visit({ options: cache, cookie, store: broken })).toEqual({
      result: anonymous,
      counted: ["skipped django session_unreadable"],
    });
  });

  test("DJS-05 SEC-02 a store that cannot be reached: 503, unless nothing is asked that needs an identity", async () => {
    const store = fails(new GatewayError("bus_unavailable", "Expected a Redis, got none"));
    const broadcasts = ["subscribe-broadcast", "publish-broadcast"];
    const open = { ...asked, channels: broadcasts };
    for (const needs of [
      asked,
      { ...open, facility: "user:john::news" },
      { ...open, channels: [...broadcasts, "publish-session"] },
    ]) {
      expect(await visit({ options: cache, cookie, store, asked: needs })).toEqual({
        result: { kind: "unavailable", reason: "session_unavailable" },
        counted: ["refused django session_unavailable"],
      });
    }
    for (const free of [open, { ...asked, channels: [] }]) {
      expect(await visit({ options: cache, cookie, store, asked: free })).toEqual({
        result: anonymous,
        counted: [],
      });
    }
    expect((await visit({ options: cache, store })).result).toEqual(anonymous);
  });

  test("SEC-02 a fault of our own lets nobody in, and is reported", async () => {
    expect(await visit({ options: cache, cookie, store: fails(new TypeError("x")) })).toEqual({
      result: { kind: "unavailable", reason: "session_unavailable" },
      counted: ["report identity", "refused django session_unavailable"],
    });
  });
});

describe("the order of the sources", () => {
  const jwt = { algorithm: "HS256", secret };
  const callbackUrl = "http://127.0.0.1/who";

  test("DJS-01 the callback's answer is the whole identity: nothing is filled in from token or session", async () => {
    const options = { ...cache, callbackUrl, jwt, username: "pk" };
    const authorization = `Bearer ${token({ sub: "token", exp: now / 1_000 + 60 })}`;
    const visitor = { options, cookie, authorization, store: withSession };
    expect((await visit({ ...visitor, fetch: answers("{}") })).result).toEqual(anonymous);
    expect((await visit({ ...visitor, fetch: answers('{"user":"callback"}') })).result).toEqual({
      ...anonymous,
      user: "callback",
    });
    expect(await visit({ ...visitor, fetch: answers("", 403) })).toEqual({
      result: { kind: "denied", reason: "callback_denied" },
      counted: ["refused django callback_denied"],
    });
    expect((await visit({ ...visitor, fetch: answers("", 500) })).result).toHaveProperty(
      "kind",
      "unavailable",
    );
  });

  test("DJS-01 DJS-11 a token comes before the session; without one the session is asked", async () => {
    const options = { ...cache, jwt, username: "pk" };
    const authorization = `Bearer ${token({ sub: "token", exp: now / 1_000 + 60 })}`;
    const visitor = { options, cookie, store: withSession };
    expect((await visit({ ...visitor, authorization })).result).toEqual({
      ...anonymous,
      user: "token",
      expiresAtMs: now + 120_000,
      issuedAt: 0,
    });
    expect((await visit(visitor)).result).toHaveProperty("user", "7");
    expect((await visit({ ...visitor, authorization: "Bearer x.y.z" })).result).toHaveProperty(
      "kind",
      "denied",
    );
  });

  test("DJS-08 an engine that cannot be read, or `none`, asks no store", async () => {
    const store = fails(new Error("Expected no question"));
    for (const sessionEngine of ["db", "file", "none"]) {
      expect((await visit({ options: { sessionEngine }, cookie, store })).result).toEqual(anonymous);
    }
  });
});

describe("in a real Redis", () => {
  const limits = { busMessageBytes: 8 * 1024 * 1024 };

  test("DJS-03 DJS-04 DJS-09 SEC-02 session and user name are read from it; once it is gone nobody has an identity", async () => {
    await using redis = await startRedis();
    const bus = await createBus({ url: redis.url, observe: silent, limits });
    try {
      await bus.set(rich.key, rich.value, 600);
      await redis.command("HSET", "app:names", "7", "jøhn");
      await redis.command("SET", "app:name:7", "johnny");
      const visitor = { cookie: `sessionid=${rich.cookie}`, store: bus };
      const session = { kind: "identity", session: rich.cookie, groups: ["chatters", "Zürich"] } as const;
      const by = async (username: string) =>
        (await visit({ ...visitor, options: { ...cache, username } })).result;
      expect(await by("hash:app:names")).toEqual({ ...session, user: "jøhn" });
      expect(await by("hash:app:name:{id}")).toEqual({ ...session, user: "johnny" });
      expect(await by("hash:app:nobody")).toEqual({ ...session, user: undefined });
      // A key of another type is a fault of the config: nobody comes in on a guess.
      expect(await by("hash:app:name:7")).toHaveProperty("kind", "unavailable");
      await redis.command("DEL", rich.key);
      await redis.command("LPUSH", rich.key, "x");
      expect((await visit({ ...visitor, options: cache })).result).toEqual(anonymous);
      await redis.kill();
      expect((await visit({ ...visitor, options: cache })).result).toEqual({
        kind: "unavailable",
        reason: "session_unavailable",
      });
    } finally {
      await bus.close();
    }
  }, 20_000);
});
