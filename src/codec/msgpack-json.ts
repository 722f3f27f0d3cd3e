// MessagePack values as JSON, as Node's own servers write them: dates become ISO 8601, NaN null, `undefined` null in a list
// and nothing in an object (SIO-15, NRE-05).

import type { JsonForm } from "./argument-writer.ts";
import type { MsgpackValue } from "./msgpack.ts";

export const msgpackForm: JsonForm<MsgpackValue, string> = {
  part(value) {
    if (typeof value === "string") return JSON.stringify(value);
    // JSON.stringify has no digits for a bigint and no text for undefined; NaN, Infinity and unreal dates are null.
    if (typeof value === "bigint") return value.toString();
    if (value === undefined) return "null";
    const isContainer = Array.isArray(value) || value instanceof Map || value instanceof Uint8Array;
    return isContainer ? value : JSON.stringify(value);
  },
  name: (key) => key,
};
