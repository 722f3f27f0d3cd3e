// Signs a token with a key of the developer's (`belfry token`). A gateway never signs any.

import { SignJWT, importPKCS8 } from "jose";
import type { JWTPayload } from "jose";
import type { JwtOptions } from "./options.ts";

/** @param privateKey PEM (PKCS 8), for other algorithms than HS. Rejects when it cannot be read. */
export async function signToken(
  payload: JWTPayload,
  { algorithm, secret = "" }: Pick<JwtOptions, "algorithm" | "secret">,
  privateKey?: string,
): Promise<string> {
  const key =
    privateKey === undefined ? new TextEncoder().encode(secret) : await importPKCS8(privateKey, algorithm);
  return new SignJWT(payload).setProtectedHeader({ alg: algorithm, typ: "JWT" }).setIssuedAt().sign(key);
}
