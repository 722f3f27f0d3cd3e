// Recovery from the tape: answers at once where the position is on it, and waits for a position that another gateway may have
// given before this one got so far, until it is proved that this one has everything that was said before the client came.

import type { BusMessage } from "../core/bus.ts";
import type { LineObserver } from "../brokers/marker.ts";
import type { Publication } from "../core/publication.ts";
import type { Answer, Asked, LossReason, Recovery } from "./recovery.ts";
import type { Position } from "../core/position.ts";
import { TapeJoin } from "./tape-join.ts";
import type { TapeOffer } from "./tape-join.ts";
import { Tape } from "./tape.ts";
import type { TapeParts, TapeSource } from "./tape.ts";

/** How long a position that is ahead is waited for while nothing can be proved, ms. */
const waitMs = 2_000;
/** And while a proof is on its way, ms. An answer before it would be a wrong one: the client would receive messages again. */
const proofMs = 30_000;
/** A proof is asked for again after this time, ms: a line that was cut loses it. */
const askAgainMs = 1_000;

interface Waiting {
  readonly asked: readonly Asked[];
  readonly enter: (answers: readonly Answer[]) => void;
  readonly since: number;
  /** All that was said before it came was heard: what is ahead now is not on this line. */
  isProved: boolean;
}

/** How it is proved that this gateway is not behind (mark-line.ts). */
export interface Proofs {
  /** Begins to listen: a gateway that is behind already could not. */
  open(): Promise<void>;
  /** Resolves once everything was heard that was said before the call. */
  mark(deadlineMs: number): Promise<void>;
}

export class TapeRecovery implements Recovery, LineObserver {
  readonly keptSeconds: number;
  #tape: Tape;
  readonly #parts: TapeParts;
  readonly #now: () => number;
  /** Each join of a position ahead is one, for as long as it waits: what clients may say in that time bounds them. */
  #waiting: Waiting[] = [];
  #isLookingSoon = false;
  /** Undefined: there is no bus yet. */
  #proofs: Proofs | undefined;
  #isOpened = false;
  /** Proofs on their way. */
  #underWay = 0;
  #proofAskedAt = Number.NEGATIVE_INFINITY;
  #isCut = false;
  /** What came since the line was cut stands behind a gap that clients were told of. */
  #isGapTold = false;
  readonly #onGap = new Set<() => void>();

  constructor(parts: TapeParts) {
    this.keptSeconds = parts.maxAgeMs / 1000;
    this.#parts = parts;
    this.#tape = new Tape(parts);
    this.#now = parts.now.bind(parts);
  }

  proveBy(proofs: Proofs): void {
    this.#proofs = proofs;
  }

  /** What is kept, bytes. */
  get bytes(): number {
    return this.#tape.bytes;
  }

  /** The tape of now: another one after `take`. */
  get tape(): Tape {
    return this.#tape;
  }

