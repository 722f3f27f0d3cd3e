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

/** Reads all of them; `undefined` stands for the first that cannot be read, and ends them. */
export function* decodeItems(
  bytes: Buffer,
  sources: TapeSources,
  now: number,
): Generator<TapeItem | undefined, void> {
  for (let place = 0; place < bytes.length;) {
    const read = decodeItem(bytes, place, { sources, now });
    yield read?.item;
    if (!read) return;
    place = read.end;
  }
}

interface Reading {
  readonly sources: TapeSources;
  readonly now: number;
}

function decodeItem(
  bytes: Buffer,
  place: number,
  { sources, now }: Reading,
): { readonly item: TapeItem; readonly end: number } | undefined {
  const body = place + headBytes;
  if (body > bytes.length) return undefined;
  const serial = bytes.readDoubleLE(place);
  const age = bytes.readDoubleLE(place + 8);
  const channelAt = body + bytes.readUInt32LE(place + 16);
  const payloadAt = channelAt + bytes.readUInt32LE(place + 20);
  const end = payloadAt + bytes.readUInt32LE(place + 24);
  if (end > bytes.length || !Number.isSafeInteger(serial) || !Number.isFinite(age)) return undefined;
  const name = bytes.subarray(body, channelAt).toString();
  if (age < 0) return { item: { serial, token: name }, end };
  const source = sources.named(name);
  if (!source) return undefined;
  const channel = bytes.subarray(channelAt, payloadAt);
  return { item: { serial, source, time: now - age, channel, payload: bytes.subarray(payloadAt, end) }, end };
}
