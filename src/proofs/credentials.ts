// How a client of any dialect proves who it is: by a JSON Web Token, or by a ticket in a URL (docs/auth.md). The port between
// the dialects, which know where their clients can put one, and auth/, which judges it. What is shown and wrong is never taken
// for nothing: the client is refused, and told whether another proof helps.

import type { Identity } from "../core/identity.ts";
import type { IdentityResult } from "./identity-source.ts";

export interface Credentials {
  /**
   * Who comes by this handshake: by its Authorization, subprotocol, cookie or ticket, the first that is there. Never rejects.
   * @returns undefined when it shows none of them.
   */
  ofHandshake(request: Request, query: URLSearchParams): Promise<IdentityResult> | undefined;
  /** Who shows this token. Never rejects. */
  ofToken(token: string): Promise<IdentityResult>;
  /** Are tokens accepted at all? Where they are not, what looks like one is none. */
  readonly acceptsTokens: boolean;
}

/** What a ticket opens. */
export interface TicketOrder {
  /** Names, as rules name rooms; no globs. */
  readonly rooms: readonly string[];
  readonly user?: string | undefined;
  readonly groups: readonly string[];
  /** It must be used within so many. */
  readonly seconds: number;
}

/** Makes tickets, for backends. */
export interface TicketIssuer {
  /** @returns the code. Rejects with GatewayError `bus_unavailable`. */
  issue(order: TicketOrder): Promise<string>;
}

/** What a client learns of its token or ticket. `token_expired`: a fresh one helps. `unavailable`: the same one may help later. */
export type CredentialError = "token_invalid" | "token_expired" | "ticket_invalid" | "unavailable";

/** @param result one that is no identity. */
export function credentialError(result: Exclude<IdentityResult, Identity>): CredentialError {
  if (result.kind === "unavailable") return "unavailable";
  if (result.reason === "jwt_expired") return "token_expired";
  return result.reason === "ticket_invalid" ? "ticket_invalid" : "token_invalid";
}

/** The subprotocol that a client offers beside its token, and that is selected: it says nothing. */
export const tokenSubprotocol = "belfry";

/** What the subprotocol with a token begins with. */
export const bearerSubprotocol = "bearer.";

/** Those that a handshake offers. */
export function offeredSubprotocols({ headers }: Request): readonly string[] {
  return (headers.get("sec-websocket-protocol") ?? "").split(",").map((name) => name.trim());
}
