// From the values of a backend's message to a publication's arguments: JSON text, with binary values taken out as
// attachments (SIO-09). Stands between the readers (msgpack.ts, pickle.ts) and the publication, for Node and for Python.

export interface Arguments {
  readonly args: readonly string[];
  readonly attachments: readonly Uint8Array[];
}

export type ArgumentsFault = "arguments_size" | "attachment_limit" | "data_invalid" | "placeholder_invalid";

/** How values of one reader are written as JSON. */
export interface JsonForm<Value, Key> {
  /**
   * The JSON text of a scalar, or the bytes, the list or the map that the value is; undefined when JSON has no form for it.
   * Members of a map that are undefined are left out.
   */
  part(value: Value): string | Uint8Array | readonly Value[] | ReadonlyMap<Key, Value> | undefined;
  /** The name of a member, before it is quoted. */
  name(key: Key): string;
}

/** JSON text of all arguments, UTF-16 units: a byte of a message may become six of them. */
const maxTextLength = 32 * 1024 * 1024;
/** Each is a frame of its own for every receiver. */
export const maxAttachments = 1_000;

/**
 * Writes arguments as JSON text, their binary values as attachments.
 *
 * Beside real attachments, data with a `_placeholder` key is refused: clients look for that key everywhere in a binary
 * event, would put an attachment in its place or, for an unknown number, close with a parse error (T4). Without attachments
 * clients do not look, and it passes unchanged.
 */
export function writeArguments<Value, Key>(
  values: readonly Value[],
  form: JsonForm<Value, Key>,
): Arguments | ArgumentsFault {
  const writer = new ArgumentWriter(form);
  const args = values.map((value) => writer.write(value));
  return writer.fault ?? { args, attachments: writer.attachments };
}

/** One value as JSON text, with placeholders for its binary; undefined when it is too long or has no form. */
export function writeValue<Value, Key>(value: Value, form: JsonForm<Value, Key>): string | undefined {
  const writer = new ArgumentWriter(form);
  const text = writer.write(value);
  return writer.isWhole ? text : undefined;
}

/** Recursive without a guard: the readers give finite values, at most 1,024 levels deep. */
class ArgumentWriter<Value, Key> {
  readonly attachments: Uint8Array[] = [];
  readonly #form: JsonForm<Value, Key>;
  #length = 0;
  #isFormless = false;
  #hasPlaceholderKey = false;

  constructor(form: JsonForm<Value, Key>) {
    this.#form = form;
  }

  get isWhole(): boolean {
    return !this.#isFormless && this.#length <= maxTextLength;
  }

  get fault(): ArgumentsFault | undefined {
    if (this.#isFormless) return "data_invalid";
    if (!this.isWhole) return "arguments_size";
    if (this.attachments.length > maxAttachments) return "attachment_limit";
    return this.#hasPlaceholderKey && this.attachments.length > 0 ? "placeholder_invalid" : undefined;
  }

  write(value: Value): string {
    const part = this.#form.part(value);
    if (typeof part === "string") return this.#count(part);
    if (part instanceof Uint8Array) {
      return this.#count(`{"_placeholder":true,"num":${this.attachments.push(part) - 1}}`);
    }
    if (part instanceof Map) return this.#object(part);
    // What is an array is a list of values: bytes are none.
    if (Array.isArray(part)) return this.#array(part as readonly Value[]);
    this.#isFormless = true;
    return "null";
  }

  #array(items: readonly Value[]): string {
    const texts: string[] = [];
    for (const item of items) {
      if (!this.isWhole) break;
      texts.push(this.write(item));
    }
    return `[${texts.join(this.#count(","))}]`;
  }

  #object(entries: ReadonlyMap<Key, Value>): string {
    const members: string[] = [];
    for (const [key, value] of entries) {
      if (!this.isWhole) break;
      if (value === undefined) continue;
      const name = this.#form.name(key);
      if (name === "_placeholder") this.#hasPlaceholderKey = true;
      members.push(`${this.#count(JSON.stringify(name))}:${this.write(value)}`);
    }
    return `{${members.join(this.#count(","))}}`;
  }

  #count(text: string): string {
    this.#length += text.length + 1;
    return text;
  }
}
