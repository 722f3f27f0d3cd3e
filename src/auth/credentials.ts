// Judges what a client shows of itself (proofs/credentials.ts): finds the ticket, the token or the cookie of a handshake, asks the
// store, the verifier or the application, and refuses what was taken back. Without `auth` in the config no token is looked for.

import { bearerToken } from "../base/http.ts";
import { bearerSubprotocol, offeredSubprotocols } from "../proofs/credentials.ts";
import type { Credentials, Handshake } from "../proofs/credentials.ts";
import type { IdentityResult } from "../proofs/identity-source.ts";
import type { Revocations } from "../proofs/revocations.ts";
import { readCookie } from "./cookies.ts";
import type { ConnectHook } from "./hook/hook.ts";
import { identityOf } from "./jwt/claims.ts";
import type { Verifier } from "./jwt/verifier.ts";
import { acceptsTokens, authCookies } from "./options.ts";
import type { AuthOptions } from "./options.ts";
import { unlessRevoked } from "./revocations.ts";
import type { Tickets } from "./tickets.ts";

export interface CredentialsParts {
  readonly options: AuthOptions;
  readonly tickets: Pick<Tickets, "take">;
  /** Of tokens; undefined: none are configured, and the hook judges what is shown. */
  readonly verify: Verifier | undefined;
  readonly hook: Pick<ConnectHook, "ask"> | undefined;
  readonly revocations: Revocations;
}

export function createCredentials(parts: CredentialsParts): Credentials {
  const { options, tickets, revocations } = parts;
  return {
    acceptsTokens: acceptsTokens(options),
    readsCookies: authCookies(options).length > 0,
    ofToken: async (token) => judgeToken(token, parts),
    ofHandshake(handshake) {
      const ticket = handshake.query.get(ticketParameter);
      if (ticket !== null) return tickets.take(ticket).then((found) => unlessRevoked(revocations, found));
      const token = tokenOf(handshake.request, options);
      if (token !== undefined) return judgeToken(token, parts, handshake);
      return judgeCookie(handshake, parts);
    },
  };
}

/** Of the query. */
const ticketParameter = "ticket";

/** What can be passed on as it is. */
const headerForm = /^[\x21-\x7e]{1,16384}$/;

/** A token is a JSON Web Token where those are configured. */
async function judgeToken(
  token: string,
  { verify, hook, revocations }: CredentialsParts,
  handshake?: Handshake,
): Promise<IdentityResult> {
  if (verify) {
    const verified = await verify(token);
    if (verified.kind === "verified") return unlessRevoked(revocations, identityOf(verified.payload));
    return { kind: verified.kind, reason: verified.reason };
  }
  if (!headerForm.test(token)) return { kind: "denied", reason: "jwt_invalid" };
  return (
    (await hook?.ask({ token, about: handshake?.about() ?? {} })) ?? { kind: "denied", reason: "jwt_invalid" }
  );
}

/** That of the hook; that of tokens was looked at. */
function judgeCookie(
  handshake: Handshake,
  { options, hook }: CredentialsParts,
): Promise<IdentityResult> | undefined {
  const name = options.hook?.cookie;
  const cookie = name === undefined ? undefined : readCookie(handshake.request.headers.get("cookie"), name);
  return cookie === undefined ? undefined : hook?.ask({ cookie, about: handshake.about() });
}

/** Header first, then subprotocol, then cookie; the first that is there decides. */
function tokenOf(request: Request, options: AuthOptions): string | undefined {
  if (!acceptsTokens(options)) return undefined;
  const offered = offeredSubprotocols(request).find((name) => name.startsWith(bearerSubprotocol));
  const shown = bearerToken(request) ?? offered?.slice(bearerSubprotocol.length);
  const cookie = options.jwt?.cookie;
  if (shown !== undefined || cookie === undefined) return shown;
  return readCookie(request.headers.get("cookie"), cookie);
}
