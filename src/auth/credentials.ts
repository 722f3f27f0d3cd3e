// Judges what a client shows of itself (proofs/credentials.ts): finds the ticket or the token of a handshake, asks the store or
// the verifier, and refuses what was taken back. Without `auth.jwt` in the config no token is looked for.

import { bearerToken } from "../base/http.ts";
import { bearerSubprotocol, offeredSubprotocols } from "../proofs/credentials.ts";
import type { Credentials } from "../proofs/credentials.ts";
import type { IdentityResult } from "../proofs/identity-source.ts";
import type { Revocations } from "../proofs/revocations.ts";
import { readCookie } from "./cookies.ts";
import { identityOf } from "./jwt/claims.ts";
import type { AuthOptions } from "./jwt/options.ts";
import { createVerifier } from "./jwt/verifier.ts";
import type { Fetch } from "./result.ts";
import { unlessRevoked } from "./revocations.ts";
import type { Tickets } from "./tickets.ts";

export interface CredentialsParts {
  readonly options: AuthOptions;
  readonly tickets: Pick<Tickets, "take">;
  readonly revocations: Revocations;
  readonly fetch: Fetch;
  /** Milliseconds since 1970. */
  readonly nowMs: () => number;
}

/** @param parts options that `jwtProblem` had nothing against */
export function createCredentials({
  options,
  tickets,
  revocations,
  fetch,
  nowMs,
}: CredentialsParts): Credentials {
  const { jwt } = options;
  const verify = jwt && createVerifier({ options: jwt, fetch, nowMs });
  const ofToken = async (token: string): Promise<IdentityResult> => {
    const verified = (await verify?.(token)) ?? { kind: "denied", reason: "jwt_invalid" };
    if (verified.kind === "verified") return unlessRevoked(revocations, identityOf(verified.payload));
    return { kind: verified.kind, reason: verified.reason };
  };
  const ofTicket = async (code: string): Promise<IdentityResult> =>
    unlessRevoked(revocations, await tickets.take(code));
  return {
    acceptsTokens: jwt !== undefined,
    ofToken,
    ofHandshake(request, query) {
      const ticket = query.get(ticketParameter);
      if (ticket !== null) return ofTicket(ticket);
      const token = jwt && tokenOf(request, jwt.cookie);
      return token === undefined ? undefined : ofToken(token);
    },
  };
}

/** Of the query. */
const ticketParameter = "ticket";

/** Header first, then subprotocol, then cookie; the first that is there decides. */
function tokenOf(request: Request, cookie: string | undefined): string | undefined {
  const offered = offeredSubprotocols(request).find((name) => name.startsWith(bearerSubprotocol));
  const shown = bearerToken(request) ?? offered?.slice(bearerSubprotocol.length);
  if (shown !== undefined || cookie === undefined) return shown;
  return readCookie(request.headers.get("cookie"), cookie);
}
