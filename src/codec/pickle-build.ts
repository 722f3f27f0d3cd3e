// What opcodes may make besides plain values: the data that known names stand for (pickle-names.ts, PSQ-04), and the
// opaque stand-in for everything else that a session may hold (DJS-05). Nothing here calls anything.

import type { PickleMachine } from "./pickle-machine.ts";
import { lookUp } from "./pickle-names.ts";
import { encodeLatin1 } from "./pickle-text.ts";
import type { PickleDict, PickleKey, PickleOpaque, PickleTuple, PickleValue } from "./pickle-value.ts";

const opaque: PickleOpaque = Object.freeze({ kind: "opaque" });

export function isOpaque(value: PickleValue): value is PickleOpaque {
  return isNode(value) && value.kind === "opaque";
}

function isNode(value?: PickleValue): value is Extract<PickleValue, { kind: string }> {
  return typeof value === "object" && value !== null && "kind" in value;
}

function isList(value?: PickleValue): value is Extract<PickleValue, { kind: "list" }> {
  return isNode(value) && value.kind === "list";
}

function isTuple(value?: PickleValue): value is PickleTuple {
  return isNode(value) && value.kind === "tuple";
}

/** Puts an opaque value; a strict reader refuses instead. */
export function pushOpaque(machine: PickleMachine, name?: string): void {
  if (machine.isTolerant) machine.push(opaque);
  else machine.fail("pickle_global", name);
}

/** GLOBAL and STACK_GLOBAL. */
export function pushGlobal(machine: PickleMachine, module: PickleValue, name: PickleValue): void {
  if (typeof module !== "string" || typeof name !== "string") {
    machine.fail("pickle_invalid");
    return;
  }
  const found = lookUp(module, name);
  if (isOpaque(found) && found.builds === undefined) pushOpaque(machine, found.name);
  else machine.push(found);
}

/** REDUCE, NEWOBJ: a known name applied to data gives data, anything else is opaque or refused. */
export function apply(machine: PickleMachine): void {
  const args = machine.pop();
  const callee = machine.pop();
  if (isTuple(args)) machine.charge(copySize(args.items[0]) + copySize(args.items[2]));
  if (machine.failure !== undefined) return;
  const name = isOpaque(callee) ? callee.name : undefined;
  const made = isOpaque(callee) && isTuple(args) ? construct(callee, args) : undefined;
  if (made === undefined) pushOpaque(machine, name);
  else machine.push(machine.made(made));
}

/** What is at most copied of an argument. */
function copySize(value?: PickleValue): number {
  if (typeof value === "string") return value.length;
  if (value instanceof Map) return value.size * 16;
  if (!isList(value)) return 0;
  const inside = value.items.map((item) => (item instanceof Map ? item.size : 0));
  return inside.reduce((sum, size) => sum + size, value.items.length) * 16;
}

/** @returns undefined where Python, too, would not make plain data of it. */
function construct(callee: PickleOpaque, args: PickleTuple): PickleValue | undefined {
  const [first, second, third] = args.items;
  const count = args.items.length;
  switch (callee.builds) {
    case undefined:
    case "type":
      return undefined;
    case "bytes":
      return count === 0 ? new Uint8Array() : undefined;
    case "bytearray":
      if (count === 0) return new Uint8Array();
      if (count === 1 && first instanceof Uint8Array) return first;
      return count === 2 ? latin1Bytes(first, second) : undefined;
    case "encode":
      return count === 2 ? latin1Bytes(first, second) : undefined;
    case "reconstruct":
      return count === 3 ? reconstruct(first, second, third) : undefined;
    case "member":
      return count === 2 ? member(first, second) : undefined;
    case "tuple":
      return tuple(args);
    case "defaultdict":
      return count < 2 && isFactory(first) ? new Map() : undefined;
    case "dict":
    case "multidict":
    case "combined":
    case "list":
    case "text":
    case "integer":
      return count < 2 ? convert(callee.builds, first) : undefined;
    default:
      return callee.builds satisfies never;
  }
}

type Conversion = "dict" | "multidict" | "combined" | "list" | "text" | "integer";

/** One value as a member of a class of this kind; undefined is none at all. */
function convert(kind: Conversion, value?: PickleValue): PickleValue | undefined {
  switch (kind) {
    case "dict":
    case "multidict":
      if (value === undefined) return new Map();
      return value instanceof Map ? value : pairs(value, kind);
    case "combined":
      return isList(value) ? combine(value.items) : undefined;
    case "list":
      if (value === undefined) return { kind: "list", items: [] };
      return isList(value) ? value : undefined;
    case "text":
      if (value === undefined) return "";
      return typeof value === "string" ? value : undefined;
    case "integer":
      return typeof value === "bigint" ? value : undefined;
    default:
      return kind satisfies never;
  }
}

