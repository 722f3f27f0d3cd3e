// A gateway takes over the tape of another one: when it starts, so that clients come back to it as to one that ran all the time; and
// behind a gap, for what was said while it was cut off. It asks all gateways which markers they have in common, and takes the tape that
// reaches furthest back, part by part: all of it, or none. It goes through the bus, where it does not stand on the line.

import { z } from "zod";
import type { Observe } from "../core/observe.ts";
import { reachesFurther } from "./tape-join.ts";
import type { TapeJoin, TapeOffer } from "./tape-join.ts";
import { TapeGiver, markersNamed, partBytes, partMs, tapeTopic } from "./tape-giver.ts";
import type { GiverParts } from "./tape-giver.ts";
import { ItemReader } from "./tape-wire.ts";
import type { Peers } from "../peers/peers.ts";

/** The longest work in one turn, ms. */
const turnMs = 4;
/** So many messages of our own are joined in one turn. */
const joinedAtOnce = 128;
/** How often it is looked whether a marker came, or whether another gateway has all, ms. */
const lookMs = 10;

const offerForm = z.object({
  token: z.string().max(64),
  serial: z.number().int().refine(Number.isSafeInteger),
  from: z.number().int().refine(Number.isSafeInteger),
});
/** The first part says what the offer is now. */
const partForm = z.object({
  data: z.base64().max(2 * partBytes),
  isLast: z.boolean(),
  offer: offerForm.optional(),
});
type Part = z.infer<typeof partForm>;

export interface HandOverParts extends GiverParts {
  readonly peers: Peers;
  readonly observe: Pick<Observe, "log" | "skipped">;
  /** Does the bus carry what is asked? */
  readonly isReady: () => boolean;
  /** How long a gateway that starts waits for it, ms. 0: it takes and gives nothing. */
  readonly maxMs: number;
  /** The largest tape that is taken over, bytes. */
  readonly maxBytes: number;
}

export class HandOver {
  readonly #parts: HandOverParts;
  readonly #giver: TapeGiver | undefined;
  #takenBytes = 0;
  /** While it takes. */
  #taking: Promise<void> | undefined;
  /** It is asked to take since it last began. */
  #isDue = false;
  #isClosed = false;

  constructor(parts: HandOverParts) {
    this.#parts = parts;
    if (parts.maxMs > 0) this.#giver = new TapeGiver(parts);
  }

  /** What was taken over last, bytes. */
  get takenBytes(): number {
    return this.#takenBytes;
  }

  /** Takes over what another gateway kept, if one has more; once more where it is asked to meanwhile. Resolves in time; never rejects. */
  async takeOver(): Promise<void> {
    this.#isDue = true;
    this.#taking ??= this.#takeWhileDue();
    await this.#taking;
  }

  /** Resolves when no other gateway is in the middle of taking ours, or at the deadline. */
  async handedOver(deadlineMs: number): Promise<void> {
    const until = performance.now() + deadlineMs;
    while (this.#giver?.isGiving === true && performance.now() < until) await Bun.sleep(lookMs);
  }

  /** Called several times a second. */
  tick(): void {
    this.#giver?.forget();
  }

  close(): void {
    this.#isClosed = true;
  }

  async #takeWhileDue(): Promise<void> {
    while (this.#isDue && !this.#isClosed) {
      this.#isDue = false;
      await this.#takeOnce();
    }
    this.#taking = undefined;
  }

  async #takeOnce(): Promise<void> {
    const { peers, recovery, maxMs, now, observe } = this.#parts;
    const until = now() + maxMs;
    const markers = await this.#markers(until);
    if (markers.length === 0) return;
    const deadlineMs = Math.min(partMs, until - now());
    const { answers } = await peers.ask(tapeTopic, { kind: "offer", markers }, deadlineMs);
    for (const { gateway, offer } of this.#best(answers, markers)) {
      if (!reachesFurther(recovery.tape, offer)) continue;
      const startedAt = now();
      // What a dialect cannot even read is nonsense, too.
      const bytes = await this.#take(gateway, offer.token, until).catch(() => this.#refuse());
      const ms = Math.round(now() - startedAt);
      if (this.#isClosed) return;
      if (bytes === undefined) observe.log("warn", "tape_not_taken", { gateway, ms });
      else {
        this.#takenBytes = bytes;
        observe.log("info", "tape_taken", { gateway, bytes, ms });
        return;
      }
    }
  }

