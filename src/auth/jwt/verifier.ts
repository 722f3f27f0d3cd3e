// Judges JSON Web Tokens: signature, algorithm, issuer, audience and times (T18). What a token says of its bearer is read by
// those who ask (claims.ts, django/jwt.ts).

import { errors, importSPKI, jwtVerify } from "jose";
import type { CryptoKey, JWTPayload, JWTVerifyGetKey, JWTVerifyOptions } from "jose";
import { KeyServer, KeysUnavailable } from "./key-server.ts";
import type { Fetch } from "../result.ts";
import type { JwtOptions } from "./options.ts";

/** Longest token, characters. */
export const maxTokenLength = 16 * 1024;
/** Clocks may differ by so much, seconds (T18). */
export const clockTolerance = 60;

export interface VerifierParts {
  readonly options: JwtOptions & { readonly secretFallbacks?: readonly string[] };
  readonly fetch: Fetch;
  /** Milliseconds since 1970. */
  readonly nowMs: () => number;
}

/** Why a token is refused. The library's own code of the error is for people who look into it (`belfry token check`). */
export interface Refused {
  readonly kind: "denied" | "unavailable";
  readonly reason: "jwt_invalid" | "jwt_expired" | "jwt_keys";
  readonly error?: unknown;
}

export type Verified = { readonly kind: "verified"; readonly payload: JWTPayload } | Refused;

/** Never rejects. */
export type Verifier = (token: string) => Promise<Verified>;

/** @param parts options that `jwtProblem` had nothing against */
export function createVerifier(parts: VerifierParts): Verifier {
  const { options, nowMs } = parts;
  const sources = keySources(parts);
  const rules: JWTVerifyOptions = {
    algorithms: [options.algorithm],
    clockTolerance,
    requiredClaims: ["exp"],
    ...(options.issuer !== undefined && { issuer: options.issuer }),
    ...(options.audience !== undefined && { audience: options.audience }),
  };
  return async (token) => {
    if (token.length > maxTokenLength) return { kind: "denied", reason: "jwt_invalid" };
    let failure: unknown;
    for (const keys of sources) {
      try {
        return {
          kind: "verified",
          payload: await verifyBy(keys, token, { ...rules, currentDate: new Date(nowMs()) }),
        };
      } catch (error) {
        failure = error;
        if (!isOtherKey(error)) break;
      }
    }
    return refusalOf(failure);
  };
}

/** Several keys of a JWKS may fit a token without a `kid`: each is tried. */
async function verifyBy(keys: JWTVerifyGetKey, token: string, rules: JWTVerifyOptions): Promise<JWTPayload> {
  try {
    return (await jwtVerify(token, keys, rules)).payload;
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
    for await (const key of error as AsyncIterable<CryptoKey>) {
      try {
        return (await jwtVerify(token, key, rules)).payload;
      } catch (failure) {
        if (!isOtherKey(failure)) throw failure;
      }
    }
    throw new errors.JWSSignatureVerificationFailed();
  }
}

/** May another key of the same issuer be the right one? */
function isOtherKey(error: unknown): boolean {
  return error instanceof errors.JWSSignatureVerificationFailed;
}

/** Made once. The keys of a JWKS are of one URL, hence of one issuer: a `kid` of another's is never taken for one of these. */
function keySources({ options, fetch }: VerifierParts): readonly JWTVerifyGetKey[] {
  const { algorithm, secret, secretFallbacks = [], publicKey, jwksUrl } = options;
  if (algorithm.startsWith("HS")) {
    return [secret ?? "", ...secretFallbacks].map((text) => {
      const key = new TextEncoder().encode(text);
      return () => key;
    });
  }
  if (publicKey !== undefined) {
    const key = importSPKI(publicKey, algorithm);
    // Said by each verification; without this the first rejection would be unhandled.
    key.catch(() => undefined);
    return [() => key];
  }
  return [new KeyServer({ url: jwksUrl ?? "", fetch, now: () => performance.now() }).keyOf];
}

/** A token that is wrong is denied; keys that cannot be had are no fault of the token. */
function refusalOf(error: unknown): Refused {
  if (error instanceof errors.JWTExpired) return { kind: "denied", reason: "jwt_expired", error };
  const isKeys = !(error instanceof errors.JOSEError) || error instanceof errors.JWKSInvalid;
  return isKeys || error instanceof KeysUnavailable
    ? { kind: "unavailable", reason: "jwt_keys", error }
    : { kind: "denied", reason: "jwt_invalid", error };
}
