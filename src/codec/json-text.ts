// What both readers of raw JSON share: the bounds, and the value of a string.

export interface JsonBounds {
  /** Containers inside each other. @default 1_024 // what Python nests, and what wraps it on its way */
  readonly maxDepth?: number;
  /** Members of the object, or items of the array, that is taken apart. @default 1_000_000 */
  readonly maxItems?: number;
}

export const defaultDepth = 1_024;
export const defaultItems = 1_000_000;

/** Length up to which a string is looked through character by character. */
export const nearby = 32;

const quote = 0x22;

// Negated: everything from the space upwards is not one.
const escapeOrControl = /[^ -[\]-\uffff]/;

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

/** @param raw a string of a text that was found to be JSON, so only escapes make it differ from its text. */
export function decodeKey(raw: string): string {
  return raw.includes("\\") ? (readString(raw) ?? "") : raw.slice(1, -1);
}
