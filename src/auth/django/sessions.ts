// Finds the session that a cookie names: in Django's cache, in the store of django-redis-sessions, or in the cookie
// itself (DJS-02 to DJS-08). Stands between the cookie and the identity; a session exists when its store returns it.

import type { KeyStore } from "../../core/keys.ts";
import { isSafeName } from "../../base/safe-name.ts";
import { decompress, maxSessionBytes } from "./compressors.ts";
import { cacheKey, secretKeys, sessionEngine } from "./options.ts";
import type { IdentityOptions } from "./options.ts";
import { readSessionFields } from "./session-value.ts";
import type { SessionFields } from "./session-value.ts";
import { readLegacySigned, readSigned } from "./signing.ts";
import type { SignedSpec } from "./signing.ts";

const cookieSalt = "django.contrib.sessions.backends.signed_cookies";
/** The module of SessionBase and the name of the store's class (DJS-06). */
const storeSalt = "django.contrib.sessions.SessionStore";
const legacyStoreSalt = "django.contrib.sessionsSessionStore";
/** Django's own check of a session key (DJS-02). */
const minKeyLength = 8;
const maxKeyLength = 128;

export type SessionLookup =
  | { readonly kind: "found"; readonly key: string | undefined; readonly fields: SessionFields }
  /** There is no such session, or it cannot be read: the visitor has none (DJS-05). */
  | { readonly kind: "none"; readonly reason: SessionFault };

export type SessionFault =
  | "session_key_invalid"
  | "session_absent"
  | "session_unsigned"
  | "session_unreadable";

export interface SessionParts {
  readonly options: IdentityOptions;
  readonly store: Pick<KeyStore, "getBytes">;
  /** Seconds since 1970. */
  readonly nowSeconds: () => number;
}

/** Rejects with GatewayError `bus_unavailable` when the store cannot be reached. */
export async function findSession(cookie: string, parts: SessionParts): Promise<SessionLookup> {
  const engine = sessionEngine(parts.options);
  switch (engine) {
    case "signed_cookies":
      return readSignedCookie(cookie, parts);
    case "cache":
    case "cached_db":
      return await findCached(cookie, parts);
    case "redis_sessions":
      return await findStored(cookie, parts);
    case "db":
    case "file":
    case "none":
      return none("session_absent");
    default:
      return engine satisfies never;
  }
}

/** Its key is the whole cookie, so there is no stable name for a session audience (DJS-08). */
function readSignedCookie(cookie: string, { options, nowSeconds }: SessionParts): SessionLookup {
  const age = { max: options.cookieAge, now: nowSeconds() };
  const payload = readSigned(cookie, { ...signing(options), salt: cookieSalt, age });
  return payload ? found(undefined, readSessionFields(payload)) : none("session_unsigned");
}

async function findCached(key: string, { options, store }: SessionParts): Promise<SessionLookup> {
  if (!isSessionKey(key)) return none("session_key_invalid");
  const [value] = await store.getBytes([cacheKey(options, key)]);
  if (value === undefined) return none("session_absent");
  const bytes = await decompress(value);
  return found(key, bytes && readSessionFields(bytes));
}

async function findStored(key: string, { options, store }: SessionParts): Promise<SessionLookup> {
  if (!isSessionKey(key)) return none("session_key_invalid");
  const prefix = options.sessionRedisPrefix === "" ? "" : `${options.sessionRedisPrefix}:`;
  const [value] = await store.getBytes([prefix + key]);
  if (value === undefined) return none("session_absent");
  const payload = value.length > maxSessionBytes ? undefined : readStored(value.toString("latin1"), options);
  return payload ? found(key, readSessionFields(payload)) : none("session_unsigned");
}

/** The signed form has colons, the base64 of the form before Django 3.1 has none. */
function readStored(value: string, options: IdentityOptions): Buffer | undefined {
  const keys = signing(options);
  if (value.includes(":")) return readSigned(value, { ...keys, salt: storeSalt });
  return readLegacySigned(value, { ...keys, salt: legacyStoreSalt });
}

function signing(options: IdentityOptions): Omit<SignedSpec, "salt"> {
  return { secretKeys: secretKeys(options), algorithm: options.hashingAlgorithm };
}

function isSessionKey(key: string): boolean {
  return key.length >= minKeyLength && key.length <= maxKeyLength && isSafeName(key);
}

function found(key: string | undefined, fields: SessionFields | undefined): SessionLookup {
  return fields ? { kind: "found", key, fields } : none("session_unreadable");
}

function none(reason: SessionFault): SessionLookup {
  return { kind: "none", reason };
}
