// The careful reader of raw JSON, one pass over one text: it checks the grammar (RFC 8259) by itself. So it takes what
// JSON.parse does not, Python's bare words, and texts of any size in linear time without making values of them.

import { decodeKey, defaultDepth, defaultItems, nearby } from "./json-text.ts";
import type { JsonBounds } from "./json-text.ts";

/** Where a value stands in a text: `text.slice(start, end)`. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

const [space, quote, backslash, comma, colon] = [0x20, 0x22, 0x5c, 0x2c, 0x3a];
const [openArray, closeArray, openObject, closeObject] = [0x5b, 0x5d, 0x7b, 0x7d];
const [zero, nine, plus, minus, dot, lowerE, upperE] = [0x30, 0x39, 0x2b, 0x2d, 0x2e, 0x65, 0x45];
const [upperI, lowerU] = [0x49, 0x75];

// Negated: everything from the space upwards is not one.
const control = /[^ -\uffff]/;
/** What may follow a backslash, `u` aside. */
const escapes = '"\\/bfnrt';

/** Objects to look for: those that have this member themselves. */
interface Watch {
  readonly member: string;
  readonly spans: Span[];
}

/** One pass over one text. Every method leaves the cursor behind what it accepted, or says false for good. */
export class Scanner {
  readonly #text: string;
  readonly #maxDepth: number;
  readonly #maxItems: number;
  readonly #watch: Watch | undefined;
  /** Control characters are rare: looked for once per text, then in long strings only if there are any. */
  readonly #hasControl: boolean;
  /** The first backslash at or after the last string's start: searched once, or short strings would be quadratic. */
  #escape: number;
  #pos = 0;
  /** Bare words without a JSON form since the last cut. */
  #words: Span[] = [];

  constructor(text: string, bounds: JsonBounds, watch?: Watch) {
    this.#text = text;
    this.#maxDepth = bounds.maxDepth ?? defaultDepth;
    this.#maxItems = bounds.maxItems ?? defaultItems;
    this.#watch = watch;
    this.#hasControl = control.test(this.#text);
    this.#escape = this.#nextEscape(0);
  }

  readObject(into: Map<string, string>): boolean {
    return this.#open() && this.#at(openObject) && this.#object(1, into) && this.#isAtEnd();
  }

  readArray(into: string[]): boolean {
    return this.#open() && this.#at(openArray) && this.#array(1, into) && this.#isAtEnd();
  }

