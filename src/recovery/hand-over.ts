// A gateway that starts takes over the tape of another one, so that clients come back to it as to one that ran all the time. It asks
// all gateways which markers they have in common, and takes the tape that reaches furthest back, part by part: all of it, or none.
// Both go through the bus, where they do not stand on the line.

import { z } from "zod";
import type { Observe } from "../core/observe.ts";
import type { Json, Peers } from "../peers/peers.ts";
import { offerOf } from "./tape-join.ts";
import type { TapeOffer } from "./tape-join.ts";
import type { TapeRecovery } from "./tape-recovery.ts";
import type { TapeItem } from "./tape-item.ts";
import { type TapeSources, decodeItems, encodeItem } from "./tape-wire.ts";

const topic = "tape";
/** A part is so large, bytes: as base64 it is under the bound of what gateways say to each other. */
const partBytes = 512 * 1024;
/** So many gateways may take over at once. */
const maxTakers = 4;
/** How long one part may take, ms. */
const partMs = 2_000;
/** The longest work in one turn, ms. */
const turnMs = 4;
/** How many markers are named: the latest. */
const markersNamed = 16;

const question = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("offer"), markers: z.array(z.string().max(64)).max(markersNamed) }),
  z.object({ kind: z.literal("part"), number: z.number().int().min(0) }),
]);
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

export interface HandOverParts {
  readonly peers: Peers;
  readonly recovery: TapeRecovery;
  readonly sources: TapeSources;
  readonly observe: Pick<Observe, "log" | "skipped">;
  /** How long a gateway that starts waits for it, ms. 0: it takes nothing over. */
  readonly maxMs: number;
  /** The largest tape that is taken over, bytes. */
  readonly maxBytes: number;
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
}

export class HandOver {
  readonly #parts: HandOverParts;
  readonly #takers = new Map<string, Taker>();
  #takenBytes = 0;

  constructor(parts: HandOverParts) {
    this.#parts = parts;
    parts.peers.answer(topic, (asked, from) => this.#reply(asked, from));
  }

  /** What was taken over at the start, bytes. */
  get takenBytes(): number {
    return this.#takenBytes;
  }

  /** Takes over what another gateway kept, if one has more. Resolves in time; never rejects. */
  async takeOver(): Promise<void> {
    const { peers, recovery, maxMs, now, observe } = this.#parts;
    const until = now() + maxMs;
    while (peers.others.length > 0 && now() < until) {
      const markers = recovery.tape.latestMarkers(markersNamed);
      if (markers.length === 0) {
        // The first comes with the next test of the bus.
        await Bun.sleep(10);
        continue;
      }
      const { answers } = await peers.ask(topic, { kind: "offer", markers }, Math.min(partMs, until - now()));
      for (const { gateway } of this.#best(answers)) {
        const startedAt = now();
        // What a dialect cannot even read is nonsense, too.
        const bytes = await this.#take(gateway, until).catch(() => this.#refuse());
        const ms = Math.round(now() - startedAt);
        if (bytes === undefined) observe.log("warn", "tape_not_taken", { gateway, ms });
        else {
          this.#takenBytes = bytes;
          observe.log("info", "tape_taken", { gateway, bytes, ms });
          return;
        }
      }
      return;
    }
  }

  /** Those that reach further back than ours, the furthest first. */
  #best(answers: ReadonlyMap<string, unknown>): { gateway: string; offer: TapeOffer }[] {
    const offers: { gateway: string; offer: TapeOffer }[] = [];
    for (const [gateway, answer] of answers) {
      if (answer === null) continue;
      const read = offerForm.safeParse(answer);
      if (read.success) offers.push({ gateway, offer: read.data });
      else this.#parts.observe.skipped("peers", "tape_invalid");
    }
    return offers.sort((a, b) => b.offer.serial - b.offer.from - (a.offer.serial - a.offer.from));
  }