/** The factory of a defaultdict. It is not called, but it must be the name of a known type. */
function isFactory(value?: PickleValue): boolean {
  return value === undefined || value === null || (isOpaque(value) && isClass(value));
}

/** Not one of Python's functions, which only the pickles themselves apply. */
function isClass({ builds }: PickleOpaque): boolean {
  return builds !== undefined && builds !== "encode" && builds !== "reconstruct" && builds !== "member";
}

/** `_reconstructor(class, base, value)`, as protocols 0 and 1 write a member of a class. */
function reconstruct(type?: PickleValue, base?: PickleValue, value?: PickleValue): PickleValue | undefined {
  if (type === undefined || base === undefined || value === undefined) return undefined;
  if (!isOpaque(type) || !isOpaque(base) || base.builds !== "type") return undefined;
  if (type.builds === "multidict" && value instanceof Map) return firsts(value);
  return construct(type, { kind: "tuple", items: [value] });
}

/** Python 2 writes a multidict as the lists that are in it. */
function firsts(lists: PickleDict): PickleDict {
  return new Map([...lists].map(([key, value]) => [key, isList(value) ? (value.items[0] ?? null) : value]));
}

function member(type?: PickleValue, name?: PickleValue): PickleValue | undefined {
  if (type === undefined || !isOpaque(type) || typeof name !== "string") return undefined;
  return type.members?.get(name);
}

/** A named tuple is made of its items; Python's own records are made of a tuple of them, and what else they know. */
function tuple(args: PickleTuple): PickleTuple {
  const [first, second] = args.items;
  const isRecord = isTuple(first) && (args.items.length === 1 || second instanceof Map);
  return isRecord && args.items.length < 3 ? first : args;
}

function latin1Bytes(text?: PickleValue, encoding?: PickleValue): Uint8Array | undefined {
  if (typeof text !== "string" || (encoding !== "latin1" && encoding !== "latin-1")) return undefined;
  return encodeLatin1(text);
}

/** `[key, value]` or `(key, value)` each; of a dict the last one of a key counts, of a multidict the first. */
function pairs(items: PickleValue, kind: "dict" | "multidict"): PickleDict | undefined {
  if (!isList(items)) return undefined;
  const dict: PickleDict = new Map();
  for (const pair of items.items) {
    if (!isNode(pair) || pair.kind === "opaque" || pair.items.length !== 2) return undefined;
    const [key, value] = pair.items;
    if (!isKey(key) || value === undefined) return undefined;
    if (kind === "dict" || !dict.has(key)) dict.set(key, value);
  }
  return dict;
}

function combine(dicts: readonly PickleValue[]): PickleDict | undefined {
  const all: PickleDict = new Map();
  for (const dict of dicts) {
    if (!(dict instanceof Map)) return undefined;
    for (const [key, value] of dict) if (!all.has(key)) all.set(key, value);
  }
  return all;
}

function isKey(value?: PickleValue): value is PickleKey {
  return value === null || (value !== undefined && typeof value !== "object");
}

/** APPEND and APPENDS: the target stays on the stack. */
export function append(machine: PickleMachine, items: readonly PickleValue[]): void {
  const target = machine.top();
  if (isOpaque(target)) return;
  if (!isNode(target) || target.kind !== "list") machine.fail("pickle_invalid");
  else for (const item of items) target.items.push(item);
}

/** SETITEM, SETITEMS and DICT: keys and values in turn. */
export function setItems(machine: PickleMachine, items: readonly PickleValue[]): void {
  const target = machine.top();
  if (items.length % 2 !== 0) machine.fail("pickle_invalid");
  if (isOpaque(target)) return;
  if (!(target instanceof Map)) {
    machine.fail("pickle_invalid");
    return;
  }
  for (let index = 0; index + 1 < items.length; index += 2) {
    const key = items[index];
    // Tuples, bytes and objects are keys in Python, but JSON has no form for them.
    if (isKey(key)) target.set(key, items[index + 1] ?? null);
    else if (!machine.isTolerant) machine.fail("pickle_refused", "dict key");
  }
}

/** BUILD: an object's state, which is not read; plain data of no class has none. */
export function build(machine: PickleMachine): void {
  machine.pop();
  const target = machine.top();
  if (!machine.isTolerant && !machine.isMade(target)) machine.fail("pickle_global");
  else if (!isOpaque(target) && !(target instanceof Map) && !machine.isMade(target)) {
    machine.fail("pickle_invalid");
  }
}

/** Sets have no JSON form: opaque, or refused. */
export function pushSet(machine: PickleMachine): void {
  if (machine.isTolerant) machine.push(opaque);
  else machine.fail("pickle_refused", "set");
}

/** ADDITEMS. */
export function addItems(machine: PickleMachine): void {
  machine.popMark();
  if (!isOpaque(machine.top())) machine.fail("pickle_invalid");
}
