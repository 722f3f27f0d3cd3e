// Redis globs (`*`, `?`, `[...]`, `\` escapes) as Redis reads them: byte by byte. For buses that match patterns
// themselves. Names come from peers, so a match never backtracks: one pass over the name, whatever the pattern (T21).

const star = 0x2a;
const questionMark = 0x3f;
const open = 0x5b;
const close = 0x5d;
const caret = 0x5e;
const dash = 0x2d;
const backslash = 0x5c;

/** Which bytes a place of the pattern takes. */
type ByteTest = (byte: number) => boolean;

interface Pattern {
  /** One test per byte of the name, stars left out. */
  readonly places: readonly ByteTest[];
  /** Before which places (or at the end) any bytes may stand. */
  readonly stars: ReadonlySet<number>;
}

/** The glob that matches this text alone. */
export function escapeGlob(text: string): string {
  return text.replace(/[*?[\]\\]/g, String.raw`\$&`);
}

/** A matcher for a list of patterns: does any of them take the name? */
export function compileGlobs(patterns: readonly string[]): (name: string) => boolean {
  const globs = patterns.map(compileGlob);
  return (name) => globs.some((matches) => matches(name));
}

/** A matcher for one pattern; takes time in proportion to the name's length times the pattern's, at 32 places a step. */
export function compileGlob(pattern: string): (name: string) => boolean {
  const { places, stars } = parse(Buffer.from(pattern));
  const words = (places.length >> 5) + 1;
  const takes = tableOf(places, words);
  const stays = bitsOf(stars, words);
  const last = 1 << (places.length & 31);
  // Bit i of `reached`: the bytes so far can be the first i places.
  const reached = new Int32Array(words);
  return (name) => {
    reached.fill(0);
    reached[0] = 1;
    for (const byte of Buffer.from(name)) {
      if (!step(reached, takes.subarray(byte * words, (byte + 1) * words), stays)) return false;
    }
    return ((reached[words - 1] ?? 0) & last) !== 0;
  };
}

/** Moves every state over one byte; false when none is left. */
function step(reached: Int32Array, takes: Int32Array, stays: Int32Array): boolean {
  let carry = 0;
  let any = 0;
  for (let word = 0; word < reached.length; word++) {
    const now = reached[word] ?? 0;
    const moving = now & (takes[word] ?? 0);
    const next = (moving << 1) | carry | (now & (stays[word] ?? 0));
    reached[word] = next;
    carry = moving >>> 31;
    any |= next;
  }
  return any !== 0;
}

function tableOf(places: readonly ByteTest[], words: number): Int32Array {
  const table = new Int32Array(256 * words);
  for (const [index, isTaken] of places.entries()) {
    for (let byte = 0; byte < 256; byte++) {
      const at = byte * words + (index >> 5);
      if (isTaken(byte)) table[at] = (table[at] ?? 0) | (1 << (index & 31));
    }
  }
  return table;
}

function bitsOf(places: ReadonlySet<number>, words: number): Int32Array {
  const bits = new Int32Array(words);
  for (const place of places) bits[place >> 5] = (bits[place >> 5] ?? 0) | (1 << (place & 31));
  return bits;
}

function parse(pattern: Uint8Array): Pattern {
  const places: ByteTest[] = [];
  const stars = new Set<number>();
  let at = 0;
  while (at < pattern.length) {
    const byte = pattern[at];
    if (byte === star) stars.add(places.length);
    else if (byte === questionMark) places.push(() => true);
    else if (byte === open) {
      const { test, end } = parseClass(pattern, at + 1);
      places.push(test);
      at = end;
    } else {
      // A backslash at the very end stands for itself, as in Redis.
      if (byte === backslash && at + 1 < pattern.length) at += 1;
      const literal = pattern[at];
      places.push((candidate) => candidate === literal);
    }
    at += 1;
  }
  return { places, stars };
}

/** A class from behind its `[`; `end` is its `]`, or the end of a pattern that never closes it (Redis allows that). */
function parseClass(pattern: Uint8Array, start: number): { readonly test: ByteTest; readonly end: number } {
  const members = new Set<number>();
  const isNegated = pattern[start] === caret;
  let at = isNegated ? start + 1 : start;
  while (at < pattern.length && pattern[at] !== close) {
    const isRange = pattern[at + 1] === dash && at + 2 < pattern.length;
    if (pattern[at] === backslash && at + 1 < pattern.length) {
      members.add(pattern[at + 1] ?? 0);
      at += 2;
    } else if (isRange) {
      addRange(members, pattern[at] ?? 0, pattern[at + 2] ?? 0);
      at += 3;
    } else {
      members.add(pattern[at] ?? 0);
      at += 1;
    }
  }
  return { test: (byte) => members.has(byte) !== isNegated, end: at };
}

/** Both ends included; Redis takes them in either order. */
function addRange(members: Set<number>, one: number, other: number): void {
  for (let byte = Math.min(one, other); byte <= Math.max(one, other); byte++) members.add(byte);
}
