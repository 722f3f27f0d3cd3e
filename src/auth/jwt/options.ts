// The config of JSON Web Tokens: one algorithm, and one source of keys. Nothing in a token chooses either of them (T18).

import { z } from "zod";

export const text = (description: string) => z.string().min(1).max(4_096).describe(description);

/** Never shown: `writeOnly` is JSON Schema's word for it. */
export const secretText = (description: string) => text(description).meta({ writeOnly: true });

export const httpUrl = (description: string) =>
  z
    .url({ protocol: /^https?$/, error: "Expected an http or https URL" })
    .max(2_048)
    .describe(description);

export const jwtAlgorithms = [
  "HS256",
  "HS384",
  "HS512",
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
] as const;

/** What all sections about tokens have in common. */
export const jwtShape = {
  algorithm: z.enum(jwtAlgorithms).describe("The one algorithm that is accepted (DJS-11)"),
  secret: secretText("Shared secret of an HS algorithm, at least as long as its hash").optional(),
  publicKey: text("Public key of another algorithm, PEM (SPKI)").optional(),
  jwksUrl: httpUrl("Where the public keys are, as a JWKS").optional(),
  issuer: text("`iss` that a token must carry").optional(),
  audience: text("`aud` that a token must carry").optional(),
  cookie: text("Cookie that may hold the token").optional(),
};

/** Where the keys are, and what tokens must say. */
export type JwtOptions = z.output<z.ZodObject<typeof jwtShape>>;

/** The section `auth.jwt`: tokens for all dialects. */
export const tokenOptions = z.strictObject({
  ...jwtShape,
  secretFallbacks: z
    .array(secretText("An earlier secret"))
    .max(10)
    .default([])
    .describe("Earlier secrets: their tokens are accepted too, for the time of a change"),
});

/** One more issuer. A cookie belongs to `auth.jwt` alone. */
export const issuerOptions = tokenOptions.omit({ cookie: true }).extend({
  issuer: text("`iss` that its tokens carry"),
});

export type IssuerOptions = z.output<typeof issuerOptions>;
