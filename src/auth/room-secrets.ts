// Who may join a room with a room-space: clients that send the space's secret (WSE-03 step 4). Secrets live in the
// configuration or on the bus (WSE-05). Failed joins are limited per connection and per address and space (WSE-08):
// once the limit is reached, nothing is looked up or compared, so a right secret is refused there too until the
// limit has a place again. No secret is ever logged or kept; of the one that a client showed, a digest is, so that it can be
// put out when the secret is another one.

import { createHash } from "node:crypto";
import { roomSpace } from "../core/room-name.ts";
import { ShownBefore } from "../proofs/shown-before.ts";
import type { EnterRequest, EnterVerdict } from "../proofs/access.ts";
import { GatewayError } from "../vocabulary/errors.ts";
import type { KeyStore } from "../core/keys.ts";
import type { Limits } from "../vocabulary/limits.ts";
import type { Observe } from "../core/observe.ts";
import { BucketTable, TokenBucket } from "../base/rate-limit.ts";
import type { Rate } from "../base/rate-limit.ts";
import { addressKey } from "../base/client-address.ts";
import { isEqualSecret } from "../base/constant-time.ts";

export interface RoomSecretsParts {
  readonly keys: Pick<KeyStore, "get">;
  /** Put before the room-space, asked in this order; the first key that exists decides (WSE-05). */
  readonly keyPrefixes: readonly string[];
  /** Secrets by room-space. A space named here is never looked up on the bus. */
  readonly configured: ReadonlyMap<string, string>;
  readonly limits: Pick<Limits, "failedJoinsPerMinute" | "nameBytes" | "roomsPerConnection">;
  readonly observe: Observe;
  /** Monotonic clock, ms. */
  now(): number;
  /** Many clients share it: there only the limit of the connection counts (SEC-15). */
  isExempt(address: string): boolean;
}

/** What a secret is judged by. */
export type SecretRequest = Pick<EnterRequest, "room" | "secret" | "address" | "client">;

/** Pairs of address and room-space with remembered failures. */
const maxGuessedSpaces = 50_000;

/** What is known of one client; gone with it. */
interface Guesser {
  readonly failures: TokenBucket;
  lookups: number;
  /** Digests of the secrets by which it was let in, by room-space. */
  shown: Map<string, string> | undefined;
}

interface Attempt {
  readonly guesser: Guesser;
  /** Address and space; undefined when the address is no single client's. */
  readonly origin: string | undefined;
}

/** What the lookup found; undefined when it could not be made. */
type Found = { readonly secret: string | undefined } | undefined;

export class RoomSecrets {
  readonly #parts: RoomSecretsParts;
  readonly #rate: Rate;
  readonly #guessers = new WeakMap<object, Guesser>();
  readonly #failures: BucketTable;

  constructor(parts: RoomSecretsParts) {
    this.#parts = parts;
    const perMinute = parts.limits.failedJoinsPerMinute;
    this.#rate = { perSecond: perMinute / 60, burst: perMinute };
    this.#failures = new BucketTable(this.#rate, maxGuessedSpaces);
  }

  /** At once, where nothing has to be looked up. */
  mayJoin(request: SecretRequest): EnterVerdict | Promise<EnterVerdict> {
    const space = roomSpace(request.room);
    if (space === undefined) return "allowed";
    return this.#canBeRight(request, space) ? this.#judge(request, space) : "secret_wrong";
  }

  async #judge(request: SecretRequest, space: string): Promise<EnterVerdict> {
    const attempt = this.#attempt(request, space);
    if (this.#isLimited(attempt) || attempt.guesser.lookups >= this.#parts.limits.roomsPerConnection) {
      return "rate_limited";
    }
    attempt.guesser.lookups++;
    const found = await this.#find(space);
    attempt.guesser.lookups--;
    if (!found) return "unavailable";
    // Others may have failed while this one waited: of many guesses sent at once, only the first few are compared.
    if (this.#isLimited(attempt)) return "rate_limited";
    const { secret } = request;
    const isBack = secret instanceof ShownBefore;
    if (isBack ? secret.isStill(found.secret) : isEqualSecret(secret, found.secret)) {
      (attempt.guesser.shown ??= new Map()).set(space, digestOf(found.secret));
      return "allowed";
    }
    // It guesses nothing: a secret that was changed meanwhile is no failure of the client.
    if (isBack) return "secret_wrong";
    this.#countFailure(attempt);
    if (!found.secret) this.#hintAtUnset(space);
    return "secret_wrong";
  }

  /**
   * Which clients showed a secret of the room-space that is not its secret any more?
   * @returns undefined when the secret cannot be looked up.
   */
  async outdated(space: string): Promise<((client: object) => boolean) | undefined> {
    const found = await this.#find(space);
    if (!found) return undefined;
    const now = found.secret === undefined ? undefined : digestOf(found.secret);
    return (client) => {
      const shown = this.#guessers.get(client)?.shown?.get(space);
      return shown !== undefined && shown !== now;
    };
  }

  /** Says in the log when the room-space has no secret at all; no client waits for it, or learns it. */
  hintIfUnset(space: string): void {
    if (Buffer.byteLength(space) > this.#parts.limits.nameBytes) return;
    void this.#find(space).then((found) => {
      if (found && !found.secret) this.#hintAtUnset(space);
    });
  }

  /** The space has no secret: the usual first mistake, and a page cannot tell it from a wrong secret. */
  #hintAtUnset(space: string): void {
    const text =
      "No secret of that room-space is set, so its rooms cannot be joined: set one by `roomSecrets` (--room-secret" +
      " <space>=<secret>), or in Redis under the first of `secretKeys`";
    this.#parts.observe.hint("join_secret_unset", { about: space, fields: { text }, names: { space } });
  }

  /** A join without a secret is no guess: it costs nothing, and locks no client out behind a shared address. */
  #canBeRight({ secret }: SecretRequest, space: string): boolean {
    const isShown = (typeof secret === "string" && secret !== "") || secret instanceof ShownBefore;
    return isShown && Buffer.byteLength(space) <= this.#parts.limits.nameBytes;
  }

  #attempt({ client, address }: SecretRequest, space: string): Attempt {
    let guesser = this.#guessers.get(client);
    if (!guesser) {
      const failures = new TokenBucket(this.#rate, this.#parts.now());
      guesser = { failures, lookups: 0, shown: undefined };
      this.#guessers.set(client, guesser);
    }
    const origin = this.#parts.isExempt(address) ? undefined : `${addressKey(address)} ${space}`;
    return { guesser, origin };
  }

  #isLimited({ guesser, origin }: Attempt): boolean {
    const now = this.#parts.now();
    return !guesser.failures.hasToken(now) || (origin !== undefined && !this.#failures.hasToken(origin, now));
  }

  #countFailure({ guesser, origin }: Attempt): void {
    const now = this.#parts.now();
    guesser.failures.take(now);
    if (origin !== undefined) this.#failures.take(origin, now);
  }

  async #find(space: string): Promise<Found> {
    const configured = this.#parts.configured.get(space);
    if (configured !== undefined) return { secret: configured };
    try {
      const values = await this.#parts.keys.get(this.#parts.keyPrefixes.map((prefix) => prefix + space));
      return { secret: values.find((value) => value !== undefined) };
    } catch (error) {
      // A lost bus is known already (readiness is red): no line for each of the clients that come back.
      if (!(error instanceof GatewayError)) this.#parts.observe.report("room_secret", error);
      return undefined;
    }
  }
}

function digestOf(secret = ""): string {
  return createHash("sha256").update(Buffer.from(secret, "utf16le")).digest("base64url");
}
