// Who a visitor is by what its browser sends by itself: the port between the sources of identity (auth/django/) and the dialects
// with handshakes that wait for it.

import type { Identity } from "../core/identity.ts";
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

/** Who a visitor is, as its source says. */
export interface FoundIdentity extends Identity {
  /** The permitted part of the channels that were asked for; all of them, where absent (W4R-13). */
  readonly channels?: readonly string[];
}

export type IdentityResult =
  | FoundIdentity
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
