// Identity from a JSON Web Token (DJS-11): one algorithm and one source of keys, both from the config; nothing in a
// token chooses either of them (T18). A token that is shown and wrong keeps the visitor out.

import { z } from "zod";
import { bearerToken } from "../../base/http.ts";
import type { IdentityRequest, IdentityResult } from "../../proofs/identity-source.ts";
import type { Fetch } from "../result.ts";
import { clockTolerance, createVerifier } from "../jwt/verifier.ts";
import { readCookie } from "../cookies.ts";
import type { QueryJwtOptions } from "./options.ts";
import { boundGroups } from "../result.ts";

/** A token without an end is none (T18). */
const claims = z.object({
  exp: z.number(),
  iat: z.number().default(0),
  jti: z.string().min(1).optional(),
  username: z.string().min(1).optional(),
  sub: z.string().min(1).optional(),
  groups: z.array(z.string()).optional(),
  sid: z.string().min(1).optional(),
});

export interface JwtParts {
  readonly options: QueryJwtOptions;
  readonly fetch: Fetch;
  /** Milliseconds since 1970. */
  readonly nowMs: () => number;
}

/** Answers undefined when the request shows no token: the next source is asked. Never rejects. */
export type JwtSource = (request: Request, asked: IdentityRequest) => Promise<IdentityResult | undefined>;

export function createJwtSource(parts: JwtParts): JwtSource {
  const verify = createVerifier(parts);
  return async (request, asked) => {
    const token = findToken(request, asked, parts.options);
    if (token === undefined) return undefined;
    const verified = await verify(token);
    if (verified.kind === "verified") return readClaims(verified.payload);
    return { kind: verified.kind, reason: verified.reason };
  };
}

/** Header first, then cookie, then query; the first that is there decides. */
function findToken(request: Request, asked: IdentityRequest, options: QueryJwtOptions): string | undefined {
  const bearer = bearerToken(request);
  if (bearer !== undefined) return bearer;
  const { cookie, queryParameter } = options;
  const stored = cookie === undefined ? undefined : readCookie(request.headers.get("cookie"), cookie);
  if (stored !== undefined || queryParameter === undefined) return stored;
  return new URLSearchParams(asked.query).get(queryParameter) || undefined;
}

function readClaims(payload: unknown): IdentityResult {
  const read = claims.safeParse(payload);
  if (!read.success) return { kind: "denied", reason: "jwt_claims" };
  const { exp, iat, jti, username, sub, groups, sid } = read.data;
  return {
    kind: "identity",
    session: sid,
    user: username ?? sub,
    groups: boundGroups(groups ?? []),
    expiresAtMs: (exp + clockTolerance) * 1_000,
    issuedAt: iat,
    ...(jti !== undefined && { tokenId: jti }),
  };
}
