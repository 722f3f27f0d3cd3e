// Why a token is refused, in sentences for its developer (`belfry token check`). A gateway tells its clients a code alone: what
// stands here may name what the token says.

import { errors } from "jose";
import { claimFaults } from "./claims.ts";
import type { JwtOptions } from "./options.ts";
import type { Verified } from "./verifier.ts";

/** Seconds since 1970, as a date. */
export const dateOf = (seconds: number): string => new Date(seconds * 1_000).toISOString();

/** @returns undefined: nothing is wrong with it. */
export function explainToken(token: string, verified: Verified, options: JwtOptions): string | undefined {
  if (verified.kind === "verified") return explainClaims(verified.payload);
  const { error, reason } = verified;
  if (reason === "jwt_keys")
    return "The keys of its issuer could not be had from `jwksUrl`, so it is not judged.";
  if (error instanceof errors.JWTExpired) return `It has expired: ${endOf(error.payload)}.`;
  if (error instanceof errors.JWTClaimValidationFailed) return explainClaim(error, options);
  if (error instanceof errors.JWSSignatureVerificationFailed)
    return "Its signature is not that of the configured key: another key signed it, or it was changed on its way.";
  if (error instanceof errors.JWKSNoMatchingKey)
    return "None of the keys at `jwksUrl` fits it: they have another `kid`, or are for another algorithm.";
  if (error instanceof errors.JOSEAlgNotAllowed)
    return `It is signed with another algorithm than ${options.algorithm}, the one that is configured.`;
  const parts = token.split(".").length;
  if (parts !== 3)
    return `It is no JSON Web Token: expected three parts with dots between them, got ${parts}.`;
  return "It is no JSON Web Token that can be read: its header or its payload is broken, or it is too long.";
}

function endOf({ exp }: { readonly exp?: number | undefined }): string {
  return exp === undefined ? "`exp` is over" : `\`exp\` is ${dateOf(exp)}`;
}

function explainClaims(payload: unknown): string | undefined {
  const faults = claimFaults(payload);
  if (faults.length === 0) return undefined;
  const names = faults.map((name) => `\`${name}\``).join(" and ");
  return `The form of ${names} is another than docs/auth.md says.`;
}

function explainClaim(
  { claim, reason, payload }: InstanceType<typeof errors.JWTClaimValidationFailed>,
  { issuer, audience }: JwtOptions,
): string {
  const isAbsent = payload[claim] === undefined;
  if (claim === "nbf" && typeof payload.nbf === "number")
    return `It is not valid before ${dateOf(payload.nbf)} (\`nbf\`).`;
  if (isAbsent) return `It has no \`${claim}\`, which is required here.`;
  if (claim === "iss" && issuer !== undefined)
    return `Its \`iss\` is another than the configured issuer ${issuer}.`;
  if (claim === "aud" && audience !== undefined)
    return `Its \`aud\` does not name the configured audience ${audience}.`;
  return `Its \`${claim}\` is wrong: ${reason === "invalid" ? "it has another form" : "it is not what is expected"}.`;
}
