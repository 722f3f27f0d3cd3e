// Reads a session dict out of the bytes that a store or a signed value holds: pickle, JSON or MessagePack, told
// apart by their first bytes (DJS-04). Only texts, numbers and lists of texts can be read from it; whatever else a
// session holds - dates, decimals, lazy strings, objects - is nothing (DJS-05).

import { readArray, readObject, readString } from "../../codec/json.ts";
import { readMsgpack } from "../../codec/msgpack.ts";
import type { MsgpackValue } from "../../codec/msgpack.ts";
import type { PickleValue } from "../../codec/pickle-value.ts";
import { readPickle } from "../../codec/pickle.ts";
import { readJsonText } from "../../codec/utf8.ts";

/** Numbers are whole; of a list only its texts remain. */
export type SessionField = string | bigint | readonly string[];

/** A member of the session by its name; undefined when there is none, or it is none of these. */
export type SessionFields = (name: string) => SessionField | undefined;

/** Reads uncompressed bytes. @returns undefined when they are no session dict */
export function readSessionFields(bytes: Buffer): SessionFields | undefined {
  const [first = 0, second = 0] = bytes;
  if (first === 0x80 && second >= 2 && second <= 5) return fromPickle(bytes);
  if (first === 0x7b) return fromJson(bytes);
  if ((first >= 0x80 && first <= 0x8f) || first === 0xde || first === 0xdf) return fromMsgpack(bytes);
  return fromPickle(bytes); // protocols 0 and 1 have no mark
}

function fromPickle(bytes: Buffer): SessionFields | undefined {
  const result = readPickle(bytes, { mode: "tolerant" });
  if (!result.isRead || !(result.value instanceof Map)) return undefined;
  const dict = result.value;
  return (name) => fieldOf(dict.get(name));
}

function fromMsgpack(bytes: Buffer): SessionFields | undefined {
  const result = readMsgpack(bytes);
  if (!result.isValid || result.hasBrokenText || !(result.value instanceof Map)) return undefined;
  const map: ReadonlyMap<string, MsgpackValue> = result.value;
  return (name) => fieldOf(map.get(name));
}

function fieldOf(value: PickleValue | MsgpackValue): SessionField | undefined {
  if (typeof value === "string" || typeof value === "bigint") return value;
  if (typeof value === "number") return Number.isSafeInteger(value) ? BigInt(value) : undefined;
  if (typeof value !== "object" || value === null) return undefined;
  if (Array.isArray(value)) return texts(value);
  return "kind" in value && value.kind !== "opaque" ? texts(value.items) : undefined;
}

function texts(items: readonly unknown[]): readonly string[] {
  return items.filter((item) => typeof item === "string");
}

/** Django writes ASCII, its older form reads Latin-1: UTF-8 covers what the caches' own serialisers add. */
function fromJson(bytes: Buffer): SessionFields | undefined {
  const text = readJsonText(bytes);
  const members = text === undefined ? undefined : readObject(text);
  return members && ((name) => jsonField(members.get(name)));
}

function jsonField(raw: string | undefined): SessionField | undefined {
  if (raw === undefined) return undefined;
  if (raw.startsWith("[")) return readArray(raw)?.flatMap((item) => readString(item) ?? []);
  return /^-?\d{1,40}$/.test(raw) ? BigInt(raw) : readString(raw);
}
