// Identity from a JSON Web Token (DJS-11): one algorithm and one source of keys, both from the config; nothing in a
// token chooses either of them (T18). A token that is shown and wrong keeps the visitor out.

import { createRemoteJWKSet, customFetch, errors, importSPKI, jwtVerify } from "jose";
import type { JWTPayload, JWTVerifyGetKey, JWTVerifyOptions } from "jose";
import { z } from "zod";
import { readStream } from "../../codec/body.ts";
import { bearerToken } from "../../base/http.ts";
import type { IdentityRequest, IdentityResult } from "../../core/identity.ts";
import { readCookie } from "./cookies.ts";
import type { JwtOptions } from "./options.ts";
import { boundGroups } from "./result.ts";
import type { Fetch } from "./result.ts";

/** Longest token, characters. */
const maxTokenLength = 16 * 1024;
/** Clocks may differ by so much, seconds (T18). */
const clockTolerance = 60;
const jwksTimeoutMs = 2_000;
/** Largest JWKS, bytes. */
const maxJwksBytes = 256 * 1024;

/** A token without an end is none (T18). */
const claims = z.object({
  exp: z.number(),
  username: z.string().min(1).optional(),
  sub: z.string().min(1).optional(),
  groups: z.array(z.string()).optional(),
  sid: z.string().min(1).optional(),
});

export interface JwtParts {
  readonly options: JwtOptions;
  readonly fetch: Fetch;
  /** Milliseconds since 1970. */
  readonly nowMs: () => number;
}

/** Answers undefined when the request shows no token: the next source is asked. Never rejects. */
export type JwtSource = (request: Request, asked: IdentityRequest) => Promise<IdentityResult | undefined>;

export function createJwtSource(parts: JwtParts): JwtSource {
  const { options, nowMs } = parts;
  const keys = keySource(parts);
  const rules: JWTVerifyOptions = {
    algorithms: [options.algorithm],
    clockTolerance,
    ...(options.issuer !== undefined && { issuer: options.issuer }),
    ...(options.audience !== undefined && { audience: options.audience }),
  };
  return async (request, asked) => {
    const token = findToken(request, asked, options);
    if (token === undefined) return undefined;
    if (token.length > maxTokenLength) return { kind: "denied", reason: "jwt_invalid" };
    try {
      const { payload } = await jwtVerify(token, keys, { ...rules, currentDate: new Date(nowMs()) });
      return readClaims(payload);
    } catch (error) {
      return failure(error);
    }
  };
}

/** Header first, then cookie, then query; the first that is there decides. */
function findToken(request: Request, asked: IdentityRequest, options: JwtOptions): string | undefined {
  const bearer = bearerToken(request);
  if (bearer !== undefined) return bearer;
  const { cookie, queryParameter } = options;
  const stored = cookie === undefined ? undefined : readCookie(request.headers.get("cookie"), cookie);
  if (stored !== undefined || queryParameter === undefined) return stored;
  return new URLSearchParams(asked.query).get(queryParameter) || undefined;
}

/** Made once: a JWKS is kept, and asked for again at most every 30 s when a key is not in it. */
function keySource({ options, fetch }: JwtParts): JWTVerifyGetKey {
  const { algorithm, secret, publicKey, jwksUrl } = options;
  if (algorithm.startsWith("HS")) {
    const key = new TextEncoder().encode(secret);
    return () => key;
  }
  if (publicKey !== undefined) {
    const key = importSPKI(publicKey, algorithm);
    // Said by each verification; without this the first rejection would be unhandled.
    key.catch(() => undefined);
    return () => key;
  }
  return createRemoteJWKSet(new URL(jwksUrl ?? ""), {
    timeoutDuration: jwksTimeoutMs,
    [customFetch]: async (url, init) => {
      const response = await fetch(url, init);
      const bytes = await readStream(response.body, maxJwksBytes);
      if (bytes === undefined)
        throw new RangeError(`Expected a JWKS of at most ${maxJwksBytes} bytes, got more`);
      return new Response(new Uint8Array(bytes), { status: response.status });
    },
  });
}

function readClaims(payload: JWTPayload): IdentityResult {
  const read = claims.safeParse(payload);
  if (!read.success) return { kind: "denied", reason: "jwt_claims" };
  const { exp, username, sub, groups, sid } = read.data;
  return {
    kind: "identity",
    session: sid,
    user: username ?? sub,
    groups: boundGroups(groups ?? []),
    expiresAtMs: (exp + clockTolerance) * 1_000,
  };
}

/** A token that is wrong is denied; keys that cannot be had are no fault of the token. */
function failure(error: unknown): IdentityResult {
  const isExpired = error instanceof errors.JWTExpired;
  if (isExpired) return { kind: "denied", reason: "jwt_expired" };
  const isKeys = !(error instanceof errors.JOSEError) || unreachable.has(error.code);
  if (isKeys) return { kind: "unavailable", reason: "jwt_keys" };
  return { kind: "denied", reason: "jwt_invalid" };
}

/** A JWKS that is late, broken or no answer at all. */
const unreachable = new Set(["ERR_JWKS_TIMEOUT", "ERR_JWKS_INVALID", "ERR_JOSE_GENERIC"]);
