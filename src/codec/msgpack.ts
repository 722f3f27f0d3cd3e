// Reads one MessagePack value: messages of Node emitters, sessions of Django. Own code, because the bytes are
// hostile until read: a general decoder makes room for as many elements as a header announces (66 KB of nested
// headers took 11 GB and 33 s), knows no depth, and refuses a whole message for a key named `__proto__`.

import { readUtf8 } from "./utf8.ts";

/** Maps are Maps, so that no key can reach a prototype. Integers past 2^53 are bigints (SIO-15). */
export type MsgpackValue =
  | null
  | undefined
  | boolean
  | number
  | bigint
  | string
  | Date
  | Uint8Array
  | readonly MsgpackValue[]
  | ReadonlyMap<string, MsgpackValue>;

export type MsgpackFault =
  | "msgpack_truncated"
  | "msgpack_trailing"
  | "msgpack_depth"
  | "msgpack_size"
  | "msgpack_key"
  | "msgpack_ext"
  | "msgpack_byte";

export type MsgpackResult =
  | {
      readonly isValid: true;
      readonly value: MsgpackValue;
      /** Is some text no UTF-8? It has U+FFFD where it is broken; or it is binary of old writers (NRE-05). */
      readonly hasBrokenText: boolean;
    }
  | { readonly isValid: false; readonly reason: MsgpackFault };

/** Arrays and maps inside each other. */
const maxDepth = 1_024;
/** Values in one message, map keys included. */
const maxValues = 1_000_000;
/** Bytes that follow 0xca, 0xcb, ... 0xd3. */
const numberSizes = [4, 8, 1, 2, 4, 8, 1, 2, 4, 8];

/** Reads exactly one value. Never throws; binary values are views of `bytes`. */
export function readMsgpack(bytes: Buffer): MsgpackResult {
  const reader = new Reader(bytes);
  const value = reader.value(0);
  const reason = reader.fault ?? (reader.isAtEnd ? undefined : "msgpack_trailing");
  if (reason !== undefined) return { isValid: false, reason };
  return { isValid: true, value, hasBrokenText: reader.hasBrokenText };
}

