// What was taken back (proofs/revocations.ts), as this gateway knows it: a copy of the store, asked at each handshake without a
// wait, and read again every two seconds where something was added. So a gateway that misses an order carries it out all the
// same. Where the store does not answer and something was taken back, proofs that were made earlier are not trusted.

import type { Identity } from "../core/identity.ts";
import type { IdentityResult, IdentitySource } from "../proofs/identity-source.ts";
import type { Observe } from "../core/observe.ts";
import { maxRevocations } from "../proofs/revocations.ts";
import type { Revocation, RevocationStore, Revocations } from "../proofs/revocations.ts";
import { GatewayError } from "../vocabulary/errors.ts";

/** The store is asked so often, ms. */
const readEveryMs = 2_000;
/** A copy of this age says no more than that something was taken back, ms. */
const maxAgeMs = 10_000;

/** What was taken back just now. */
export interface Lost {
  /** Does it concern a visitor that is here? */
  isOut(identity: Identity): boolean;
  /** Room-spaces of which earlier secrets open nothing any more. */
  readonly spaces: readonly string[];
}

export interface RevocationBookParts {
  readonly store: RevocationStore;
  readonly observe: Observe;
  /** Monotonic clock, ms. */
  now(): number;
  /** Milliseconds since 1970. */
  nowMs(): number;
  /** Puts those out that lost their right here. @returns how many */
  carryOut(lost: Lost): number | Promise<number>;
}

export class RevocationBook implements Revocations {
  readonly #parts: RevocationBookParts;
  readonly #known = new Map<string, Revocation>();
  #version: string | undefined;
  #count = 0;
  #readAt = Number.NEGATIVE_INFINITY;
  #dueAt = Number.NEGATIVE_INFINITY;
  #hasSaidUnread = false;

  constructor(parts: RevocationBookParts) {
    this.#parts = parts;
  }

  get isUnknown(): boolean {
    if (this.#version === undefined) return true;
    return this.#known.size > 0 && this.#parts.now() - this.#readAt > maxAgeMs;
  }

  get count(): number {
    return this.#count;
  }

  isRevoked(identity: Identity): boolean {
    return identity.issuedAt !== undefined && this.#known.size > 0 && isAmong(this.#known, identity);
  }

  /** Reads what there is. Never rejects. */
  async read(): Promise<void> {
    this.#dueAt = this.#parts.now() + readEveryMs;
    try {
      const kept = await this.#parts.store.read(this.#version);
      this.#readAt = this.#parts.now();
      if (!kept) return;
      this.#version = kept.version;
      this.#restore(kept.all);
      const added = kept.all.filter((revocation) => this.#learn(revocation));
      if (added.length > 0) await this.#carryOut(added);
    } catch (error) {
      if (this.#version === undefined) this.#sayUnread();
      this.#report(error);
    }
  }

  tick(now: number): void {
    if (now < this.#dueAt) return;
    this.#forget();
    void this.read();
  }

  /** An order for this gateway, kept by the store. @returns how many it put out */
  async obey(revocation: Revocation): Promise<number> {
    this.#learn(revocation);
    return this.#carryOut([revocation]);
  }

  /** Clients that are on their way into a room are judged again, by the count; those that are in are put out. */
  async #carryOut(added: readonly Revocation[]): Promise<number> {
    this.#count += 1;
    return this.#parts.carryOut(lostBy(added));
  }

  /** @returns whether it says more than what was known. */
  #learn(revocation: Revocation): boolean {
    const { kind, name, before, untilMs } = revocation;
    const known = this.#find(kind, name);
    if (known && known.before >= before && known.untilMs >= untilMs) return false;
    if (!known && this.#known.size >= maxRevocations) return false;
    this.#known.set(keyOf(kind, name), {
      ...revocation,
      before: Math.max(before, known?.before ?? 0),
      untilMs: Math.max(untilMs, known?.untilMs ?? 0),
    });
    return true;
  }

  #find(kind: Revocation["kind"], name: string): Revocation | undefined {
    return this.#known.get(keyOf(kind, name));
  }

  /** A store that lost its data has them again from those who know them. */
  #restore(kept: readonly Revocation[]): void {
    const keys = new Set(kept.map(({ kind, name }) => keyOf(kind, name)));
    const now = this.#parts.nowMs();
    for (const [key, revocation] of this.#known) {
      if (keys.has(key) || revocation.untilMs <= now) continue;
      this.#parts.store.add(revocation).catch((error: unknown) => {
        this.#report(error);
      });
    }
  }

  #forget(): void {
    const now = this.#parts.nowMs();
    for (const [key, { untilMs }] of this.#known) if (untilMs <= now) this.#known.delete(key);
  }

  #sayUnread(): void {
    if (this.#hasSaidUnread) return;
    this.#hasSaidUnread = true;
    const text =
      "Redis does not say which tokens were taken back, so tokens and tickets are refused until it does: it must answer GET" +
      " and ZRANGE on keys that begin with `belfry-revoked:`";
    this.#parts.observe.log("warn", "revocations_unread", { text });
  }

  #report(error: unknown): void {
    // A lost bus is known already (readiness is red).
    if (!(error instanceof GatewayError)) this.#parts.observe.report("revocations", error);
  }
}

function isAmong(
  revocations: ReadonlyMap<string, Revocation>,
  { user, tokenId, issuedAt = 0 }: Identity,
): boolean {
  if (tokenId !== undefined && revocations.has(keyOf("token", tokenId))) return true;
  const ofUser = user === undefined ? undefined : revocations.get(keyOf("user", user));
  return ofUser !== undefined && issuedAt <= ofUser.before;
}

function lostBy(added: readonly Revocation[]): Lost {
  const byKey = new Map(added.map((revocation) => [keyOf(revocation.kind, revocation.name), revocation]));
  return {
    isOut: (identity) => isAmong(byKey, identity),
    spaces: added.filter(({ kind }) => kind === "space").map(({ name }) => name),
  };
}

function keyOf(kind: Revocation["kind"], name: string): string {
  return `${kind} ${name}`;
}

/** What a source says of a visitor, unless its proof was taken back since it was made. */
export function unlessRevoked(revocations: Revocations, found: IdentityResult): IdentityResult {
  if (found.kind !== "identity" || found.issuedAt === undefined) return found;
  if (revocations.isUnknown) return { kind: "unavailable", reason: "revocations_unknown" };
  return revocations.isRevoked(found) ? { kind: "denied", reason: "revoked" } : found;
}

/** The same for a source that is asked at handshakes. Where it names no time, its answer is as old as the question. */
export function withRevocations(
  source: IdentitySource,
  { revocations, nowMs }: { readonly revocations: Revocations; readonly nowMs: () => number },
): IdentitySource {
  return {
    ...source,
    identify(request, asked) {
      const issuedAt = Math.floor(nowMs() / 1_000);
      const judge = (found: IdentityResult): IdentityResult => {
        if (found.kind !== "identity" || found.issuedAt !== undefined || found.user === undefined)
          return unlessRevoked(revocations, found);
        const dated = { ...found, issuedAt };
        return revocations.isRevoked(dated) ? { kind: "denied", reason: "revoked" } : dated;
      };
      const found = source.identify(request, asked);
      return found instanceof Promise ? found.then(judge) : judge(found);
    },
  };
}
