// The quick way to take a text apart that is known to be JSON: nothing is checked again but the depth and the number of
// parts, so that a cut is a walk over brackets and quotes. Everything here is linear in the text.

import { decodeKey, defaultDepth, defaultItems, nearby } from "./json-text.ts";
import type { JsonBounds } from "./json-text.ts";

const [space, quote, backslash, comma] = [0x20, 0x22, 0x5c, 0x2c];
const [openingArray, closingArray, openingObject, closingObject] = [0x5b, 0x5d, 0x7b, 0x7d];

/** Members of an object by name, as raw JSON text. */
export interface Members extends Pick<ReadonlyMap<string, string>, "get" | "has"> {
  keys(): Iterable<string>;
  /** As {@link stringMember}, where that is known already. */
  string?(name: string): string | null | undefined;
}

/** Where the name and the value of each member begin and end, quotes included: four numbers for each. */
type Places = readonly number[];
const perMember = 4;

/**
 * @param text JSON, by the word of JSON.parse.
 * @returns the members in order of first appearance, the last duplicate's value; undefined when it is no object within the
 *   bounds.
 */
export function cutObject(
  text: string,
  { maxItems = defaultItems, ...bounds }: JsonBounds,
): ReadonlyMap<string, string> | undefined {
  const places = walkObject(text, bounds);
  if (!places) return undefined;
  const members = new Map<string, string>();
  for (let at = 0; at < places.length && members.size <= maxItems; at += perMember) {
    const key = decodeKey(text.slice(places[at], places[at + 1]));
    members.set(key, text.slice(places[at + 2], places[at + 3]));
  }
  return members.size <= maxItems ? members : undefined;
}

/**
 * As {@link cutObject}, but a member is cut out when it is asked for: most are not, or are strings with known values.
 * @param value what JSON.parse made of the text.
 */
export function openObject(text: string, value: unknown, bounds: JsonBounds): Members | undefined {
  const places = walkObject(text, bounds);
  if (!places) return undefined;
  const isBounded = places.length <= (bounds.maxItems ?? defaultItems) * perMember;
  return isBounded && hasPlainNames(text, places)
    ? new UncutObject(text, value as object, places)
    : cutObject(text, bounds);
}

/** As {@link cutObject}. */
export function cutArray(
  text: string,
  { maxDepth = defaultDepth, maxItems = defaultItems }: JsonBounds,
): readonly string[] | undefined {
  let at = behindSpace(text, 0);
  if (text.charCodeAt(at) !== openingArray || maxDepth < 1) return undefined;
  const items: string[] = [];
  at = behindSpace(text, at + 1);
  while (text.charCodeAt(at) !== closingArray) {
    const end = behindValue(text, at, maxDepth - 1);
    if (end === -1) return undefined;
    items.push(text.slice(at, end));
    if (items.length > maxItems) return undefined;
    at = behindComma(text, end);
  }
  return items;
}

/** An object with names that stand in the text as they are. */
class UncutObject implements Members {
  readonly #text: string;
  readonly #value: Readonly<Record<string, unknown>>;
  readonly #places: Places;

  constructor(text: string, value: object, places: Places) {
    this.#text = text;
    this.#value = value as Readonly<Record<string, unknown>>;
    this.#places = places;
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#value, name);
  }

  keys(): Iterable<string> {
    return Object.keys(this.#value);
  }

  get(name: string): string | undefined {
    if (!Object.hasOwn(this.#value, name)) return undefined;
    const value = this.#value[name];
    // Of these there is one spelling.
    return value === null || typeof value === "boolean" ? String(value) : this.#cut(name);
  }

  string(name: string): string | null | undefined {
    const value = Object.hasOwn(this.#value, name) ? this.#value[name] : null;
    return value === null || typeof value === "string" ? value : undefined;
  }

  /** The last of this name. */
  #cut(name: string): string | undefined {
    const [text, places] = [this.#text, this.#places];
    for (let at = places.length - perMember; at >= 0; at -= perMember) {
      const start = (places[at] ?? 0) + 1;
      const isAsLong = (places[at + 1] ?? 0) - 1 - start === name.length;
      if (isAsLong && text.startsWith(name, start)) return text.slice(places[at + 2], places[at + 3]);
    }
    return undefined;
  }
}

/** Without an escape in them: a name has one spelling then. */
function hasPlainNames(text: string, places: Places): boolean {
  if (!text.includes("\\")) return true;
  for (let at = 0; at < places.length; at += perMember) {
    if (text.slice(places[at], places[at + 1]).includes("\\")) return false;
  }
  return true;
}

function walkObject(text: string, { maxDepth = defaultDepth }: JsonBounds): Places | undefined {
  let at = behindSpace(text, 0);
  if (text.charCodeAt(at) !== openingObject || maxDepth < 1) return undefined;
  const places: number[] = [];
  at = behindSpace(text, at + 1);
  while (text.charCodeAt(at) !== closingObject) {
    const keyEnd = behindString(text, at);
    // Nothing but space stands before the colon.
    const start = behindSpace(text, text.indexOf(":", keyEnd) + 1);
    const end = behindValue(text, start, maxDepth - 1);
    if (end === -1) return undefined;
    places.push(at, keyEnd, start, end);
    at = behindComma(text, end);
  }
  return places;
}

/** @param maxDepth of containers, this one included. @returns -1 when it is deeper. */
function behindValue(text: string, start: number, maxDepth: number): number {
  const first = text.charCodeAt(start);
  if (first === quote) return behindString(text, start);
  if (first === openingObject || first === openingArray) return behindContainer(text, start, maxDepth);
  // Numbers and words end where something stands that none of them has; at the end it is NaN.
  for (let at = start + 1; ; at++) {
    const code = text.charCodeAt(at);
    if (!(code > space) || code === comma || code === closingObject || code === closingArray) return at;
  }
}

function behindContainer(text: string, start: number, maxDepth: number): number {
  let depth = 0;
  for (let at = start; ;) {
    const code = text.charCodeAt(at);
    if (code === quote) {
      at = behindString(text, at);
      continue;
    }
    at++;
    if (code === openingObject || code === openingArray) {
      if (++depth > maxDepth) return -1;
    } else if (code === closingObject || code === closingArray) {
      if (--depth === 0) return at;
    }
  }
}

function behindString(text: string, start: number): number {
  // Short and plain, as most are: cheaper than a search.
  for (let at = start + 1; at <= start + nearby; at++) {
    const code = text.charCodeAt(at);
    if (code === quote) return at + 1;
    if (code === backslash) break;
  }
  let end = text.indexOf('"', start + 1);
  while (isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end + 1;
}

/** Does an odd number of backslashes stand before it? Each is counted once: no two quotes have the same. */
function isEscaped(text: string, at: number): boolean {
  let before = at - 1;
  while (text.charCodeAt(before) === backslash) before--;
  return (at - before) % 2 === 0;
}

function behindComma(text: string, start: number): number {
  const at = behindSpace(text, start);
  return text.charCodeAt(at) === comma ? behindSpace(text, at + 1) : at;
}

function behindSpace(text: string, start: number): number {
  let at = start;
  // Nothing else up to the space is outside of strings.
  while (text.charCodeAt(at) <= space) at++;
  return at;
}
