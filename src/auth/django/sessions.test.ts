// Every session that real Djangos stored (session-vectors.json): Django 3.2 and 5.2, django-redis 5.4 and 7.0,
// Django's own cache, django-redis-sessions, signed cookies; and what must not be taken for one of them.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { GatewayError } from "../../vocabulary/errors.ts";
import { identityOptions, sessionNamePrefixes } from "./options.ts";
import type { IdentityOptions } from "./options.ts";
import vectors from "./session-vectors.json";
import { findSession } from "./sessions.ts";
import type { SessionLookup, SessionParts } from "./sessions.ts";

interface Vector {
  readonly name: string;
  readonly engine: string;
  readonly cookie: string;
  readonly key?: string;
  readonly value?: string;
  readonly at: number;
}

const all: readonly Vector[] = vectors.sessions;

function optionsOf({ name, engine, key = "" }: Vector): IdentityOptions {
  const [, cacheKeyPrefix = "", version] = /^(\w*):(\d):django/.exec(key) ?? [];
  return identityOptions.parse({
    sessionEngine: engine,
    secretKey: vectors.secretKey,
    sessionRedisPrefix: "session",
    cacheKeyPrefix,
    cacheVersion: Number(version ?? 1),
    hashingAlgorithm: name.includes("sha1") ? "sha1" : "sha256",
  });
}

/** A store that remembers what it was asked for. */
function storeOf(values: ReadonlyMap<string, Buffer>) {
  const asked: string[] = [];
  const getBytes = async (keys: readonly string[]) => {
    asked.push(...keys);
    return keys.map((key) => values.get(key));
  };
  return { asked, getBytes };
}

function partsOf(vector: Vector, more: Partial<SessionParts> = {}): SessionParts {
  const { key = "", value = "", at } = vector;
  const store = storeOf(new Map([[key, Buffer.from(value, "base64")]]));
  return { options: optionsOf(vector), store, nowSeconds: () => at + 5, ...more };
}

const outcome = (lookup: SessionLookup): string => (lookup.kind === "found" ? "found" : lookup.reason);

describe("sessions of real Djangos", () => {
  test.each(all.map(({ name }) => name))(
    "DJS-02 DJS-03 DJS-04 DJS-05 DJS-06 DJS-07 DJS-08 %s",
    async (name) => {
      for (const vector of all.filter((other) => other.name === name)) {
        const session = await findSession(vector.cookie, partsOf(vector));
        if (session.kind !== "found") throw new Error(`Expected a session, got ${session.reason}`);
        expect(session.key).toBe(vector.key === undefined ? undefined : vector.cookie);
        expect(session.fields("_auth_user_id")).toBe("7");
        expect(session.fields("ws4redis:memberof")).toEqual(["chatters", "Zürich"]);
        expect(session.fields("ws4redis:username")).toBe("jøhn");
        // Dates, decimals, lazy translations and sets: there, but nothing that could be taken for a text or list.
        for (const opaque of ["seen", "frozen", "price", "uid"]) {
          if (name.includes("json")) continue;
          expect(session.fields(opaque)).toBeUndefined();
        }
        if (name.endsWith("rich")) expect(session.fields("messages")).toEqual([]);
      }
    },
  );

  test("DJS-03 DJS-04 DJS-06 the vectors hold every engine, protocol, serialiser and compressor", () => {
    const names = all.map(({ name }) => name).join("\n");
    const kinds = [
      "core",
      "cached_db",
      "prefix",
      "pickle 0",
      "pickle 5",
      "json",
      "msgpack",
      "redis_sessions",
    ];
    for (const kind of [...kinds, "signed_cookies", "sha1", "zlib", "gzip", "lz4", "lzma", "zstd"]) {
      expect(names).toContain(kind);
    }
    expect(names).toContain("3.2.25");
    expect(names).toContain("5.2.19");
  });

  test("DJS-05 truncated at each byte none of them is a session (but for a lone 0x80, an empty MessagePack map)", async () => {
    for (const vector of all.filter(
      ({ name }) => /rich|json|msgpack/.test(name) && !name.includes("dated"),
    )) {
      if (vector.value === undefined) continue;
      const value = Buffer.from(vector.value, "base64");
      // A trailer that only checks, or the padding of base64, may be missing: the content is whole without it.
      const trailer = /zlib|gzip|lz4|zstd|lzma/.test(vector.name) ? 8 : 2;
      for (let length = 2; length < value.length - trailer; length++) {
        const store = storeOf(new Map([[vector.key ?? "", value.subarray(0, length)]]));
        const lookup = await findSession(vector.cookie, partsOf(vector, { store }));
        if (lookup.kind === "found") throw new Error(`${vector.name} cut at ${length} was read`);
      }
    }
  }, 60_000);
});

const cached = all.find(({ name }) => name.includes("core plain")) as Vector;
const stored = all.find(({ name }) => name.includes("redis_sessions json sha256")) as Vector;
const legacy = all.find(({ name }) => name.includes("redis_sessions json sha1")) as Vector;
const cookies = all.find(({ name }) => name.includes("signed_cookies json sha256")) as Vector;

const lookup = async (vector: Vector, value: Buffer | undefined): Promise<string> => {
  const store = storeOf(new Map(value && [[vector.key ?? "", value]]));
  return outcome(await findSession(vector.cookie, partsOf(vector, { store })));
};

