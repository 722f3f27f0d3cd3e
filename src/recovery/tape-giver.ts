// Hands the tape of this gateway over to others, part by part as they ask for it (hand-over.ts is the other side). What it reads stays
// whole: where the line was cut meanwhile, or more was dropped than was read, there is no next part.

import { z } from "zod";
import type { Json, Peers } from "../peers/peers.ts";
import { offerOf } from "./tape-join.ts";
import type { TapeOffer } from "./tape-join.ts";
import type { TapeRecovery } from "./tape-recovery.ts";
import type { TapeItem } from "./tape-item.ts";
import { type TapeSources, encodeItem } from "./tape-wire.ts";

/** What gateways ask each other about tapes. */
export const tapeTopic = "tape";
/** A part is so large, bytes: as base64 it is under the bound of what gateways say to each other. */
export const partBytes = 512 * 1024;
/** How many markers a question names: the latest. */
export const markersNamed = 16;
/** How long one part may take, ms. */
export const partMs = 2_000;
/** So many gateways may take over at once. */
const maxTakers = 8;
/** One that asked for nothing in this time is gone, ms. */
const takerMs = 2 * partMs;

const question = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("offer"), markers: z.array(z.string().max(64)).max(markersNamed) }),
  z.object({ kind: z.literal("part"), number: z.number().int().min(0) }),
]);

export interface GiverParts {
  readonly peers: Pick<Peers, "self" | "answer">;
  readonly recovery: TapeRecovery;
  readonly sources: TapeSources;
  /** Monotonic clock, ms. */
  readonly now: () => number;
}

/** A gateway that takes ours over. */
interface Taker {
  readonly offer: TapeOffer;
  readonly items: Generator<TapeItem, void>;
  /** The part that comes next, and what is read of it. */
  number: number;
  /** The serial that was read last. */
  read: number;
  rest: Buffer;
  askedAt: number;
}

export class TapeGiver {
  readonly #parts: GiverParts;
  readonly #takers = new Map<string, Taker>();

  constructor(parts: GiverParts) {
    this.#parts = parts;
    parts.peers.answer(tapeTopic, (asked, from) => this.#reply(asked, from));
  }

  /** Is another gateway in the middle of it? */
  get isGiving(): boolean {
    this.forget();
    return [...this.#takers.values()].some(({ number }) => number > 0);
  }

  /** Forgets gateways that ask for nothing more. */
  forget(): void {
    const oldest = this.#parts.now() - takerMs;
    for (const [name, { askedAt }] of this.#takers) if (askedAt < oldest) this.#takers.delete(name);
  }

  /** `null`: nothing to offer, or not any more. */
  #reply(asked: unknown, from: string): Json {
    const { peers, recovery } = this.#parts;
    const read = question.safeParse(asked);
    if (!read.success || from === peers.self) return null;
    if (read.data.kind === "part") return this.#part(from, read.data.number);
    this.forget();
    this.#takers.delete(from);
    const offer = offerOf(recovery.tape, read.data.markers);
    if (!offer || offer.from >= offer.serial || this.#takers.size >= maxTakers) return null;
    this.#takers.set(from, this.#open(offer));
    return { ...offer };
  }

  #open(offer: TapeOffer): Taker {
    const { recovery, now } = this.#parts;
    const items = recovery.tape.items(offer.from, offer.serial);
    return { offer, items, number: 0, read: offer.from, rest: Buffer.of(), askedAt: now() };
  }

  /** The first part begins anew: something may have been dropped since the offer. */
  #takerOf(from: string, number: number): Taker | undefined {
    const known = this.#takers.get(from);
    if (number !== known?.number) return undefined;
    const { tape } = this.#parts.recovery;
    const { token, serial } = known.offer;
    if (tape.placeOf(token) !== serial || tape.wholeFrom >= serial) return undefined;
    if (number > 0) return tape.wholeFrom < known.read ? known : undefined;
    const taker = this.#open({ token, serial, from: tape.wholeFrom });
    this.#takers.set(from, taker);
    return taker;
  }

  #part(from: string, number: number): Json {
    const taker = this.#takerOf(from, number);
    if (!taker) {
      this.#takers.delete(from);
      return null;
    }
    const { data, isLast } = this.#read(taker);
    taker.number++;
    taker.askedAt = this.#parts.now();
    if (isLast) this.#takers.delete(from);
    return { data: data.toString("base64"), isLast, ...(number === 0 && { offer: { ...taker.offer } }) };
  }

  #read(taker: Taker): { readonly data: Buffer; readonly isLast: boolean } {
    const { sources, now } = this.#parts;
    const parts = [taker.rest];
    let bytes = taker.rest.length;
    let isAtEnd = false;
    while (bytes < partBytes && !isAtEnd) {
      const next = taker.items.next();
      isAtEnd = next.done === true;
      if (next.done === true) break;
      taker.read = next.value.serial;
      const encoded = encodeItem(next.value, sources, now());
      if (!encoded) continue;
      parts.push(encoded);
      bytes += encoded.length;
    }
    const all = Buffer.concat(parts);
    taker.rest = all.subarray(partBytes);
    return { data: all.subarray(0, partBytes), isLast: isAtEnd && taker.rest.length === 0 };
  }
}
