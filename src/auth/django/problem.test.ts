import { describe, expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { toJSONSchema } from "zod";
import { identityOptions } from "./options.ts";
import { identityProblem } from "./problem.ts";

const problem = (options: object): string | undefined =>
  identityProblem(identityOptions.parse(options), false);
const pem = (type: "rsa" | "ec" | "ed25519"): string => {
  const pair =
    type === "rsa"
      ? generateKeyPairSync("rsa", { modulusLength: 2048 })
      : type === "ec"
        ? generateKeyPairSync("ec", { namedCurve: "P-256" })
        : generateKeyPairSync("ed25519");
  return pair.publicKey.export({ type: "spki", format: "pem" });
};

const jwtProblem = (options: object): string | undefined => problem({ sessionEngine: "none", jwt: options });

describe("the start", () => {
  test("DJS-08 sessions in SQL or files cannot be read: refused, unless something else says who somebody is", () => {
    const jwt = { algorithm: "HS256", secret: "s".repeat(32) };
    for (const sessionEngine of [
      undefined,
      "db",
      "django.contrib.sessions.backends.db",
      "django.contrib.sessions.backends.file",
    ]) {
      const text = problem({ sessionEngine });
      expect(text).toStartWith("Expected a `sessionEngine` that can be read from outside of Django");
      expect(text).toContain(sessionEngine?.endsWith("file") === true ? "got `file`" : "got `db`");
      expect(problem({ sessionEngine, callbackUrl: "http://127.0.0.1/who" })).toBeUndefined();
      expect(problem({ sessionEngine, jwt })).toBeUndefined();
    }
    expect(problem({ sessionEngine: "none" })).toBeUndefined();
  });

  test("DJS-06 DJS-08 signed sessions need SECRET_KEY, cached ones do not", () => {
    for (const sessionEngine of [
      "redis_sessions.session",
      "django.contrib.sessions.backends.signed_cookies",
    ]) {
      expect(problem({ sessionEngine })).toContain("Expected `secretKey`");
      expect(problem({ sessionEngine, secretKey: "x" })).toBeUndefined();
    }
    expect(problem({ sessionEngine: "django.contrib.sessions.backends.cache" })).toBeUndefined();
    expect(problem({ sessionEngine: "cached_db" })).toBeUndefined();
  });

  test("SEC-03 DJS-09 a hash of user names must not lie in the session store", () => {
    const stores = { sessionEngine: "redis_sessions", secretKey: "x", sessionRedisPrefix: "session" };
    for (const username of ["hash:session:names", "hash:session:{id}"]) {
      expect(problem({ ...stores, username })).toContain("outside of the session store");
    }
    expect(problem({ ...stores, username: "hash:names" })).toBeUndefined();
    expect(problem({ sessionEngine: "cache", username: "hash::1:names" })).toContain("got one under `:1:`");
  });

  test("DJS-09 DJS-10 what cannot be a mapping, URL, engine or algorithm is no option", () => {
    const refused = [
      { username: "name" },
      { callbackUrl: "ftp://127.0.0.1/" },
      { callbackUrl: "file:///etc/passwd" },
      { callbackUrl: "who" },
      { sessionEngine: "memcached" },
      { cacheKeyTemplate: "sessions" },
      { jwt: { algorithm: "none" } },
      { jwt: { algorithm: "HS256", jwksUrl: "data:,x" } },
    ];
    for (const options of refused) expect(identityOptions.safeParse(options).success).toBe(false);
  });

  test("SEC-04 T24 a callback's URL holds no password", () => {
    const text = problem({ callbackUrl: "http://me:s3cr3t@127.0.0.1/who" });
    expect(text).toContain("without user and password");
    expect(text).not.toContain("s3cr3t");
  });

  test("DJS-11 T18 the algorithm fixes the kind of key, and secrets are as long as RFC 7518 3.2 asks", () => {
    const rsa = pem("rsa");
    expect(jwtProblem({ algorithm: "HS256" })).toContain("at least 32 bytes, got 0");
    expect(jwtProblem({ algorithm: "HS512", secret: "s".repeat(63) })).toContain("at least 64 bytes, got 63");
    expect(jwtProblem({ algorithm: "HS256", secret: "s".repeat(32) })).toBeUndefined();
    expect(jwtProblem({ algorithm: "HS256", secret: "s".repeat(32), publicKey: rsa })).toContain(
      "`secret` alone",
    );
    expect(jwtProblem({ algorithm: "RS256" })).toContain("one of `publicKey` and `jwksUrl`");
    expect(jwtProblem({ algorithm: "RS256", publicKey: rsa, jwksUrl: "http://127.0.0.1/" })).toContain(
      "one of",
    );
    expect(jwtProblem({ algorithm: "RS256", publicKey: rsa, secret: "s" })).toContain("no `secret`");
    expect(jwtProblem({ algorithm: "RS256", publicKey: rsa })).toBeUndefined();
    expect(jwtProblem({ algorithm: "PS512", publicKey: rsa })).toBeUndefined();
    expect(jwtProblem({ algorithm: "ES256", publicKey: rsa })).toContain("of kind ec for ES256, got rsa");
    expect(jwtProblem({ algorithm: "ES256", publicKey: pem("ec") })).toBeUndefined();
    expect(jwtProblem({ algorithm: "EdDSA", publicKey: pem("ed25519") })).toBeUndefined();
    expect(jwtProblem({ algorithm: "RS256", publicKey: "junk" })).toContain("BEGIN PUBLIC KEY");
    expect(jwtProblem({ algorithm: "RS256", jwksUrl: "https://id.example/keys" })).toBeUndefined();
  });

  test("SEC-04 secrets are marked, so that no print of the config shows them", () => {
    const { properties } = toJSONSchema(identityOptions, { io: "input" });
    const secrets = JSON.stringify(properties).match(/"(\w+)":\{[^{}]*"writeOnly":true/g);
    expect(secrets?.map((found) => found.split('"')[1])).toEqual(["secretKey", "items", "secret"]);
  });
});
