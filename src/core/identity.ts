// Who a client is, as far as the gateway knows. How it was found out: proofs/. What an identity may enter: auth/ways.ts.

export interface Identity {
  readonly kind: "identity";
  readonly session: string | undefined;
  readonly user: string | undefined;
  readonly groups: readonly string[];
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

/** A visitor without an identity. */
export const anonymous: Identity = { kind: "identity", session: undefined, user: undefined, groups: [] };
