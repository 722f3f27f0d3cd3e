// The check of secrets that open a door of backends or admins, and how often one may guess at them (SEC-11, SEC-13, T13):
// wrong ones are counted per address. Beyond the limit nothing is compared, so a right secret is refused there too until
// the limit has a place again; where many share the address, wrong answers only come late, and no client is locked out.

import { setTimeout } from "node:timers/promises";
import type { SecretCheck, SecretSender, SecretVerdict } from "../proofs/access.ts";
import type { Limits } from "../vocabulary/limits.ts";
import { BucketTable } from "../base/rate-limit.ts";
import { addressKey } from "../base/client-address.ts";
import { secretCheck } from "../base/constant-time.ts";

export interface SecretGuardParts {
  readonly limits: Pick<Limits, "wrongSecretsPerMinute">;
  /** Monotonic clock, ms. */
  now(): number;
  /** Waits, ms. */
  sleep?(ms: number): Promise<unknown>;
  /** Many clients share it (SEC-15). */
  isExempt(address: string): boolean;
}

/** Addresses with remembered wrong secrets. */
const maxAddresses = 50_000;
/** How late a wrong answer comes on an address that many share. */
const lateMs = 1_000;

export class SecretGuard {
  readonly #parts: SecretGuardParts;
  readonly #wrong: BucketTable;

  constructor(parts: SecretGuardParts) {
    this.#parts = parts;
    const perMinute = parts.limits.wrongSecretsPerMinute;
    this.#wrong = new BucketTable({ perSecond: perMinute / 60, burst: perMinute }, maxAddresses);
  }

  /** All secrets of one gateway share the count. */
  checkOf(secret: string): SecretCheck {
    const isRight = secretCheck(secret);
    return (candidate, sender) => {
      // No secret is no guess.
      if (typeof candidate !== "string" || candidate === "") return "wrong";
      const hasToken = this.#hasToken(sender);
      if (!hasToken && !this.#parts.isExempt(sender.countedAs)) return "limited";
      if (isRight(candidate)) return "right";
      this.#wrong.take(addressKey(sender.countedAs), this.#parts.now());
      return hasToken ? "wrong" : this.#wrongLate();
    };
  }

  /** While no wrong guess is remembered, the sender's address is not asked for: that is a call to the kernel. */
  #hasToken(sender: SecretSender): boolean {
    const isClean = this.#wrong.size === 0 && this.#parts.limits.wrongSecretsPerMinute >= 1;
    return isClean || this.#wrong.hasToken(addressKey(sender.countedAs), this.#parts.now());
  }

  async #wrongLate(): Promise<SecretVerdict> {
    await (this.#parts.sleep?.(lateMs) ?? setTimeout(lateMs));
    return "wrong";
  }
}
