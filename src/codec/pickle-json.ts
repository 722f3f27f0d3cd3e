// Turns what pickle.ts read into JSON text as Python's json module would write it (SIO-15), with binary values
// taken out and placeholders left in their places (SIO-09).

import { isOpaque } from "./pickle-build.ts";
import type { PickleDict, PickleKey, PickleValue } from "./pickle-value.ts";

export interface PickledJson {
  /** One text per value. Binary stands in it as `{"_placeholder":true,"num":i}`. */
  readonly texts: readonly string[];
  /** What the placeholders number, over all texts. */
  readonly attachments: readonly Uint8Array[];
  /** Some dict has a `_placeholder` of its own, which a client would take for one of ours. */
  readonly hasForgedPlaceholder: boolean;
}

/** @returns undefined when a value holds something opaque. */
export function picklesToJson(values: readonly PickleValue[]): PickledJson | undefined {
  const writer = new Writer();
  const texts = values.map((value) => writer.write(value));
  if (writer.hasOpaque) return undefined;
  return { texts, attachments: writer.attachments, hasForgedPlaceholder: writer.hasForgedPlaceholder };
}

/** Recursive without a guard: the reader has proved its values finite and at most 1,024 levels deep. */
class Writer {
  readonly attachments: Uint8Array[] = [];
  hasForgedPlaceholder = false;
  hasOpaque = false;

  write(value: PickleValue): string {
    // Well-formed JSON.stringify escapes half surrogates.
    if (typeof value === "string") return JSON.stringify(value);
    if (typeof value === "number") return Number.isFinite(value) ? floatText(value) : "null";
    if (value === null || typeof value !== "object") return String(value);
    if (value instanceof Uint8Array) return `{"_placeholder":true,"num":${this.attachments.push(value) - 1}}`;
    if (value instanceof Map) return this.#dict(value);
    if (!isOpaque(value)) return `[${value.items.map((item) => this.write(item)).join(",")}]`;
    this.hasOpaque = true;
    return "null";
  }

  #dict(dict: PickleDict): string {
    const members: string[] = [];
    for (const [key, value] of dict) {
      const name = keyText(key);
      if (name === "_placeholder") this.hasForgedPlaceholder = true;
      members.push(`${JSON.stringify(name)}:${this.write(value)}`);
    }
    return `{${members.join(",")}}`;
  }
}

/** A key as Python writes it: 1, True, None and 1.5 become "1", "true", "null" and "1.5" (SIO-15). */
function keyText(key: PickleKey): string {
  if (typeof key !== "number") return String(key);
  return Number.isFinite(key) ? floatText(key) : String(key);
}

/** A finite float as Python's repr: shortest digits, always seen to be a float. */
function floatText(value: number): string {
  if (value === 0) return Object.is(value, -0) ? "-0.0" : "0.0";
  const size = Math.abs(value);
  if (size < 1e-4 || size >= 1e16) return value.toExponential().replace(/e([+-])(\d)$/, "e$10$2");
  return Number.isInteger(value) ? `${value}.0` : String(value);
}