  /**
   * Those of our line so far, once the others can be asked: the first comes with the next test of the bus, and behind a gap it may
   * come before the bus carries anything. None where there is no other gateway to ask.
   */
  async #markers(until: number): Promise<readonly string[]> {
    const { peers, recovery, isReady, now } = this.#parts;
    for (;;) {
      if (peers.others.length === 0 || now() >= until || this.#isClosed) return [];
      const markers = recovery.tape.latestMarkers(markersNamed);
      if (markers.length > 0 && isReady()) return markers;
      await Bun.sleep(lookMs);
    }
  }

  /** The one that reaches furthest back first. */
  #best(
    answers: ReadonlyMap<string, unknown>,
    markers: readonly string[],
  ): { readonly gateway: string; readonly offer: TapeOffer }[] {
    const offers: { gateway: string; offer: TapeOffer }[] = [];
    for (const [gateway, answer] of answers) {
      if (answer === null) continue;
      const read = offerForm.safeParse(answer);
      if (read.success && markers.includes(read.data.token)) offers.push({ gateway, offer: read.data });
      else this.#refuse();
    }
    return offers.sort((a, b) => b.offer.serial - b.offer.from - (a.offer.serial - a.offer.from));
  }

  /** @returns how many bytes it was; undefined: it did not come whole, or does not fit. */
  async #take(gateway: string, token: string, until: number): Promise<number | undefined> {
    const { recovery, sources, maxBytes, now } = this.#parts;
    const reader = new ItemReader(sources, now);
    let join: TapeJoin | undefined;
    let bytes = 0;
    for (let number = 0; now() < until; number++) {
      const part = await this.#fetch(gateway, number, until - now());
      if (!part) return undefined;
      const data = Buffer.from(part.data, "base64");
      bytes += data.length;
      if (part.offer?.token === token) join ??= recovery.join(part.offer);
      // Heads and names come on top of what a tape counts.
      if (!join || bytes > 2 * maxBytes) return this.#refuse();
      if (!(await this.#add(join, reader.read(data)))) return this.#refuse(join);
      if (!part.isLast) continue;
      await this.#catchUp(join, until);
      return reader.isAtEnd && recovery.take(join) ? bytes : this.#refuse(join);
    }
    return undefined;
  }

  /** @returns false: one of them does not fit. */
  async #add(join: TapeJoin, items: ReturnType<ItemReader["read"]>): Promise<boolean> {
    const { now } = this.#parts;
    let turnEnds = now() + turnMs;
    for (const item of items) {
      if (!item || !join.add(item)) return false;
      if (now() < turnEnds) continue;
      await new Promise(setImmediate);
      turnEnds = now() + turnMs;
    }
    return true;
  }

  /** On a busy line much came meanwhile; little of it is left for the turn in which the tape is exchanged. */
  async #catchUp(join: TapeJoin, until: number): Promise<void> {
    while (join.follow(joinedAtOnce) > joinedAtOnce && this.#parts.now() < until)
      await new Promise(setImmediate);
  }

  /** @returns undefined where it did not come, or cannot be read. */
  async #fetch(gateway: string, number: number, leftMs: number): Promise<Part | undefined> {
    const asked = {
      topic: tapeTopic,
      question: { kind: "part", number },
      deadlineMs: Math.min(partMs, leftMs),
    };
    const answer = await this.#parts.peers.askOne(gateway, asked);
    if (answer === undefined || answer === null) return undefined;
    const part = partForm.safeParse(answer);
    return part.success ? part.data : this.#refuse();
  }

  /** Counts nonsense. Where our own tape was cut meanwhile, it is none. */
  #refuse(join?: TapeJoin): undefined {
    if (join?.isStale !== true) this.#parts.observe.skipped("peers", "tape_invalid");
    return undefined;
  }
}
