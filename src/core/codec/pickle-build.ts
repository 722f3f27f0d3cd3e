// What opcodes may make besides plain values: the few constructors that turn literals into data (PSQ-04), and the
// opaque stand-in for everything else that a session may hold (DJS-05). Nothing here calls anything.

import type { PickleMachine } from "./pickle-machine.ts";
import { encodeLatin1 } from "./pickle-text.ts";
import type { Constructor, PickleKey, PickleOpaque, PickleTuple, PickleValue } from "./pickle-value.ts";

const opaque: PickleOpaque = Object.freeze({ kind: "opaque" });

/** Python 2 and 3 names of what may be applied to literals; `bytes` only to nothing, as protocol 2 writes b"". */
const constructors: ReadonlyMap<string, PickleOpaque> = new Map(
  (
    [
      ["__builtin__.bytearray", "bytearray"],
      ["builtins.bytearray", "bytearray"],
      ["__builtin__.bytes", "bytes"],
      ["builtins.bytes", "bytes"],
      ["_codecs.encode", "encode"],
      ["collections.OrderedDict", "OrderedDict"],
    ] as const
  ).map(([name, builds]) => [name, Object.freeze({ kind: "opaque", builds })]),
);

const maxNameLength = 64;

export function isOpaque(value: PickleValue): value is PickleOpaque {
  return isNode(value) && value.kind === "opaque";
}

function isNode(value: PickleValue): value is Extract<PickleValue, { kind: string }> {
  return typeof value === "object" && value !== null && "kind" in value;
}

/** Puts an opaque value; a strict reader refuses instead. */
export function pushOpaque(machine: PickleMachine): void {
  if (machine.isTolerant) machine.push(opaque);
  else machine.fail("pickle_global");
}

/** GLOBAL and STACK_GLOBAL. */
export function pushGlobal(machine: PickleMachine, module: PickleValue, name: PickleValue): void {
  if (typeof module !== "string" || typeof name !== "string") {
    machine.fail("pickle_invalid");
    return;
  }
  // No name that we know is longer, and joining two long ones again and again would take for ever.
  const isKnown = module.length + name.length < maxNameLength;
  const constructor = isKnown ? constructors.get(`${module}.${name}`) : undefined;
  if (constructor) machine.push(constructor);
  else pushOpaque(machine);
}

/** REDUCE: applies a known constructor to literals, anything else is opaque or refused. */
export function reduce(machine: PickleMachine): void {
  const args = machine.pop();
  const callee = machine.pop();
  if (isTuple(args)) machine.charge(copySize(args.items[0]));
  if (machine.failure !== undefined) return;
  const made =
    isOpaque(callee) && callee.builds !== undefined && isTuple(args)
      ? construct(callee.builds, args.items)
      : undefined;
  if (made === undefined) pushOpaque(machine);
  else machine.push(made);
}

/** What a constructor at most copies of its first argument. */
function copySize(value: PickleValue | undefined): number {
  if (typeof value === "string") return value.length;
  return value !== undefined && isNode(value) && value.kind === "list" ? value.items.length * 16 : 0;
}

function isTuple(value: PickleValue): value is PickleTuple {
  return isNode(value) && value.kind === "tuple";
}

function construct(builds: Constructor, args: readonly PickleValue[]): PickleValue | undefined {
  const [first, second] = args;
  switch (builds) {
    case "bytes":
      return args.length === 0 ? new Uint8Array() : undefined;
    case "bytearray":
      if (args.length === 0) return new Uint8Array();
      if (args.length === 1 && first instanceof Uint8Array) return first;
      return args.length === 2 ? latin1Bytes(first, second) : undefined;
    case "encode":
      return args.length === 2 ? latin1Bytes(first, second) : undefined;
    case "OrderedDict":
      if (args.length === 0) return new Map<PickleKey, PickleValue>();
      return args.length === 1 && first !== undefined ? pairs(first) : undefined;
    default:
      return builds satisfies never;
  }
}

function latin1Bytes(text?: PickleValue, encoding?: PickleValue): Uint8Array | undefined {
  if (typeof text !== "string" || (encoding !== "latin1" && encoding !== "latin-1")) return undefined;
  return encodeLatin1(text);
}

/** Python 2 hands an OrderedDict its items as a list of `[key, value]`. */
function pairs(items: PickleValue): PickleValue | undefined {
  if (!isNode(items) || items.kind !== "list") return undefined;
  const dict = new Map<PickleKey, PickleValue>();
  for (const pair of items.items) {
    if (!isNode(pair) || pair.kind === "opaque" || pair.items.length !== 2) return undefined;
    const [key, value] = pair.items;
    if (!isKey(key) || value === undefined) return undefined;
    dict.set(key, value);
  }
  return dict;
}

function isKey(value: PickleValue | undefined): value is PickleKey {
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
    else if (!machine.isTolerant) machine.fail("pickle_refused");
  }
}

/** BUILD: an object's state; only what was no data anyway may have one. */
export function build(machine: PickleMachine): void {
  machine.pop();
  const target = machine.top();
  if (!machine.isTolerant) machine.fail("pickle_global");
  // An OrderedDict may carry attributes; nobody looks at them.
  else if (!isOpaque(target) && !(target instanceof Map)) machine.fail("pickle_invalid");
}

/** Sets have no JSON form: opaque, or refused. */
export function pushSet(machine: PickleMachine): void {
  if (machine.isTolerant) machine.push(opaque);
  else machine.fail("pickle_refused");
}

/** ADDITEMS. */
export function addItems(machine: PickleMachine): void {
  machine.popMark();
  if (!isOpaque(machine.top())) machine.fail("pickle_invalid");
}
