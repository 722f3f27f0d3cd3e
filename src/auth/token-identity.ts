// Tokens of all dialects as a source of identity for ws4redis (docs/auth.md): a visitor who shows one is who it says, and only
// the others are asked about by callback or session.

import type { Credentials } from "../proofs/credentials.ts";
import type { IdentitySource } from "../proofs/identity-source.ts";
import { acceptsTokens, authCookies } from "./options.ts";
import type { AuthOptions } from "./options.ts";

interface TokenIdentityParts {
  readonly credentials: Credentials;
  readonly options: AuthOptions;
}

/** @returns the source itself where no tokens are configured. */
export function withTokens(
  source: IdentitySource,
  { credentials, options }: TokenIdentityParts,
): IdentitySource {
  if (!acceptsTokens(options)) return source;
  return {
    readsCookies: source.readsCookies || authCookies(options).length > 0,
    recheckMs: source.recheckMs,
    identify(request, asked) {
      const shown = credentials.ofHandshake({
        request,
        query: new URLSearchParams(asked.query),
        about: () => asked,
      });
      return shown ?? source.identify(request, asked);
    },
  };
}
