// Tokens of all dialects as a source of identity for ws4redis (docs/auth.md): a visitor who shows one is who it says, and only
// the others are asked about by callback or session.

import type { Credentials } from "../proofs/credentials.ts";
import type { IdentitySource } from "../proofs/identity-source.ts";
import type { AuthOptions } from "./jwt/options.ts";

interface TokenIdentityParts {
  readonly credentials: Credentials;
  readonly options: AuthOptions;
}

/** @returns the source itself where no tokens are configured. */
export function withTokens(
  source: IdentitySource,
  { credentials, options: { jwt } }: TokenIdentityParts,
): IdentitySource {
  if (!jwt) return source;
  return {
    readsCookies: source.readsCookies || jwt.cookie !== undefined,
    recheckMs: source.recheckMs,
    identify(request, asked) {
      const shown = credentials.ofHandshake(request, new URLSearchParams(asked.query));
      return shown ?? source.identify(request, asked);
    },
  };
}