  readJson(): string | undefined {
    if (!this.#open()) return undefined;
    const start = this.#pos;
    if (!this.#value(1)) return undefined;
    const raw = this.#cut(start);
    return this.#isAtEnd() ? raw : undefined;
  }

  /** @param depth of the value, if it is a container; the outermost is 1. */
  #value(depth: number): boolean {
    switch (this.#text.charCodeAt(this.#pos)) {
      case quote:
        return this.#string();
      case openObject:
        return this.#object(depth);
      case openArray:
        return this.#array(depth);
      case 0x74: // t
        return this.#word("true");
      case 0x66: // f
        return this.#word("false");
      case 0x6e: // n
        return this.#word("null");
      case 0x4e: // N
        return this.#nonFinite("NaN");
      case upperI:
        return this.#nonFinite("Infinity");
      case minus:
        return this.#text.charCodeAt(this.#pos + 1) === upperI
          ? this.#nonFinite("-Infinity")
          : this.#number();
      default:
        return this.#number();
    }
  }

  #object(depth: number, into?: Map<string, string>): boolean {
    const start = this.#pos++;
    if (depth > this.#maxDepth) return false;
    this.#space();
    if (this.#eat(closeObject)) return true;
    let isWatched = false;
    do {
      this.#space();
      const key = this.#pos;
      if (!this.#at(quote) || !this.#string()) return false;
      const keyEnd = this.#pos;
      isWatched ||= this.#watch !== undefined && this.#isKey(this.#watch.member, key);
      this.#space();
      if (!this.#eat(colon)) return false;
      this.#space();
      const value = this.#pos;
      if (!this.#value(depth + 1)) return false;
      if (into) {
        into.set(decodeKey(this.#text.slice(key, keyEnd)), this.#cut(value));
        if (into.size > this.#maxItems) return false;
      }
      this.#space();
    } while (this.#eat(comma));
    if (!this.#eat(closeObject)) return false;
    if (isWatched) this.#watch?.spans.push({ start, end: this.#pos });
    return true;
  }

  #array(depth: number, into?: string[]): boolean {
    this.#pos++;
    if (depth > this.#maxDepth) return false;
    this.#space();
    if (this.#eat(closeArray)) return true;
    do {
      this.#space();
      const start = this.#pos;
      if (!this.#value(depth + 1)) return false;
      if (into) {
        into.push(this.#cut(start));
        if (into.length > this.#maxItems) return false;
      }
      this.#space();
    } while (this.#eat(comma));
    return this.#eat(closeArray);
  }

  #string(): boolean {
    const start = this.#pos + 1;
    // Short and plain, as most are: cheaper than a search.
    for (let at = start; at < start + nearby; at++) {
      const code = this.#text.charCodeAt(at);
      if (code === quote) {
        this.#pos = at + 1;
        return true;
      }
      if (code === backslash || !(code >= space)) break;
    }
    return this.#longString(start);
  }

  #longString(start: number): boolean {
    let from = start;
    let end = -1;
    for (;;) {
      // The closing quote is searched again only when the escapes passed it: a string of escapes stays linear.
      if (end < from) end = this.#text.indexOf('"', from);
      if (end === -1) return false;
      if (this.#escape < from) this.#escape = this.#nextEscape(from);
      if (this.#escape > end) break;
      const length = escapeLength(this.#text, this.#escape);
      if (length === 0) return false;
      from = this.#escape + length;
    }
    this.#pos = end + 1;
    return !this.#hasControl || !control.test(this.#text.slice(start, end));
  }

  #number(): boolean {
    this.#eat(minus);
    if (!this.#eat(zero) && !this.#digits()) return false;
    if (this.#eat(dot) && !this.#digits()) return false;
    if (!this.#eat(lowerE) && !this.#eat(upperE)) return true;
    if (!this.#eat(plus)) this.#eat(minus);
    return this.#digits();
  }

  #digits(): boolean {
    const start = this.#pos;
    let code = this.#text.charCodeAt(start);
    while (code >= zero && code <= nine) code = this.#text.charCodeAt(++this.#pos);
    return this.#pos > start;
  }

  #word(word: string): boolean {
    if (!this.#text.startsWith(word, this.#pos)) return false;
    this.#pos += word.length;
    return true;
  }

  #nonFinite(word: string): boolean {
    const start = this.#pos;
    if (!this.#word(word)) return false;
    this.#words.push({ start, end: this.#pos });
    return true;
  }

  /** The text from `start` to the cursor, without bare words that JSON does not have. */
  #cut(start: number): string {
    if (this.#words.length === 0) return this.#text.slice(start, this.#pos);
    let cut = "";
    let from = start;
    for (const word of this.#words) {
      cut += `${this.#text.slice(from, word.start)}null`;
      from = word.end;
    }
    this.#words = [];
    return cut + this.#text.slice(from, this.#pos);
  }

  #isKey(name: string, start: number): boolean {
    return decodeKey(this.#text.slice(start, this.#pos)) === name;
  }

  #nextEscape(from: number): number {
    const next = this.#text.indexOf("\\", from);
    return next === -1 ? this.#text.length : next;
  }

  /** Half surrogates have no UTF-8 form, so the text is not JSON (RFC 8259, 8.1); escaped ones are only text. */
  #open(): boolean {
    this.#space();
    return this.#text.isWellFormed();
  }

  #space(): void {
    let code = this.#text.charCodeAt(this.#pos);
    while (code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09) {
      code = this.#text.charCodeAt(++this.#pos);
    }
  }

  #at(code: number): boolean {
    return this.#text.charCodeAt(this.#pos) === code;
  }

  #eat(code: number): boolean {
    if (this.#text.charCodeAt(this.#pos) !== code) return false;
    this.#pos++;
    return true;
  }

  #isAtEnd(): boolean {
    this.#space();
    return this.#pos === this.#text.length;
  }
}

/** Length of the escape at a backslash, 0 when there is no such escape. */
function escapeLength(text: string, at: number): number {
  const code = text.charCodeAt(at + 1);
  if (code !== lowerU) return at + 1 < text.length && escapes.includes(text.charAt(at + 1)) ? 2 : 0;
  for (let index = at + 2; index < at + 6; index++) if (!isHex(text.charCodeAt(index))) return 0;
  return 6;
}

function isHex(code: number): boolean {
  // `| 0x20` makes letters lower case.
  return (code >= zero && code <= nine) || ((code | 0x20) >= 0x61 && (code | 0x20) <= 0x66);
}
