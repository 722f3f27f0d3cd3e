// The section `auth` of the config: who a client is, in every dialect (docs/auth.md).

import { z } from "zod";
import { hookOptions } from "./hook/options.ts";
import { issuerOptions, tokenOptions } from "./jwt/options.ts";
import { outboundProblem } from "../outbound/options.ts";
import { issuersProblem, jwtProblem } from "./jwt/problem.ts";

export const authOptions = z
  .strictObject({
    jwt: tokenOptions
      .optional()
      .describe("JSON Web Tokens, for clients of every dialect ([auth.md](auth.md))"),
    issuers: z
      .array(issuerOptions)
      .max(20)
      .default([])
      .describe("More issuers of tokens, each as `auth.jwt`; `iss` of a token says which of them it is of")
      // Secrets are among it.
      .meta({ isJson: true, writeOnly: true }),
    hook: hookOptions.optional(),
  })
  .describe("Who a client is, in every dialect");

export type AuthOptions = z.output<typeof authOptions>;

export interface AuthProblem {
  readonly path: PropertyKey[];
  readonly message: string;
}

/** What cannot work, or would be unsafe, as sentences without secrets. */
export function authProblems({ jwt, issuers, hook }: AuthOptions): readonly AuthProblem[] {
  const found: readonly (readonly [readonly PropertyKey[], string | undefined])[] = [
    [["jwt"], jwt && jwtProblem(jwt)],
    ...issuers.map((issuer, index) => [["issuers", index], jwtProblem(issuer)] as const),
    [["issuers"], issuersProblem(jwt, issuers)],
    [["hook", "url"], hook && outboundProblem(hook.url, hook.allowPrivate)],
  ];
  return found.flatMap(([path, message]) => (message === undefined ? [] : [{ path: [...path], message }]));
}

/** Are tokens accepted at all? */
export function acceptsTokens({ jwt, issuers, hook }: AuthOptions): boolean {
  return jwt !== undefined || issuers.length > 0 || hook !== undefined;
}

/** The cookies that say who a client is: browsers send them by themselves, from the pages of other sites too (SEC-08). */
export function authCookies({ jwt, hook }: AuthOptions): readonly string[] {
  return [jwt?.cookie, hook?.cookie].filter((name) => name !== undefined);
}
