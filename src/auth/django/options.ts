// The config of Django identity: where sessions are kept, how they are signed, what else may say who a visitor is.
// Names and meanings follow Django's settings; `identityProblem` is asked once, at the start.

import { z } from "zod";
import { httpUrl, jwtShape, secretText, text } from "../jwt/options.ts";

/** Django's dotted names, with the short ones. */
const engines = {
  cache: "cache",
  cached_db: "cached_db",
  signed_cookies: "signed_cookies",
  redis_sessions: "redis_sessions",
  "django.contrib.sessions.backends.cache": "cache",
  "django.contrib.sessions.backends.cached_db": "cached_db",
  "django.contrib.sessions.backends.signed_cookies": "signed_cookies",
  "redis_sessions.session": "redis_sessions",
  "django.contrib.sessions.backends.db": "db",
  "django.contrib.sessions.backends.file": "file",
  db: "db",
  file: "file",
  none: "none",
} as const;

type EngineName = keyof typeof engines;

/** What an engine's name stands for; Django's own default is `db`. */
export type SessionEngine = (typeof engines)[EngineName];

export const jwtOptions = z
  .strictObject({
    ...jwtShape,
    queryParameter: text("Query parameter that may hold the token; URLs end up in logs (SEC-04)").optional(),
  })
  .describe("JSON Web Tokens (DJS-11)");

export type QueryJwtOptions = z.infer<typeof jwtOptions>;

export const identityOptions = z.strictObject({
  sessionEngine: z
    .enum(Object.keys(engines) as [EngineName, ...EngineName[]])
    .default("db")
    .describe("Django's SESSION_ENGINE; `none`: visitors have no identity (DJS-03)"),
  cookieName: text("Django's SESSION_COOKIE_NAME").default("sessionid"),
  cookieAge: z
    .number()
    .int()
    .positive()
    .default(1_209_600)
    .describe("Django's SESSION_COOKIE_AGE, seconds; for signed_cookies (DJS-08)"),
  sessionRedisPrefix: z.string().max(128).default("").describe("SESSION_REDIS_PREFIX (DJS-06)"),
  cacheKeyPrefix: z.string().max(128).default("").describe("KEY_PREFIX of the cache (DJS-03)"),
  cacheVersion: z.number().int().default(1).describe("VERSION of the cache (DJS-03)"),
  cacheKeyTemplate: z
    .string()
    .includes("{key}")
    .max(256)
    .optional()
    .describe("Name of a session in the cache, if not Django's: {prefix}, {version} and {key} are put in"),
  secretKey: secretText("Django's SECRET_KEY; for redis_sessions and signed_cookies").optional(),
  secretKeyFallbacks: z
    .array(secretText("One of SECRET_KEY_FALLBACKS"))
    .max(20)
    .default([])
    .describe("SECRET_KEY_FALLBACKS"),
  hashingAlgorithm: z
    .enum(["sha256", "sha1"])
    .default("sha256")
    .describe("DEFAULT_HASHING_ALGORITHM (DJS-07)"),
  username: z
    .string()
    .regex(/^(pk|(session|hash):.{1,256})$/, "Expected `pk`, `session:<key>` or `hash:<redis key>`")
    .optional()
    .describe(
      "Where user names are: `session:<key>`, `hash:<redis key>`, `pk`; none: no user audience (DJS-09)",
    ),
  callbackUrl: httpUrl("Asked who the visitor is; its answer is the whole identity (DJS-10)").optional(),
  callbackTimeout: z
    .number()
    .positive()
    .max(30)
    .default(2)
    .describe("Seconds that the callback may take (DJS-10)"),
  jwt: jwtOptions.optional(),
  recheck: z
    .number()
    .positive()
    .max(1_440)
    .optional()
    .describe(
      "Minutes after which the identity of a connection is looked up again; a connection with another identity by then, or with none, is closed (DJS-12). Without it, identity is fixed at connect time",
    ),
});

export type IdentityOptions = z.infer<typeof identityOptions>;

export function sessionEngine(options: IdentityOptions): SessionEngine {
  return engines[options.sessionEngine];
}

/** Does anything that a browser sends by itself say who the visitor is (SEC-08)? */
export function readsCookies(options: IdentityOptions): boolean {
  const engine = sessionEngine(options);
  const hasSessions = engine !== "none" && engine !== "db" && engine !== "file";
  return hasSessions || options.callbackUrl !== undefined || options.jwt?.cookie !== undefined;
}

/** `SECRET_KEY` first, then its fallbacks. */
export function secretKeys(options: IdentityOptions): readonly string[] {
  return options.secretKey === undefined ? [] : [options.secretKey, ...options.secretKeyFallbacks];
}

/**
 * What the sessions' own Redis names begin with: no client may reach them by a name that it chose (SEC-03).
 * Session names without a prefix are keys of 32 letters and digits.
 */
export function sessionNamePrefixes(options: IdentityOptions): readonly string[] {
  const engine = sessionEngine(options);
  const { cacheKeyTemplate = "{prefix}:{version}:", sessionRedisPrefix } = options;
  const [start = ""] = cacheKeyTemplate.split("{key}");
  const isCache = engine === "cache" || engine === "cached_db";
  const stored = engine === "redis_sessions" && sessionRedisPrefix !== "" ? `${sessionRedisPrefix}:` : "";
  return [isCache ? fill(start, options, "") : stored].filter((prefix) => prefix !== "");
}

/** The cache's name of a session (DJS-03). */
export function cacheKey(options: IdentityOptions, key: string): string {
  const engine = sessionEngine(options) === "cached_db" ? "cached_db" : "cache";
  const template = options.cacheKeyTemplate ?? `{prefix}:{version}:django.contrib.sessions.${engine}{key}`;
  return fill(template, options, key);
}

/** In one pass: what is put in is not looked at again. */
function fill(template: string, options: IdentityOptions, key: string): string {
  const parts = { prefix: options.cacheKeyPrefix, version: `${options.cacheVersion}`, key };
  return template.replaceAll(/\{(prefix|version|key)\}/g, (_, name: keyof typeof parts) => parts[name]);
}
