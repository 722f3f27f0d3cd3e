// JSON Web Tokens of tests, signed with the secret of the gateway under test.

import { SignJWT } from "jose";
import type { JWTPayload } from "jose";

const tokenSecret = "the secret of the tokens of all tests";

/** The section `auth` of the config. */
export const auth = { jwt: { algorithm: "HS256" as const, secret: tokenSecret } };

export const nowSeconds = (): number => Math.floor(Date.now() / 1_000);

/** @param claims `exp` is in ten minutes, unless they say otherwise. */
export async function signToken(
  claims: Omit<JWTPayload, "exp"> & { readonly exp?: number | undefined } = {},
  secret = tokenSecret,
): Promise<string> {
  return new SignJWT({ exp: nowSeconds() + 600, ...claims } as JWTPayload)
    .setProtectedHeader({ alg: "HS256" })
    .sign(new TextEncoder().encode(secret));
}

/** A token that ends in so many seconds, the gateway's tolerance of a minute counted. */
export async function signTokenFor(seconds: number, claims: JWTPayload = {}): Promise<string> {
  return signToken({ ...claims, exp: nowSeconds() - 60 + seconds });
}
