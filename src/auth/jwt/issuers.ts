// Tokens of several issuers: what a token says of its issuer before it is verified finds one of those in the config, each with
// its own algorithm and keys, and nothing else. So no token chooses a URL, and a `kid` of one issuer finds no key of another (T18).

import { decodeJwt } from "jose";
import type { AuthOptions } from "../options.ts";
import { createVerifier, maxTokenLength } from "./verifier.ts";
import type { Verifier, VerifierParts } from "./verifier.ts";

/** @returns undefined where no issuer is configured. */
export function createTokenVerifier(
  { jwt, issuers }: Pick<AuthOptions, "jwt" | "issuers">,
  parts: Omit<VerifierParts, "options">,
): Verifier | undefined {
  const all = [...(jwt ? [jwt] : []), ...issuers];
  const [first, ...more] = all;
  if (!first) return undefined;
  if (more.length === 0) return createVerifier({ ...parts, options: first });
  const byIssuer = new Map(all.map((options) => [options.issuer, createVerifier({ ...parts, options })]));
  return async (token) => {
    const verify = byIssuer.get(claimedIssuer(token));
    return verify ? verify(token) : { kind: "denied", reason: "jwt_invalid" };
  };
}

function claimedIssuer(token: string): string {
  if (token.length > maxTokenLength) return "";
  try {
    return decodeJwt(token).iss ?? "";
  } catch {
    return ""; // no token: none of the issuers has this name
  }
}
