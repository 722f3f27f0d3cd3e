// A reader of raw JSON: it checks the grammar (RFC 8259) and cuts out members and items as text, without turning
// them into values. Dialects use it on every message of a backend, so what is only passed on keeps its digits
// (SIO-15) and costs one linear scan. Python's bare words NaN and Infinity are accepted and come out as `null`.

export interface JsonBounds {
  /** Containers inside each other. @default 1_024 // what Python nests, and what wraps it on its way */
  readonly maxDepth?: number;
  /** Members of the object, or items of the array, that is taken apart. @default 1_000_000 */
  readonly maxItems?: number;
}

/** Where a value stands in a text: `text.slice(start, end)`. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/**
 * Takes an object apart: member name to raw JSON text, in order of first appearance, the last duplicate's value.
 * @returns undefined when the text is not one JSON object within the bounds.
 */
export function readObject(text: string, bounds: JsonBounds = {}): ReadonlyMap<string, string> | undefined {
  const members = new Map<string, string>();
  return new Scanner(text, bounds).readObject(members) ? members : undefined;
}

/**
 * Takes an array apart into the raw JSON texts of its items.
 * @returns undefined when the text is not one JSON array within the bounds.
 */
export function readArray(text: string, bounds: JsonBounds = {}): readonly string[] | undefined {
  const items: string[] = [];
  return new Scanner(text, bounds).readArray(items) ? items : undefined;
}

/** The text of any one JSON value, without the white space around it; undefined when it is not JSON. */
export function readJson(text: string, bounds: JsonBounds = {}): string | undefined {
  return new Scanner(text, bounds).readJson();
}

/** The value of a raw text that is a JSON string; undefined when it is anything else. */
export function readString(raw: string): string | undefined {
  if (raw.charCodeAt(0) !== quote) return undefined;
  if (raw.indexOf('"', 1) === raw.length - 1 && !escapeOrControl.test(raw)) return raw.slice(1, -1);
  try {
    const value: unknown = JSON.parse(raw);
    return typeof value === "string" ? value : undefined;
  } catch {
    return undefined;
  }
}

/** A member that is a string; null when it is absent or null, undefined when it is something else. */
export function stringMember(members: ReadonlyMap<string, string>, name: string): string | null | undefined {
  const raw = members.get(name);
  return raw === undefined || raw === "null" ? null : readString(raw);
}

/**
 * Where in a JSON text there are objects that have a member of this name themselves, at any depth, in the order in
 * which they end (inner before outer).
 * @returns undefined when the text is not JSON.
 */
export function findObjects(text: string, member: string): readonly Span[] | undefined {
  const spans: Span[] = [];
  const scanner = new Scanner(text, {}, { member, spans });
  return scanner.readJson() === undefined ? undefined : spans;
}

const defaultDepth = 1_024;
const defaultItems = 1_000_000;

/** Length up to which a string is looked through character by character. */
const nearby = 32;

const [space, quote, backslash, comma, colon] = [0x20, 0x22, 0x5c, 0x2c, 0x3a];
const [openArray, closeArray, openObject, closeObject] = [0x5b, 0x5d, 0x7b, 0x7d];
const [zero, nine, plus, minus, dot, lowerE, upperE] = [0x30, 0x39, 0x2b, 0x2d, 0x2e, 0x65, 0x45];
const [upperI, lowerU] = [0x49, 0x75];

// Negated: everything from the space upwards is not one.
const control = /[^ -\uffff]/;
const escapeOrControl = /[^ -[\]-\uffff]/;
/** What may follow a backslash, `u` aside. */
const escapes = '"\\/bfnrt';

interface Watch {
  readonly member: string;
  readonly spans: Span[];
}

/** One pass over one text. Every method leaves the cursor behind what it accepted, or says false for good. */
class Scanner {
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

/** @param raw a string that the scanner accepted, so only escapes make it differ from its text. */
function decodeKey(raw: string): string {
  return raw.includes("\\") ? (readString(raw) ?? "") : raw.slice(1, -1);
}
