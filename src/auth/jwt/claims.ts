// What a token says of its bearer: from claims to an identity (docs/auth.md). What is there and of another form refuses the
// whole token: a part of its rights would be another token.

import { z } from "zod";
import type { IdentityResult } from "../../proofs/identity-source.ts";
import { rightsOf, rightsShape } from "../rights.ts";
import { clockTolerance } from "./verifier.ts";

const name = z.string().min(1).max(256).optional();

const claims = z.object({
  ...rightsShape,
  exp: z.number(),
  iat: z.number().default(0),
  sub: name,
  sid: name,
  jti: name,
});

/** The claims that are of another form than here, by name; an empty list where all are right. */
export function claimFaults(payload: unknown): readonly string[] {
  const { error } = claims.safeParse(payload);
  return [...new Set(error?.issues.map(({ path: [first] }) => String(first)) ?? [])];
}

export function identityOf(payload: unknown): IdentityResult {
  const read = claims.safeParse(payload);
  if (!read.success) return { kind: "denied", reason: "jwt_claims" };
  const { exp, iat, sub, sid, jti } = read.data;
  return {
    kind: "identity",
    session: sid,
    user: sub,
    ...rightsOf(read.data),
    expiresAtMs: (exp + clockTolerance) * 1_000,
    issuedAt: iat,
    ...(jti !== undefined && { tokenId: jti }),
  };
}