  /** Begins to join what another gateway offers. */
  join(offer: TapeOffer): TapeJoin {
    return new TapeJoin(this.#tape, offer, this.#parts);
  }

  /** Goes on with the joined tape. @returns false: they do not fit, and nothing changed. */
  take(join: TapeJoin): boolean {
    const joined = join.end();
    if (!joined) return false;
    this.#tape = joined;
    return true;
  }

  step(): void {
    this.#tape.step();
    if (this.#waiting.length > 0) this.#lookSoon();
  }

  mark(token: string): void {
    this.#tape.mark(token);
    if (this.#waiting.length > 0) this.#lookSoon();
    if (!this.#isCut) return;
    this.#isCut = false;
    this.#tellGap();
  }

  cut(): void {
    this.#tape.cut();
    // Also where nothing is kept, and before the first marker: clients that are connected miss something all the same.
    this.#isCut = true;
    this.#isGapTold = false;
  }

  /** Keeps what the last message of the line says. @returns its position. */
  record(publication: Publication, source: TapeSource, message: BusMessage): Position | undefined {
    // In front of it: it has no position, and a client must not go away with one of before. They get a new one at the marker.
    if (this.#isCut && !this.#isGapTold) this.#tellGap();
    return this.#tape.record(publication, source, message);
  }

  /** Forgets what is too old, and answers clients that waited for too long. */
  tick(): void {
    this.#tape.expire(this.#now());
    this.#tape.rest();
    this.#look();
    const isDue = this.#waiting.length > 0 && this.#now() - this.#proofAskedAt >= askAgainMs;
    if (isDue) this.#askForProof();
  }

  resume(asked: readonly Asked[], enter: (answers: readonly Answer[]) => void): void {
    if (!this.#isOpened) this.#openProofs();
    if (asked.some((one) => this.#isAhead(one))) {
      this.#waiting.push({ asked, enter, since: this.#now(), isProved: false });
      if (this.#underWay === 0) this.#askForProof();
    } else enter(this.#answer(asked));
  }

  here(): Position | undefined {
    return this.#tape.here();
  }

  onGap(listener: () => void): () => void {
    this.#onGap.add(listener);
    return () => {
      this.#onGap.delete(listener);
    };
  }

  #tellGap(): void {
    this.#isGapTold = true;
    for (const listener of this.#onGap) listener();
  }

  /** Behind the message that is on its way now: a client that enters before it would get it a second time. */
  #lookSoon(): void {
    if (this.#isLookingSoon) return;
    this.#isLookingSoon = true;
    queueMicrotask(() => {
      this.#isLookingSoon = false;
      this.#look();
    });
  }

  #look(): void {
    if (this.#waiting.length === 0) return;
    const oldest = this.#now() - (this.#underWay > 0 ? proofMs : waitMs);
    const ready: Waiting[] = [];
    this.#waiting = this.#waiting.filter((waiting) => {
      const { isProved, since, asked } = waiting;
      const isReady = isProved || since <= oldest || !asked.some((one) => this.#isAhead(one));
      if (isReady) ready.push(waiting);
      return !isReady;
    });
    for (const { asked, enter } of ready) enter(this.#answer(asked));
  }

  /** With the first client that asks: a gateway without such clients needs none. */
  #openProofs(): void {
    this.#isOpened = true;
    // A bus that refuses refuses each proof, too.
    this.#proofs?.open().catch(() => undefined);
  }

  /** One for all that wait now; those that come meanwhile have the next one. */
  #askForProof(): void {
    if (!this.#proofs) return;
    const waiting = [...this.#waiting];
    this.#underWay += 1;
    this.#proofAskedAt = this.#now();
    const settle = (isProved: boolean): void => {
      this.#underWay -= 1;
      for (const one of waiting) one.isProved ||= isProved;
      this.#look();
      if (isProved && this.#underWay === 0 && this.#waiting.length > 0) this.#askForProof();
    };
    this.#proofs.mark(proofMs).then(
      () => {
        settle(true);
      },
      () => {
        // The bus is away: the next tick tries again.
        settle(false);
      },
    );
  }

  #isAhead(asked: Asked): boolean {
    return asked.position !== undefined && this.#tape.find(asked.position, asked).kind === "ahead";
  }

  #answer(asked: readonly Asked[]): readonly Answer[] {
    const at = this.#tape.here();
    return asked.map((one) => ({ verdict: this.#judge(one), at }));
  }

  #judge(asked: Asked): Answer["verdict"] {
    if (asked.position === undefined) return undefined;
    const place = this.#tape.find(asked.position, asked);
    if (place.kind === "here") {
      const missed = this.#tape.since(place.serial, asked);
      return missed ? { recovered: true, missed } : { recovered: false, reason: "unavailable" };
    }
    const reason: LossReason = place.kind === "lost" ? place.reason : this.#tape.lateReason;
    return { recovered: false, reason };
  }
}
