// What the pickle reader can build: data and nothing else. The reader (pickle.ts) makes these values out of a
// Python backend's messages and sessions; pickle-json.ts turns them into JSON text.

/** An exact integer is always a bigint, a float always a number: `1` and `1.0` stay apart. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleList
  | PickleTuple
  | PickleDict
  | PickleOpaque;

export interface PickleList {
  readonly kind: "list";
  readonly items: PickleValue[];
}

export interface PickleTuple {
  readonly kind: "tuple";
  readonly items: readonly PickleValue[];
}

export type PickleKey = null | boolean | number | bigint | string;
export type PickleDict = Map<PickleKey, PickleValue>;

/** What may be applied to data and then gives plain data (PSQ-04); pickle-names.ts says what is called so. */
export type Constructor =
  | "bytearray"
  | "bytes"
  | "encode"
  /** Only ever an argument of the others. */
  | "type"
  /** Makes a member of a class from its base's value (protocols 0 and 1). */
  | "reconstruct"
  /** Gives a member of an enumeration by its name. */
  | "member"
  | "dict"
  | "defaultdict"
  /** Several values under one key, of which JSON has the first. */
  | "multidict"
  /** Several of these, of which the first that has a key counts. */
  | "combined"
  | "list"
  | "tuple"
  | "text"
  | "integer";

/**
 * Whatever is not data: a class, a function, an object, a set. Nothing can be read from it, and what is put into
 * it is gone (DJS-05). Strict reading never gives one away.
 */
export interface PickleOpaque {
  readonly kind: "opaque";
  /** What the pickle calls it, if that is a name. */
  readonly name?: string;
  /** Only while reading: what applying it makes. */
  readonly builds?: Constructor;
  /** Of an enumeration: its members by name. */
  readonly members?: ReadonlyMap<string, PickleValue> | undefined;
}

/** Why a pickle was refused; the codes are those of skipped queue messages. */
export type PickleFailure =
  /** It names or calls code. */
  | "pickle_global"
  /** It ends early. */
  | "pickle_truncated"
  /** It passes a bound, or contains itself. */
  | "pickle_limit"
  /** Well formed, but no JSON-like data: sets, keys that are no scalars, out-of-band buffers. */
  | "pickle_refused"
  /** It is no pickle. */
  | "pickle_invalid";

export interface PickleLimits {
  /** Length of the pickle. @default 8_388_608 // 8 MiB */
  readonly maxBytes: number;
  /** Containers inside each other. @default 1_024 */
  readonly maxDepth: number;
  /** Memo entries, and the highest index of one. @default 500_000 */
  readonly maxMemo: number;
  /** Values that wait on the stack. @default 1_000_000 */
  readonly maxStack: number;
  /** Containers and byte strings, references to them too: each takes far more memory than its opcode. @default 500_000 */
  readonly maxObjects: number;
  /** Size written out in full, every memo reference counted again; about characters of JSON. @default 16_777_216 */
  readonly maxExpanded: number;
}
