// Asks again, while a visitor is connected, who it is (DJS-12): a visitor that is logged out, banned, or of other groups now
// has to connect anew. When the source of identities does not answer, the visitor stays, and is asked about next time.

import type { BrowserContext } from "../dialect.ts";
import type { FoundIdentity, IdentityRequest } from "../../proofs/identity-source.ts";

export interface RecheckParts {
  /** Who the visitor was when it connected. */
  readonly identity: FoundIdentity;
  readonly identityRequest: IdentityRequest;
  /** The handshake: what it proved itself with is kept. */
  readonly request: Request;
  /** It has nothing that an anonymous visitor could not have; then a store that is down says no more than that (DJS-05). */
  readonly isPublic: boolean;
}

export class IdentityRecheck {
  readonly #context: Pick<BrowserContext, "identity" | "now">;
  readonly #parts: RecheckParts;
  readonly #everyMs: number;
  #dueAt: number;

  constructor(context: Pick<BrowserContext, "identity" | "now">, parts: RecheckParts, everyMs: number) {
    this.#context = context;
    this.#parts = { ...parts, request: proofOf(parts.request) };
    this.#everyMs = everyMs;
    this.#dueAt = this.#nextAt();
  }

  /** @param changed called when the visitor is another now, or none. */
  tick(now: number, changed: () => void): void {
    if (now < this.#dueAt) return;
    this.#dueAt = this.#nextAt();
    void this.#ask(changed);
  }

  async #ask(changed: () => void): Promise<void> {
    const { request, identityRequest, identity, isPublic } = this.#parts;
    const found = await this.#context.identity.identify(request, identityRequest);
    if (found.kind === "unavailable") return;
    const { user, groups, session } = identity;
    const current = isPublic && found.kind === "identity" ? { ...found, user, groups, session } : found;
    if (current.kind === "denied" || !isSameIdentity(current, identity)) changed();
  }

  /** Thousands that connected at once do not ask at once. */
  #nextAt(): number {
    return this.#context.now() + this.#everyMs * (0.8 + 0.2 * Math.random());
  }
}

/** Sources of identities read nothing else of a request. */
function proofOf({ url, headers }: Request): Request {
  const proof = ["cookie", "authorization", "sec-websocket-protocol"].flatMap((name): [string, string][] => {
    const value = headers.get(name);
    return value === null ? [] : [[name, value]];
  });
  return new Request(url, { headers: proof });
}

/** Is it still the same visitor, with the same rights? */
export function isSameIdentity(a: FoundIdentity, b: FoundIdentity): boolean {
  const isSameSet = (one: readonly string[] = [], other: readonly string[] = []): boolean =>
    one.length === other.length && new Set(one).isSubsetOf(new Set(other));
  const isSamePart = (a.channels === undefined) === (b.channels === undefined);
  return (
    a.user === b.user &&
    a.session === b.session &&
    isSameSet(a.groups, b.groups) &&
    isSamePart &&
    isSameSet(a.channels, b.channels)
  );
}