describe("what is no session", () => {
  const keys = [
    "",
    "short",
    "x".repeat(129),
    "a:bcdefghij",
    "johndoe:news1",
    "abcdefgh\n",
    "abcdefgh\0x",
    "abc\u0085defgh",
    "_broadcast_",
  ];

  test.each(keys)("DJS-02 SEC-03 key %j is refused before the store is asked", async (key) => {
    for (const vector of [cached, stored]) {
      const store = storeOf(new Map());
      expect(outcome(await findSession(key, partsOf(vector, { store })))).toBe("session_key_invalid");
      expect(store.asked).toEqual([]);
    }
  });

  test("DJS-02 T19 whatever the cookie, only names of sessions are asked for", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "binary", minLength: 1, maxLength: 140 }), async (cookie) => {
        const store = storeOf(new Map());
        await findSession(cookie, partsOf(cached, { store }));
        await findSession(cookie, partsOf(stored, { store }));
        for (const key of store.asked)
          expect(key).toMatch(/^(:1:django\.contrib\.sessions\.cache|session:)[^:]{8,128}$/s);
      }),
      { numRuns: 20_000 },
    );
  }, 60_000);

  test("DJS-02 DJS-05 absent, unsigned and unreadable ones are told apart", async () => {
    for (const vector of [cached, stored]) expect(await lookup(vector, undefined)).toBe("session_absent");
    for (const junk of ["", "12", "\x80\x05N.", "x\x9c junk", '{"a":1}']) {
      expect(await lookup(stored, Buffer.from(junk, "latin1"))).toBe("session_unsigned");
    }
    for (const junk of ["", "12", "\x80\x05N.", "x\x9c junk"]) {
      expect(await lookup(cached, Buffer.from(junk, "latin1"))).toBe("session_unreadable");
    }
    expect(await lookup(stored, Buffer.alloc(2 * 1024 * 1024, "a"))).toBe("session_unsigned");
    expect(await lookup(cached, Buffer.alloc(2 * 1024 * 1024, "a"))).toBe("session_unreadable");
  });

  test("DJS-06 DJS-07 another SECRET_KEY reads nothing, a fallback does", async () => {
    for (const vector of [stored, legacy, cookies]) {
      const options = { ...optionsOf(vector), secretKey: "another" };
      expect(outcome(await findSession(vector.cookie, partsOf(vector, { options })))).toBe(
        "session_unsigned",
      );
      const rotated = { ...options, secretKeyFallbacks: ["older", vectors.secretKey] };
      expect(outcome(await findSession(vector.cookie, partsOf(vector, { options: rotated })))).toBe("found");
    }
  });

  test("DJS-06 a value of another salt is no stored session", async () => {
    const store = storeOf(new Map([[stored.key ?? "", Buffer.from(cookies.cookie)]]));
    expect(outcome(await findSession(stored.cookie, partsOf(stored, { store })))).toBe("session_unsigned");
  });

  test("DJS-08 a signed cookie lives for SESSION_COOKIE_AGE and asks no store", async () => {
    const options = { ...optionsOf(cookies), cookieAge: 60 };
    const store = storeOf(new Map());
    const lookup = async (seconds: number): Promise<string> => {
      const nowSeconds = () => cookies.at + seconds;
      return outcome(await findSession(cookies.cookie, { options, store, nowSeconds }));
    };
    expect(await lookup(55)).toBe("found");
    expect(await lookup(65)).toBe("session_unsigned");
    expect(store.asked).toEqual([]);
  });

  test("DJS-05 a store that cannot be reached rejects", async () => {
    const store = {
      getBytes: async (): Promise<readonly Buffer[]> => {
        throw new GatewayError("bus_unavailable", "Expected a Redis, got none");
      },
    };
    for (const vector of [cached, stored]) {
      expect(findSession(vector.cookie, partsOf(vector, { store }))).rejects.toThrow("Expected a Redis");
    }
  });
});

const prefixes = (options: object): readonly string[] => sessionNamePrefixes(identityOptions.parse(options));

describe("names in the cache", () => {
  test("DJS-03 the template is configurable, as very old Djangos need it", async () => {
    const options = { ...optionsOf(cached), cacheKeyTemplate: "old{key}:{version}", cacheVersion: 4 };
    const value = Buffer.from(cached.value ?? "", "base64");
    const store = storeOf(new Map([[`old${cached.cookie}:4`, value]]));
    expect(outcome(await findSession(cached.cookie, partsOf(cached, { options, store })))).toBe("found");
  });

  test("DJS-03 SEC-03 nothing in a cookie or prefix is taken for a placeholder", async () => {
    const options = { ...optionsOf(cached), cacheKeyPrefix: "{key}$&" };
    const store = storeOf(new Map());
    await findSession("{version}$&", partsOf(cached, { options, store }));
    expect(store.asked).toEqual(["{key}$&:1:django.contrib.sessions.cache{version}$&"]);
  });

  test("SEC-03 the names that belong to the session store", () => {
    expect(prefixes({ sessionEngine: "cache", cacheKeyPrefix: "shop", cacheVersion: 2 })).toEqual([
      "shop:2:",
    ]);
    expect(prefixes({ sessionEngine: "cached_db" })).toEqual([":1:"]);
    expect(prefixes({ sessionEngine: "cache", cacheKeyTemplate: "s{key}" })).toEqual(["s"]);
    expect(prefixes({ sessionEngine: "cache", cacheKeyTemplate: "{key}" })).toEqual([]);
    expect(prefixes({ sessionEngine: "redis_sessions.session", sessionRedisPrefix: "session" })).toEqual([
      "session:",
    ]);
    expect(prefixes({ sessionEngine: "redis_sessions" })).toEqual([]);
    expect(prefixes({ sessionEngine: "signed_cookies", cacheKeyPrefix: "x" })).toEqual([]);
  });
});
