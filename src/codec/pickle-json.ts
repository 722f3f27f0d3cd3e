// Pickled values as JSON, as Python's json module writes them (SIO-15).

import type { JsonForm } from "./argument-writer.ts";
import { isOpaque } from "./pickle-build.ts";
import type { PickleKey, PickleValue } from "./pickle-value.ts";

export const pickleForm: JsonForm<PickleValue, PickleKey> = {
  part(value) {
    // Well-formed JSON.stringify escapes half surrogates.
    if (typeof value === "string") return JSON.stringify(value);
    if (typeof value === "number") return Number.isFinite(value) ? floatText(value) : "null";
    if (value === null || typeof value !== "object") return String(value);
    if (value instanceof Uint8Array || value instanceof Map) return value;
    return isOpaque(value) ? undefined : value.items;
  },
  /** 1, True, None and 1.5 become "1", "true", "null" and "1.5" (SIO-15). */
  name: (key) => (typeof key === "number" && Number.isFinite(key) ? floatText(key) : String(key)),
};

/** A finite float as Python's repr: shortest digits, always seen to be a float. */
function floatText(value: number): string {
  if (value === 0) return Object.is(value, -0) ? "-0.0" : "0.0";
  const size = Math.abs(value);
  if (size < 1e-4 || size >= 1e16) return value.toExponential().replace(/e([+-])(\d)$/, "e$10$2");
  return Number.isInteger(value) ? `${value}.0` : String(value);
}
