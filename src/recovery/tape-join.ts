// Two tapes made one: what another gateway kept up to a marker that both heard, and what this one heard after it. Both heard the
// same line, so what stands between two markers is the same on both, and nothing is missing at the marker. What does not fit
// is refused: a joined tape that is too good would tell clients that they have everything.

import { Tape } from "./tape.ts";
import { messageOf, publicationIn } from "./tape-item.ts";
import type { TapeItem } from "./tape-item.ts";
import type { TapeParts } from "./tape.ts";

/** What another tape has to offer, in its own serials. */
export interface TapeOffer {
  /** The marker that both heard, and where it stands there. */
  readonly token: string;
  readonly serial: number;
  /** Everything after this is there. */
  readonly from: number;
}

/** The tape that another one offers to one that knows these markers; undefined: they have none in common. */
export function offerOf(tape: Tape, markers: readonly string[]): TapeOffer | undefined {
  const common = markers.findLast((token) => tape.placeOf(token) !== undefined);
  const serial = common === undefined ? undefined : tape.placeOf(common);
  if (common === undefined || serial === undefined || !Number.isFinite(tape.wholeFrom)) return undefined;
  return { token: common, serial, from: tape.wholeFrom };
}

/** Does it reach further back than ours? Where ours dropped something it knows for each room what, which the other cannot tell. */
export function reachesFurther(own: Tape, { token, serial, from }: TapeOffer): boolean {
  const place = own.placeOf(token);
  return place !== undefined && own.isComplete && from + place - serial < own.wholeFrom;
}

export class TapeJoin {
  readonly #own: Tape;
  readonly #offer: TapeOffer;
  readonly #joined: Tape;
  /** From serials of the other one to ours. */
  readonly #shift: number;
  #last: number;
  /** What ours received up to this serial is joined. */
  #followed: number;
  #time = Number.NEGATIVE_INFINITY;
  #endsAtMarker = false;
  #isRefused: boolean;

  constructor(own: Tape, offer: TapeOffer, parts: TapeParts) {
    this.#own = own;
    this.#offer = offer;
    this.#joined = new Tape(parts);
    const place = own.placeOf(offer.token) ?? Number.NaN;
    this.#shift = place - offer.serial;
    this.#last = offer.from + this.#shift;
    this.#followed = place;
    this.#isRefused = !reachesFurther(own, offer);
    const { hasBeenCut } = own.standing;
    this.#joined.stand({ serial: this.#last, time: 0, lostUpTo: this.#last, hasBeenCut });
  }

  /** Takes the next of the other tape, in order. @returns false when it does not fit: there will be no joined tape. */
  add(item: TapeItem): boolean {
    if (!this.#isRefused && !this.#take(item, item.serial + this.#shift)) this.#isRefused = true;
    return !this.#isRefused;
  }

  /** Was ours cut meanwhile? Then nothing can be joined to it, however good. */
  get isStale(): boolean {
    return this.#own.placeOf(this.#offer.token) === undefined;
  }

  /** Takes so many at most of what ours received behind the marker, once all of the other was taken. @returns how many are left */
  follow(most: number): number {
    const { serial } = this.#own.standing;
    let count = 0;
    for (const item of this.#own.items(this.#followed, serial)) {
      if (count++ === most) return serial - this.#followed;
      if (!this.#put(item, item.serial)) this.#isRefused = true;
      this.#followed = item.serial;
    }
    this.#followed = serial;
    return 0;
  }

  /** The joined tape, once all was taken; undefined: they do not fit. In the same turn it must take the place of ours. */
  end(): Tape | undefined {
    const own = this.#own;
    const fits = own.placeOf(this.#offer.token) === this.#offer.serial + this.#shift && own.isComplete;
    if (this.#isRefused || !this.#endsAtMarker || !fits) return undefined;
    this.follow(Number.POSITIVE_INFINITY);
    if (this.#isRefused) return undefined;
    const { serial, time } = own.standing;
    this.#joined.stand({ serial, time });
    return this.#joined;
  }

  #take(item: TapeItem, serial: number): boolean {
    const end = this.#offer.serial + this.#shift;
    const isInOrder = serial >= this.#last && serial > this.#offer.from + this.#shift && serial <= end;
    if (!isInOrder || !Number.isSafeInteger(serial)) return false;
    this.#last = serial;
    if (!("token" in item)) {
      // The marker is a message of its own.
      this.#endsAtMarker = false;
      return serial < end && this.#put(item, serial);
    }
    const known = this.#own.placeOf(item.token);
    if (known !== undefined && known !== serial) return false;
    this.#endsAtMarker = item.token === this.#offer.token;
    return this.#put(item, serial);
  }

  #put(item: TapeItem, serial: number): boolean {
    if ("token" in item) {
      this.#joined.stand({ serial, time: this.#time });
      this.#joined.mark(item.token);
      return true;
    }
    const { source } = item;
    this.#time = Math.max(this.#time, item.time);
    this.#joined.stand({ serial, time: this.#time });
    const message = messageOf(source, item);
    const publication = publicationIn(source, message);
    if (!publication) return false;
    this.#joined.record(publication, source, message);
    return true;
  }
}
