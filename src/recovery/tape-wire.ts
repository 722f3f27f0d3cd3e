// What is kept on a tape, as bytes from one gateway to another. Read as everything that comes from outside: what does not fit is
// no tape.

import type { TapeItem } from "./tape-item.ts";
import type { TapeSource } from "./tape.ts";

/** What understands the messages, by a name that is the same on every gateway with the same subscriptions. */
export class TapeSources {
  readonly #byName = new Map<string, TapeSource>();
  readonly #names = new Map<TapeSource, string>();

  add(name: string, source: TapeSource): void {
    // Several subscriptions of a dialect may be alike.
    let unused = name;
    while (this.#byName.has(unused)) unused += "+";
    this.#byName.set(unused, source);
    this.#names.set(source, unused);
  }

  nameOf(source: TapeSource): string | undefined {
    return this.#names.get(source);
  }

  named(name: string): TapeSource | undefined {
    return this.#byName.get(name);
  }
}

/** Serial, age, and the lengths of name, channel and payload; a marker has its token as the name, and an age below 0. */
const headBytes = 8 + 8 + 4 + 4 + 4;

/** @returns undefined for what is on no line: a subscription that single clients have. */
export function encodeItem(item: TapeItem, sources: TapeSources, now: number): Buffer | undefined {
  const isMarker = "token" in item;
  const name = isMarker ? item.token : sources.nameOf(item.source);
  if (name === undefined) return undefined;
  const [channel, payload] = isMarker ? [Buffer.of(), Buffer.of()] : [item.channel, item.payload];
  const nameBytes = Buffer.from(name);
  const head = Buffer.alloc(headBytes);
  head.writeDoubleLE(item.serial, 0);
  head.writeDoubleLE(isMarker ? -1 : Math.max(0, now - item.time), 8);
  head.writeUInt32LE(nameBytes.length, 16);
  head.writeUInt32LE(channel.length, 20);
  head.writeUInt32LE(payload.length, 24);
  return Buffer.concat([head, nameBytes, channel, payload]);
}

/** Reads items from parts of their bytes as these come. */
export class ItemReader {
  readonly #sources: TapeSources;
  readonly #now: () => number;
  /** The beginning of an item that the next part goes on with. */
  #rest = Buffer.of();

  /** @param now monotonic clock, ms. */
  constructor(sources: TapeSources, now: () => number) {
    this.#sources = sources;
    this.#now = now;
  }

  /** Is nothing begun that did not come whole? */
  get isAtEnd(): boolean {
    return this.#rest.length === 0;
  }

  /** Reads what is whole; `undefined` stands for the first that cannot be read, and ends them. */
  *read(part: Buffer): Generator<TapeItem | undefined, void> {
    const bytes = this.isAtEnd ? part : Buffer.concat([this.#rest, part]);
    let place = 0;
    for (;;) {
      const head = headAt(bytes, place);
      if (!head || head.end > bytes.length) break;
      const item = this.#item(bytes, place, head);
      yield item;
      if (!item) return;
      place = head.end;
    }
    this.#rest = Buffer.from(bytes.subarray(place));
  }

  #item(bytes: Buffer, place: number, { name: nameAt, channel, payload, end }: Head): TapeItem | undefined {
    const serial = bytes.readDoubleLE(place);
    const age = bytes.readDoubleLE(place + 8);
    if (!Number.isSafeInteger(serial) || !Number.isFinite(age)) return undefined;
    const name = bytes.subarray(nameAt, channel).toString();
    if (age < 0) return { serial, token: name };
    const source = this.#sources.named(name);
    if (!source) return undefined;
    const [channelBytes, payloadBytes] = [bytes.subarray(channel, payload), bytes.subarray(payload, end)];
    return { serial, source, time: this.#now() - age, channel: channelBytes, payload: payloadBytes };
  }
}

/** Where the parts of an item begin, and where it ends. */
interface Head {
  readonly name: number;
  readonly channel: number;
  readonly payload: number;
  readonly end: number;
}

function headAt(bytes: Buffer, place: number): Head | undefined {
  const name = place + headBytes;
  if (name > bytes.length) return undefined;
  const channel = name + bytes.readUInt32LE(place + 16);
  const payload = channel + bytes.readUInt32LE(place + 20);
  return { name, channel, payload, end: payload + bytes.readUInt32LE(place + 24) };
}