/** A cursor over the bytes. The first fault stays; every loop ends on it, and the value is then worth nothing. */
class Reader {
  readonly #bytes: Buffer;
  readonly #view: DataView;
  #at = 0;
  #values = 0;
  #fault: MsgpackFault | undefined;
  #hasBrokenText = false;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get fault(): MsgpackFault | undefined {
    return this.#fault;
  }

  get hasBrokenText(): boolean {
    return this.#hasBrokenText;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  value(depth: number): MsgpackValue {
    const head = this.#uint(1);
    this.#values++;
    if (this.#fault) return null;
    if (head < 0x80) return head;
    if (head < 0x90) return this.#map(head & 0x0f, depth);
    if (head < 0xa0) return this.#array(head & 0x0f, depth);
    if (head < 0xc0) return this.#text(head & 0x1f);
    if (head >= 0xe0) return head - 0x100;
    return this.#tagged(head, depth);
  }

  /** 0xc0 to 0xdf: the kind of value is in the byte, its size or its bits follow. */
  #tagged(head: number, depth: number): MsgpackValue {
    if (head === 0xc0) return null;
    if (head === 0xc2 || head === 0xc3) return head === 0xc3;
    if (head >= 0xc4 && head <= 0xc6) return this.#binary(this.#uint(1 << (head - 0xc4)));
    if (head >= 0xc7 && head <= 0xc9) return this.#extension(this.#uint(1 << (head - 0xc7)), depth);
    if (head >= 0xca && head <= 0xd3) return this.#number(head);
    if (head >= 0xd4 && head <= 0xd8) return this.#fixedExtension(1 << (head - 0xd4), depth);
    if (head >= 0xd9 && head <= 0xdb) return this.#text(this.#uint(1 << (head - 0xd9)));
    if (head >= 0xdc && head <= 0xdd) return this.#array(this.#uint(2 << (head - 0xdc)), depth);
    if (head >= 0xde && head <= 0xdf) return this.#map(this.#uint(2 << (head - 0xde)), depth);
    return this.#fail("msgpack_byte");
  }

  /** 0xca to 0xd3: floats, unsigned and signed integers. */
  #number(head: number): number | bigint {
    const size = numberSizes[head - 0xca] ?? 0;
    const start = this.#skip(size);
    if (this.#fault) return 0;
    if (head === 0xca) return this.#view.getFloat32(start);
    if (head === 0xcb) return this.#view.getFloat64(start);
    if (head === 0xcf) return shortest(this.#view.getBigUint64(start));
    if (head === 0xd3) return shortest(this.#view.getBigInt64(start));
    return head < 0xcf ? this.#bytes.readUIntBE(start, size) : this.#bytes.readIntBE(start, size);
  }

  /** Old emitters write text as "raw", which has the same bytes: what is no UTF-8 may be binary (NRE-05). */
  #text(size: number): string {
    const start = this.#skip(size);
    if (this.#fault) return "";
    const text = this.#bytes.toString("utf8", start, this.#at);
    // Bytes that are no UTF-8 always leave this character behind; a second look is needed only then.
    this.#hasBrokenText ||=
      text.includes("\ufffd") && readUtf8(this.#bytes.subarray(start, this.#at)) === undefined;
    return text;
  }

  #binary(size: number): Uint8Array {
    const start = this.#skip(size);
    return this.#bytes.subarray(start, start + size);
  }

  #array(count: number, depth: number): readonly MsgpackValue[] {
    const items: MsgpackValue[] = [];
    if (!this.#isPossible(count, depth)) return items;
    for (let i = 0; i < count && !this.#fault; i++) items.push(this.value(depth + 1));
    return items;
  }

  #map(count: number, depth: number): ReadonlyMap<string, MsgpackValue> {
    const entries = new Map<string, MsgpackValue>();
    if (!this.#isPossible(count * 2, depth)) return entries;
    for (let i = 0; i < count && !this.#fault; i++) {
      const key = this.#key(this.value(depth + 1));
      entries.set(key, this.value(depth + 1));
    }
    return entries;
  }

  /** Keys that are no text become text the way of SIO-15. */
  #key(key: MsgpackValue): string {
    if (typeof key === "string") return key;
    if (key === null || typeof key === "boolean" || typeof key === "number" || typeof key === "bigint") {
      return String(key);
    }
    this.#fail("msgpack_key");
    return "";
  }

  /** Can so many values still follow? Each takes a byte at least: an announced billion is refused at once. */
  #isPossible(values: number, depth: number): boolean {
    if (depth >= maxDepth) this.#fail("msgpack_depth");
    else if (values > this.#bytes.length - this.#at) this.#fail("msgpack_truncated");
    else if (values + this.#values > maxValues) this.#fail("msgpack_size");
    return this.#fault === undefined;
  }

  /** fixext 1 to 16. */
  #fixedExtension(size: number, depth: number): MsgpackValue {
    if (this.#bytes[this.#at] !== 0) return this.#extension(size, depth);
    this.#skip(1);
    // notepack 1 and 2: `undefined`, and a date as milliseconds (NRE-05).
    if (size === 8) return this.#milliseconds();
    if (size !== 1) return this.#fail("msgpack_ext");
    this.#skip(1);
    return undefined;
  }

  /** ext 8 to 32, and those of fixext that mean the same. */
  #extension(size: number, depth: number): MsgpackValue {
    const type = (this.#uint(1) << 24) >> 24;
    // notepack 1 and 2: an ArrayBuffer. msgpack-lite: typed arrays, in the order of the writer's machine (NRE-05).
    if (type === 0 || (type >= 0x11 && type <= 0x1b) || type === 0x1d) return this.#binary(size);
    if (type === -1) return this.#timestamp(size);
    return this.#boxed(type, size, depth);
  }

  /** msgpack-lite: a value inside an ext, the ext's type says which JavaScript class it has (NRE-05). */
  #boxed(type: number, size: number, depth: number): MsgpackValue {
    const isPlain = type === 0x0b || type === 0x0c || type === 0x0f;
    const isEmptyInJson = (type >= 0x01 && type <= 0x06) || type === 0x0a || type === 0x0e;
    if (!isPlain && !isEmptyInJson && type !== 0x0d) return this.#fail("msgpack_ext");
    if (!this.#isPossible(1, depth)) return null;
    const end = this.#at + size;
    const value = this.value(depth + 1);
    if (this.#at !== end) return this.#fault ? null : this.#fail("msgpack_ext");
    if (isPlain) return value;
    // Errors and regular expressions have no members that JSON shows.
    if (isEmptyInJson) return new Map();
    return typeof value === "number" || typeof value === "bigint"
      ? new Date(Number(value))
      : this.#fail("msgpack_ext");
  }

  #milliseconds(): MsgpackValue {
    const start = this.#skip(8);
    return this.#fault ? null : new Date(Number(this.#view.getBigInt64(start)));
  }

  /** The timestamp of the MessagePack specification, in its three sizes. */
  #timestamp(size: number): MsgpackValue {
    if (size !== 4 && size !== 8 && size !== 12) return this.#fail("msgpack_ext");
    const start = this.#skip(size);
    if (this.#fault) return null;
    if (size === 4) return new Date(this.#view.getUint32(start) * 1_000);
    const first = this.#view.getUint32(start);
    const nanoseconds = size === 8 ? first >>> 2 : first;
    const seconds =
      size === 8
        ? (first & 3) * 2 ** 32 + this.#view.getUint32(start + 4)
        : Number(this.#view.getBigInt64(start + 4));
    if (nanoseconds > 999_999_999) return this.#fail("msgpack_ext");
    return new Date(seconds * 1_000 + nanoseconds / 1e6);
  }

  /** An unsigned integer of 1, 2 or 4 bytes. */
  #uint(size: number): number {
    const start = this.#skip(size);
    return this.#fault ? 0 : this.#bytes.readUIntBE(start, size);
  }

  /** Moves past `size` bytes and says where they began. */
  #skip(size: number): number {
    const start = this.#at;
    if (size > this.#bytes.length - start) this.#fail("msgpack_truncated");
    else this.#at += size;
    return start;
  }

  #fail(reason: MsgpackFault): null {
    this.#fault ??= reason;
    return null;
  }
}

function shortest(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
