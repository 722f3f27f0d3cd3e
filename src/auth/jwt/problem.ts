// The look at the config of tokens before the gateway starts: what cannot work, or would be unsafe, is a sentence (T18).

import { createPublicKey } from "node:crypto";
import type { IssuerOptions, JwtOptions } from "./options.ts";

/** What is wrong, as a sentence without secrets; undefined: nothing. */
export function jwtProblem(
  jwt: JwtOptions & { readonly secretFallbacks?: readonly string[] },
): string | undefined {
  const { algorithm, secret, secretFallbacks = [], publicKey, jwksUrl } = jwt;
  if (algorithm.startsWith("HS")) {
    if (publicKey !== undefined || jwksUrl !== undefined)
      return `Expected \`secret\` alone for ${algorithm}, got a public key beside it`;
    const least = Number(algorithm.slice(2)) / 8; // RFC 7518 3.2
    const got = Math.min(...[secret ?? "", ...secretFallbacks].map((text) => Buffer.byteLength(text)));
    return got < least
      ? `Expected \`secret\` of ${algorithm} to have at least ${least} bytes, got ${got}`
      : undefined;
  }
  if (
    secret !== undefined ||
    secretFallbacks.length > 0 ||
    (publicKey === undefined) === (jwksUrl === undefined)
  )
    return `Expected one of \`publicKey\` and \`jwksUrl\` for ${algorithm}, and no \`secret\``;
  if (jwksUrl !== undefined) return jwksProblem(new URL(jwksUrl));
  return publicKey === undefined ? undefined : publicKeyProblem(publicKey, algorithm);
}

/** Among several issuers, each needs a name of its own: by it a token finds the one that judges it. */
export function issuersProblem(
  jwt: Pick<JwtOptions, "issuer"> | undefined,
  issuers: readonly IssuerOptions[],
): string | undefined {
  if (issuers.length === 0) return undefined;
  if (jwt && jwt.issuer === undefined)
    return "Expected `auth.jwt.issuer` where there are more issuers, got none";
  const names = [...(jwt ? [jwt] : []), ...issuers].map(({ issuer }) => issuer);
  return new Set(names).size === names.length
    ? undefined
    : "Expected each issuer once, got one of them twice";
}

function jwksProblem({ username, password }: URL): string | undefined {
  if (username === "" && password === "") return undefined;
  return "Expected `jwksUrl` without user and password, got one that has them";
}

const keyTypes = { RS: ["rsa"], PS: ["rsa"], ES: ["ec"], Ed: ["ed25519"] } as const;

function publicKeyProblem(pem: string, algorithm: string): string | undefined {
  try {
    if (!pem.includes("-----BEGIN PUBLIC KEY-----")) throw new TypeError("no SPKI");
    const type = createPublicKey(pem).asymmetricKeyType;
    const wanted: readonly string[] = keyTypes[algorithm.slice(0, 2) as keyof typeof keyTypes];
    if (type !== undefined && wanted.includes(type)) return undefined;
    return `Expected \`publicKey\` of kind ${wanted.join()} for ${algorithm}, got ${type}`;
  } catch {
    return "Expected `publicKey` to be a PEM of the form BEGIN PUBLIC KEY, got something else";
  }
}
