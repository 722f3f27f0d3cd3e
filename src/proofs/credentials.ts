// How a client of any dialect proves who it is: by a token, by a cookie, or by a ticket in a URL (docs/auth.md). The port between
// the dialects, which know where their clients can put one, and auth/, which judges it. What is shown and wrong is never taken
// for nothing: the client is refused, and told whether another proof helps.

import type { Identity } from "../core/identity.ts";
import type { Exchange } from "../server/route.ts";
import type { IdentityRequest, IdentityResult } from "./identity-source.ts";

/** A request that may show who comes. */
export interface Handshake {
  readonly request: Request;
  readonly query: URLSearchParams;
  /** For the connect hook. */
  about(): Partial<IdentityRequest>;
}

export interface Credentials {
  /**
   * Who comes by this handshake: by its ticket, Authorization, subprotocol or cookie, the first that is there. Never rejects.
   * @returns undefined when it shows none of them.
   */
  ofHandshake(handshake: Handshake): Promise<IdentityResult> | undefined;
  /** Who shows this token. Never rejects. */
  ofToken(token: string): Promise<IdentityResult>;
  /** Are tokens accepted at all? Where they are not, what looks like one is none. */
  readonly acceptsTokens: boolean;
  /** Browsers send cookies by themselves, from the pages of other sites too: then the Origin must be checked (SEC-08). */
  readonly readsCookies: boolean;
}

export function handshakeOf(request: Request, exchange: Exchange): Handshake {
  const { path, query, origin, address: remote } = exchange;
  return {
    request,
    query,
    about: () => ({ path, query: new URL(request.url).search.slice(1), origin, remote }),
  };
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

/** What a client offers beside its token: it says nothing, and is selected, because browsers want one of theirs. */
const tokenSubprotocol = "belfry";

/** What the subprotocol with a token begins with. */
export const bearerSubprotocol = "bearer.";

/** Those that a handshake offers. */
export function offeredSubprotocols({ headers }: Request): readonly string[] {
  return (headers.get("sec-websocket-protocol") ?? "").split(",").map((name) => name.trim());
}

/** The subprotocol to select, if any. */
export function answeringSubprotocol(request: Request): string | undefined {
  return offeredSubprotocols(request).includes(tokenSubprotocol) ? tokenSubprotocol : undefined;
}
