// Rights that were taken back before they ended (docs/auth.md): of a user, of one token, of the secret of a room-space. The
// store is the backplane's, so each gateway refuses them, also one that starts later; auth/revocations.ts keeps a copy, which
// is asked at each handshake without a wait.

import type { Identity } from "../core/identity.ts";

export const revocationKinds = ["user", "token", "space"] as const;

/** `user`: by its name. `token`: by its id (`jti`). `space`: the earlier secrets of a room-space. */
export type RevocationKind = (typeof revocationKinds)[number];

export interface Revocation {
  readonly kind: RevocationKind;
  readonly name: string;
  /** Of a user, what was issued until then is refused, seconds since 1970. */
  readonly before: number;
  /** It is kept until then, ms since 1970. */
  readonly untilMs: number;
}

/** What the store holds, and the name of this state of it. */
export interface KeptRevocations {
  readonly version: string;
  readonly all: readonly Revocation[];
}

/** Every call rejects with GatewayError `bus_unavailable` when the store does not answer within its deadline. */
export interface RevocationStore {
  /** @returns false when there are too many: it is not kept. */
  add(revocation: Revocation): Promise<boolean>;
  /** @returns undefined when nothing was added since the state that is known. */
  read(known: string | undefined): Promise<KeptRevocations | undefined>;
}

/** What the keys of stores begin with that keep them: no name of a dialect may (RTE-08). */
export const revocationKeyPrefix = "belfry-revoked:";

/** So many are kept at once. */
export const maxRevocations = 20_000;

/** What was taken back, as far as this gateway knows. */
export interface Revocations {
  /** Was the proof of this identity taken back? What is asked anew at each handshake, as a session is, never was. */
  isRevoked(identity: Identity): boolean;
  /** Is it unknown what was taken back? A proof that was made earlier is not to be trusted then. */
  readonly isUnknown: boolean;
  /** How often something was taken back here so far. */
  readonly count: number;
}

/** Takes rights back, for backends. */
export interface Revoker {
  /** Rejects with GatewayError `bus_unavailable` where it cannot be kept. */
  revoke(revocation: Revocation): Promise<RevokeOutcome>;
}

export interface RevokeOutcome {
  /** Connections that were closed, or put out of rooms, on all gateways that answered. */
  readonly ended: number;
  readonly answered: readonly string[];
  /** They did not answer in time, and carry it out once they are back. */
  readonly silent: readonly string[];
}
