// The machine that a pickle drives: input cursor, stack with marks, memo. It knows no opcode (pickle-opcodes.ts
// does) and never throws: the first failure sticks, and every later read gives something harmless.

import type { PickleFailure, PickleLimits, PickleValue } from "./pickle-value.ts";

export class PickleMachine {
  /** Unknown objects become opaque instead of failing (DJS-05). */
  readonly isTolerant: boolean;
  readonly #bytes: Buffer;
  readonly #limits: PickleLimits;
  readonly #stack: PickleValue[] = [];
  /** Stack heights at which marks stand; nothing below the last one can be popped. */
  readonly #marks: number[] = [];
  readonly #memo: PickleValue[] = [];
  #memoized = 0;
  /** Containers and byte strings pushed so far, kept or not. */
  #objects = 0;
  /** Characters and items that constructors copied so far. */
  #copied = 0;
  #pos = 0;
  #failure: PickleFailure | undefined;
  #refused: string | undefined;
  /** What known names made, which may have a state. */
  readonly #made = new WeakSet<object>();

  constructor(bytes: Buffer, limits: PickleLimits, isTolerant: boolean) {
    this.#bytes = bytes;
    this.#limits = limits;
    this.isTolerant = isTolerant;
  }

  get failure(): PickleFailure | undefined {
    return this.#failure;
  }

  /** What the failure was about, if that has a name. */
  get refused(): string | undefined {
    return this.#refused;
  }

  fail(reason: PickleFailure, refused?: string): void {
    if (this.#failure !== undefined) return;
    this.#failure = reason;
    this.#refused = refused;
  }

  /** The next byte; 0 past the end. */
  byte(): number {
    const byte = this.#bytes[this.#pos];
    if (byte === undefined) {
      this.fail("pickle_truncated");
      return 0;
    }
    this.#pos++;
    return byte;
  }

  /** An unsigned little-endian number of up to 6 bytes. */
  unsigned(width: number): number {
    const at = this.#take(width);
    return at === undefined ? 0 : this.#bytes.readUIntLE(at, width);
  }

  /** A signed little-endian number of 4 bytes. */
  signed(): number {
    const at = this.#take(4);
    return at === undefined ? 0 : this.#bytes.readInt32LE(at);
  }

  double(): number {
    const at = this.#take(8);
    return at === undefined ? 0 : this.#bytes.readDoubleBE(at);
  }

  /** A length of 8 bytes; what no pickle can hold counts as truncated. */
  length(): number {
    const low = this.unsigned(6);
    if (this.unsigned(2) !== 0) this.fail("pickle_truncated");
    return low;
  }

  /** The next bytes, shared with the input. */
  bytes(length: number): Buffer {
    const at = this.#take(length);
    return at === undefined ? this.#bytes.subarray(0, 0) : this.#bytes.subarray(at, at + length);
  }

  /** The next line as Latin-1, without its end. */
  line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#pos);
    if (end === -1) {
      this.fail("pickle_truncated");
      return "";
    }
    const line = this.#bytes.toString("latin1", this.#pos, end);
    this.#pos = end + 1;
    return line;
  }

  /** A frame of this length must fit into what is left. */
  frame(length: number): void {
    if (length > this.#bytes.length - this.#pos) this.fail("pickle_truncated");
  }

  push(value: PickleValue): void {
    if (typeof value === "object" && value !== null) this.#objects++;
    const { maxStack, maxObjects } = this.#limits;
    if (this.#stack.length >= maxStack || this.#objects > maxObjects) this.fail("pickle_limit");
    else this.#stack.push(value);
  }

  /** Counts what is made out of values that are there already: one opcode can copy a long one. */
  charge(size: number): void {
    this.#copied += size;
    if (this.#copied > this.#limits.maxExpanded) this.fail("pickle_limit");
  }

  /** Remembers that a known name made it. */
  made(value: PickleValue): PickleValue {
    if (typeof value === "object" && value !== null) this.#made.add(value);
    return value;
  }

  isMade(value: PickleValue): boolean {
    return typeof value === "object" && value !== null && this.#made.has(value);
  }

  /** Pushes a value, or fails where there is none: the text is no pickle. */
  pushFound(value: PickleValue | undefined): void {
    if (value === undefined) this.fail("pickle_invalid");
    else this.push(value);
  }

  pop(): PickleValue {
    const value = this.#stack.length > this.#fence() ? this.#stack.pop() : undefined;
    if (value !== undefined) return value;
    this.fail("pickle_invalid");
    return null;
  }

  top(): PickleValue {
    const value = this.#stack.length > this.#fence() ? this.#stack.at(-1) : undefined;
    if (value !== undefined) return value;
    this.fail("pickle_invalid");
    return null;
  }

  mark(): void {
    if (this.#marks.length >= this.#limits.maxStack) this.fail("pickle_limit");
    else this.#marks.push(this.#stack.length);
  }

  /** Everything above the last mark, which goes too. */
  popMark(): PickleValue[] {
    const mark = this.#marks.pop();
    if (mark !== undefined) return this.#stack.splice(mark);
    this.fail("pickle_invalid");
    return [];
  }

  /** POP takes the mark when there is nothing above it. */
  discard(): void {
    if (this.#marks.length > 0 && this.#fence() === this.#stack.length) this.#marks.pop();
    else this.pop();
  }

  /** @param index undefined: the next free one. */
  put(index?: number): void {
    const at = index ?? this.#memoized;
    const value = this.top();
    if (at >= this.#limits.maxMemo) this.fail("pickle_limit");
    if (this.#failure !== undefined) return;
    if (this.#memo[at] === undefined) this.#memoized++;
    this.#memo[at] = value;
  }

  get(index: number): void {
    this.pushFound(this.#memo[index]);
  }

  #fence(): number {
    return this.#marks.at(-1) ?? 0;
  }

  #take(length: number): number | undefined {
    const at = this.#pos;
    if (length < 0) this.fail("pickle_invalid");
    else if (length > this.#bytes.length - at) this.fail("pickle_truncated");
    if (this.#failure !== undefined) return undefined;
    this.#pos += length;
    return at;
  }
}
