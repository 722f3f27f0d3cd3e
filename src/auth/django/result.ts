// What the sources of identity are asked, and what they answer: the port between this folder and the dialect whose
// handshake waits for it (DJS-01).

/** The handshake, as far as it matters to who the visitor is (DJS-10). */
export interface Asked {
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
}

export type IdentityResult =
  | Identity
  /** 403. */
  | { readonly kind: "denied"; readonly reason: string }
  /** 503: whoever knows could not be asked; nobody may come in on a guess (SEC-02). */
  | { readonly kind: "unavailable"; readonly reason: string };

/** `fetch`, as far as it is used here. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** A visitor without an identity. */
export const anonymous: Identity = { kind: "identity", session: undefined, user: undefined, groups: [] };

/** Groups of one visitor that count; each is a subscription of its own. */
const maxGroups = 1_000;

/** Each group once, and no more than can be heard. */
export function boundGroups(groups: readonly string[]): readonly string[] {
  return [...new Set(groups)].slice(0, maxGroups);
}
