// The `data` of a Python backend's emit, in all its shapes (PSQ-02, PSQ-09), as a publication's arguments: JSON
// text as it came, binary values beside it. Second stop, behind queue.ts.

import { maxAttachments, writeArguments } from "../../../codec/argument-writer.ts";
import type { Arguments, ArgumentsFault } from "../../../codec/argument-writer.ts";
import { findObjects, readArray, readObject, readString } from "../../../codec/json.ts";
import type { Members } from "../../../codec/json.ts";
import { pickleForm } from "../../../codec/pickle-json.ts";
import type { PickleValue } from "../../../codec/pickle-value.ts";

/**
 * A list is several arguments only where the publisher's version writes it so: it is told by the `binary` key.
 *
 * Without attachments the event leaves as a plain one, in which clients do not look for placeholders: data that
 * only looks like one passes unchanged.
 */
export function readJsonArguments(fields: Members): Arguments | ArgumentsFault {
  const data = fields.get("data") ?? "null";
  const binary = fields.get("binary");
  if (binary === "true") return readBinary(data);
  if (binary !== undefined) return spread(data, []);
  return { args: data === "null" ? [] : [data], attachments: [] };
}

/** A tuple is several arguments, None is none, anything else one. */
export function readPickledArguments(data: PickleValue): Arguments | ArgumentsFault {
  return writeArguments(toArguments(data), pickleForm);
}

function toArguments(data: PickleValue): readonly PickleValue[] {
  if (data === null) return [];
  return typeof data === "object" && "kind" in data && data.kind === "tuple" ? data.items : [data];
}

/** A list is all arguments, `[null]` and null are none. */
function spread(value: string, attachments: readonly Uint8Array[]): Arguments | ArgumentsFault {
  const items = value.startsWith("[") ? readArray(value) : [value];
  if (!items) return "data_invalid";
  return { args: items.length === 1 && items[0] === "null" ? [] : items, attachments };
}

/** `[value with placeholders, base64, base64, ...]`. */
function readBinary(data: string): Arguments | ArgumentsFault {
  const [value, ...encoded] = readArray(data) ?? [];
  if (value === undefined) return "data_invalid";
  if (encoded.length > maxAttachments) return "attachment_limit";
  const given: Uint8Array[] = [];
  for (const raw of encoded) {
    const bytes = decodeBase64(raw);
    if (!bytes) return "data_invalid";
    given.push(bytes);
  }
  const renumbered = renumber(value, given);
  if (!renumbered) return "placeholder_invalid";
  return spread(renumbered.text, renumbered.attachments);
}

/** @returns undefined when the raw text is not a string of standard base64 with its padding. */
function decodeBase64(raw: string): Uint8Array | undefined {
  const text = readString(raw);
  if (text === undefined || text.length % 4 !== 0) return undefined;
  const padding = text.endsWith("==") ? 2 : Number(text.endsWith("="));
  const bytes = Buffer.from(text, "base64");
  // The decoder skips what is no base64; then the length tells.
  return bytes.length === (text.length / 4) * 3 - padding ? bytes : undefined;
}

/**
 * Numbers the placeholders in the order in which they stand, not by the numbers they came with: an attachment that
 * is used twice is sent once, an unused one is not sent.
 *
 * Only `{"_placeholder":true,"num":n}` with an attachment of that number is one. Any other object with such a key
 * makes the message invalid, because clients take more than that for placeholders (T4, CVE-2022-2421).
 */
function renumber(
  text: string,
  given: readonly Uint8Array[],
): { readonly text: string; readonly attachments: readonly Uint8Array[] } | undefined {
  const numbers = new Map<Uint8Array, number>();
  let result = "";
  let from = 0;
  for (const { start, end } of findObjects(text, "_placeholder") ?? []) {
    const attachment = given[placeholderNumber(text.slice(start, end))];
    if (!attachment) return undefined;
    const number = numbers.get(attachment) ?? numbers.size;
    numbers.set(attachment, number);
    result += `${text.slice(from, start)}{"_placeholder":true,"num":${number}}`;
    from = end;
  }
  return { text: result + text.slice(from), attachments: [...numbers.keys()] };
}

/** -1 when it is no placeholder; one that holds another is none. */
function placeholderNumber(raw: string): number {
  const members = readObject(raw);
  const number = members?.get("num") ?? "";
  if (members?.size !== 2 || members.get("_placeholder") !== "true") return -1;
  return /^(?:0|[1-9]\d{0,5})$/.test(number) ? Number(number) : -1;
}
