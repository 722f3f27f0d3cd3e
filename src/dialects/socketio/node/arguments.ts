// From MessagePack values to a publication's arguments: JSON text, with binary values taken out as attachments.
// Second stop of the backend side for Node emitters, between msgpack.ts and the publication.

import type { MsgpackValue } from "../../../codec/msgpack.ts";

export interface Arguments {
  readonly args: readonly string[];
  readonly attachments: readonly Uint8Array[];
}

export type ArgumentsFault = "arguments_size" | "attachment_limit" | "placeholder_invalid";

/** JSON text of all arguments, UTF-16 units: a byte of MessagePack may become six of them. */
const maxTextLength = 32 * 1024 * 1024;
/** Each is a frame of its own for every receiver. */
const maxAttachments = 1_000;

/**
 * Writes arguments as JSON text, their binary values as attachments.
 *
 * Dates become ISO 8601, NaN null, `undefined` null in a list and nothing in an object (SIO-15, NRE-05).
 * Beside real attachments, data with a `_placeholder` key is refused: clients look for that key everywhere in a
 * binary event, would put an attachment in its place or, for an unknown number, close with a parse error. Without
 * attachments clients do not look, and it passes unchanged.
 */
export function writeArguments(values: readonly MsgpackValue[]): Arguments | ArgumentsFault {
  const writer = new ArgumentWriter();
  const args = values.map((value) => writer.text(value));
  return writer.fault ?? { args, attachments: writer.attachments };
}

class ArgumentWriter {
  readonly #attachments: Uint8Array[] = [];
  #length = 0;
  #hasPlaceholderKey = false;

  get attachments(): readonly Uint8Array[] {
    return this.#attachments;
  }

  get fault(): ArgumentsFault | undefined {
    if (this.#isTooLong) return "arguments_size";
    if (this.#attachments.length > maxAttachments) return "attachment_limit";
    return this.#hasPlaceholderKey && this.#attachments.length > 0 ? "placeholder_invalid" : undefined;
  }

  get #isTooLong(): boolean {
    return this.#length > maxTextLength;
  }

  text(value: MsgpackValue): string {
    if (Array.isArray(value)) return this.#array(value);
    if (value instanceof Map) return this.#object(value);
    const text = value instanceof Uint8Array ? this.#placeholder(value) : leafText(value as Leaf);
    this.#length += text.length + 1;
    return text;
  }

  #array(items: readonly MsgpackValue[]): string {
    this.#length += 2;
    const parts: string[] = [];
    for (const item of items) {
      if (this.#isTooLong) break;
      parts.push(this.text(item));
    }
    return `[${parts.join(",")}]`;
  }

  #object(entries: ReadonlyMap<string, MsgpackValue>): string {
    this.#length += 2;
    const parts: string[] = [];
    for (const [key, value] of entries) {
      if (this.#isTooLong) break;
      if (value === undefined) continue;
      if (key === "_placeholder") this.#hasPlaceholderKey = true;
      const name = JSON.stringify(key);
      this.#length += name.length + 1;
      parts.push(`${name}:${this.text(value)}`);
    }
    return `{${parts.join(",")}}`;
  }

  #placeholder(bytes: Uint8Array): string {
    this.#attachments.push(bytes);
    return `{"_placeholder":true,"num":${this.#attachments.length - 1}}`;
  }
}

type Leaf = null | undefined | boolean | number | bigint | string | Date;

function leafText(value: Leaf): string {
  // JSON.stringify has no digits for a bigint and no text for undefined; NaN, Infinity and unreal dates are null.
  if (typeof value === "bigint") return value.toString();
  return value === undefined ? "null" : JSON.stringify(value);
}
