// The reader of raw JSON: it checks that a text is JSON (RFC 8259) and cuts out members and items as text, without turning
// them into values. Dialects use it on every message of a backend, so what is only passed on keeps its digits (SIO-15).
// Python's bare words NaN and Infinity are accepted and come out as `null`. Usual texts are judged by JSON.parse and then
// cut (json-cut.ts); texts that it does not take, and long ones, go to the scanner, which decides.

import { cutArray, cutObject, openObject } from "./json-cut.ts";
import type { Members } from "./json-cut.ts";
import { Scanner } from "./json-scanner.ts";
import type { Span } from "./json-scanner.ts";
import type { JsonBounds } from "./json-text.ts";
import { readString } from "./json-text.ts";

export { readString };
export type { Members };

/**
 * Takes an object apart: member name to raw JSON text, in order of first appearance, the last duplicate's value.
 * @returns undefined when the text is not one JSON object within the bounds.
 */
export function readObject(text: string, bounds: JsonBounds = {}): ReadonlyMap<string, string> | undefined {
  return parseUsual(text) !== undefined ? cutObject(text, bounds) : scanObject(text, bounds);
}

/**
 * As {@link readObject}, where only some members are read, by their names.
 */
export function readMembers(text: string, bounds: JsonBounds = {}): Members | undefined {
  const value = parseUsual(text);
  return value === undefined ? scanObject(text, bounds) : openObject(text, value, bounds);
}

/**
 * Takes an array apart into the raw JSON texts of its items.
 * @returns undefined when the text is not one JSON array within the bounds.
 */
export function readArray(text: string, bounds: JsonBounds = {}): readonly string[] | undefined {
  if (parseUsual(text) !== undefined) return cutArray(text, bounds);
  const items: string[] = [];
  return new Scanner(text, bounds).readArray(items) ? items : undefined;
}

/** A byte order mark in front makes it a text like others: no reader of JSON takes it within a message. */
export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false; // a text
  }
}

/** A member that is a string; null when it is absent or null, undefined when it is something else. */
export function stringMember(members: Members, name: string): string | null | undefined {
  if (members.string) return members.string(name);
  const raw = members.get(name);
  return raw === undefined || raw === "null" ? null : readString(raw);
}

/** Has it no members but of these names? A misspelt one would be left out in silence. */
export function hasOnly(members: Members, names: readonly string[]): boolean {
  for (const name of members.keys()) if (!names.includes(name)) return false;
  return true;
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

function scanObject(text: string, bounds: JsonBounds): ReadonlyMap<string, string> | undefined {
  const members = new Map<string, string>();
  return new Scanner(text, bounds).readObject(members) ? members : undefined;
}

/** Longer ones are not made into values only to be judged: that takes many times their size. */
const usualLength = 64 * 1024;

/**
 * What it stands for, if it is short, and JSON by JSON.parse; no JSON text stands for undefined. JSON.parse takes
 * half surrogates, which have no UTF-8 form (RFC 8259 section 8.1).
 */
function parseUsual(text: string): unknown {
  if (text.length > usualLength || !text.isWellFormed()) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined; // the scanner says whether it is what only Python writes
  }
}