  /** @returns how many bytes it was; undefined: it did not come whole, or does not fit. */
  async #take(gateway: string, until: number): Promise<number | undefined> {
    const { recovery, sources, now } = this.#parts;
    const fetched = await this.#fetch(gateway, until);
    if (!fetched) return undefined;
    const { bytes, offer } = fetched;
    const join = recovery.join(offer);
    let turnEnds = now() + turnMs;
    for (const item of decodeItems(bytes, sources, now())) {
      if (!item || !join.add(item)) return this.#refuse();
      if (now() < turnEnds) continue;
      await new Promise(setImmediate);
      if (now() > until) return undefined;
      turnEnds = now() + turnMs;
    }
    return recovery.take(join) ? bytes.length : this.#refuse();
  }

  #refuse(): undefined {
    this.#parts.observe.skipped("peers", "tape_invalid");
    return undefined;
  }

  async #fetch(gateway: string, until: number): Promise<Fetched | undefined> {
    const { peers, maxBytes, now } = this.#parts;
    const parts: Buffer[] = [];
    let offer: TapeOffer | undefined;
    let bytes = 0;
    for (let number = 0; now() < until; number++) {
      const deadlineMs = Math.min(partMs, until - now());
      const answer = await peers.askOne(gateway, { topic, question: { kind: "part", number }, deadlineMs });
      if (answer === undefined || answer === null) return undefined;
      const part = partForm.safeParse(answer);
      offer ??= part.data?.offer;
      const data = Buffer.from(part.data?.data ?? "", "base64");
      bytes += data.length;
      // Heads and names come on top of what a tape counts.
      if (!part.success || !offer || bytes > 2 * maxBytes) return this.#refuse();
      parts.push(data);
      if (part.data.isLast) return { bytes: Buffer.concat(parts), offer };
    }
    return undefined;
  }

  /** `null`: nothing to offer, or not any more. */
  #reply(asked: unknown, from: string): Json {
    const { peers, recovery, maxMs } = this.#parts;
    const read = question.safeParse(asked);
    if (!read.success || from === peers.self || maxMs === 0) return null;
    if (read.data.kind === "part") return this.#part(from, read.data.number);
    const { markers } = read.data;
    const offer = offerOf(recovery.tape, markers);
    this.#takers.delete(from);
    if (!offer || offer.from >= offer.serial) return null;
    const [oldest] = this.#takers.keys();
    if (oldest !== undefined && this.#takers.size >= maxTakers) this.#takers.delete(oldest);
    this.#takers.set(from, this.#open(offer));
    return { ...offer };
  }

  #open(offer: TapeOffer): Taker {
    const items = this.#parts.recovery.tape.items(offer.from, offer.serial);
    return { offer, items, number: 0, read: offer.from, rest: Buffer.of() };
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
    const { sources, now } = this.#parts;
    const taker = this.#takerOf(from, number);
    if (!taker) {
      // Where the line was cut meanwhile, or more was dropped than was read, there is a hole.
      this.#takers.delete(from);
      return null;
    }
    const parts = [taker.rest];
    let bytes = taker.rest.length;
    let isLast = false;
    while (bytes < partBytes && !isLast) {
      const next = taker.items.next();
      const encoded = next.done === true ? undefined : encodeItem(next.value, sources, now());
      isLast = next.done === true;
      if (next.done !== true) taker.read = next.value.serial;
      if (!encoded) continue;
      parts.push(encoded);
      bytes += encoded.length;
    }
    const all = Buffer.concat(parts);
    taker.rest = all.subarray(partBytes);
    taker.number++;
    isLast &&= taker.rest.length === 0;
    if (isLast) this.#takers.delete(from);
    return {
      data: all.subarray(0, partBytes).toString("base64"),
      isLast,
      ...(number === 0 && { offer: { ...taker.offer } }),
    };
  }
}

interface Fetched {
  readonly bytes: Buffer;
  readonly offer: TapeOffer;
}
