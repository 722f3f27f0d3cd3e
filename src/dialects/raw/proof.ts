// Who a client of a raw dialect is, by what its handshake shows (docs/auth.md): judged before it is admitted.

import { textAnswer } from "../../base/http.ts";
import type { Identity } from "../../core/identity.ts";
import { credentialError } from "../../proofs/credentials.ts";
import type { CredentialError, Credentials } from "../../proofs/credentials.ts";
import type { IdentityResult } from "../../proofs/identity-source.ts";
import type { Refusals } from "./refusals.ts";

export interface ShownProof {
  /** What came of what it shows; undefined: it shows nothing. */
  readonly shown: Promise<IdentityResult> | undefined;
  readonly refusals: Refusals;
  /** Gives its place back, where it is refused. */
  readonly release: () => void;
}

/** At once where it shows nothing. @param admit undefined: it showed nothing. */
export function admitProven<Client>(
  { shown, refusals, release }: ShownProof,
  admit: (identity: Identity | undefined) => Client | Response,
): Client | Response | Promise<Client | Response> {
  const settle = (found?: IdentityResult): Client | Response => {
    const answer =
      found === undefined || found.kind === "identity"
        ? admit(found)
        : refuseCredential(refusals, credentialError(found));
    if (answer instanceof Response) release();
    return answer;
  };
  return shown ? shown.then(settle) : settle();
}

/** What is shown and wrong is never taken for nothing. */
function refuseCredential(refusals: Refusals, code: CredentialError): Response {
  const answer =
    code === "unavailable"
      ? textAnswer(503, "Expected to find out who you are: try again later\n", { "retry-after": "1" })
      : textAnswer(
          401,
          `Expected a ${code === "ticket_invalid" ? "ticket that is new" : "token that is valid here"}\n`,
        );
  return refusals.refuse(code, answer);
}

/** May the request say who comes by a cookie? Then pages of other sites could, too: their Origin must be checked (SEC-08). */
export function isCookieShown(
  { readsCookies }: Pick<Credentials, "readsCookies">,
  { headers }: Request,
): boolean {
  return readsCookies && headers.has("cookie");
}
