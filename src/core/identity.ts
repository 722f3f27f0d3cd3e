// Who a visitor is: the port between the sources of identity (auth/) and the dialects with handshakes that wait for it. What
// an identity may enter is in auth/ways.ts.

import type { RefusalReason } from "../vocabulary/reasons.ts";

/** The handshake, as far as it matters to who the visitor is (DJS-10). */
export interface IdentityRequest {
  readonly facility: string;
  /** Names as in the query: `subscribe-user`, `publish-broadcast`, ... without `echo`. */
  readonly channels: readonly string[];
  readonly path: string;
  /** As it stands in the URL, without `?`. */
  readonly query: string;
  /** The `Origin` header. */
  readonly origin: string | undefined;
  /** Address of the visitor. */
  readonly remote: string;
}

export interface Identity {
  readonly kind: "identity";
  readonly session: string | undefined;
  readonly user: string | undefined;
  readonly groups: readonly string[];
  /** The permitted part of what was asked; all of it, where absent (W4R-13). */
  readonly channels?: readonly string[];
  /** When it ends, ms since 1970: the connection should end then (T18). */
  readonly expiresAtMs?: number;
  /** Rooms that a token or a ticket names. */
  readonly grants?: Grants;
  /** What others may know of it, as JSON text. */
  readonly info?: string;
  /** The id of its token, by which that one can be taken back. */
  readonly tokenId?: string;
  /**
   * When its token or ticket was made, or its source was asked, seconds since 1970; 0: it does not say.
   */
  readonly issuedAt?: number;
}

/** Rooms that a proof of identity names, beside those that its user, groups and session open. They are named as rules name them. */
export interface Grants {
  mayJoin(label: string): boolean;
  /** May it say something that clients of all dialects hear? */
  mayPublish(label: string): boolean;
}

export type IdentityResult =
  | Identity
  /** 403. */
  | { readonly kind: "denied"; readonly reason: RefusalReason }
  /** 503: the source of identity could not be asked; no visitor is admitted on a guess (SEC-02). */
  | { readonly kind: "unavailable"; readonly reason: RefusalReason };

export interface IdentitySource {
  /** Browsers send what it reads by themselves, from the pages of other sites too: their Origin must be checked (SEC-08). */
  readonly readsCookies: boolean;
  /** Connections ask again after so long who they are, ms; undefined: never (DJS-12). */
  readonly recheckMs: number | undefined;
  /** Never rejects. A visitor without credentials is anonymous at once. */
  identify(request: Request, asked: IdentityRequest): IdentityResult | Promise<IdentityResult>;
}

/** A visitor without an identity. */
export const anonymous: Identity = { kind: "identity", session: undefined, user: undefined, groups: [] };
