// The opcodes of pickle protocols 0 to 5, one line each. An opcode that is not in the table, or that the reader
// must refuse in every mode (extension registry, persistent ids, out-of-band buffers), ends the reading.

import { readUtf8 } from "./utf8.ts";
import { addItems, append, apply, build, pushGlobal, pushOpaque, pushSet, setItems } from "./pickle-build.ts";
import type { PickleMachine } from "./pickle-machine.ts";
import {
  decodeInteger,
  decodePythonText,
  decodeQuoted,
  decodeRawUnicode,
  parseFloatLine,
  parseInteger,
} from "./pickle-text.ts";
import type { PickleFailure, PickleKey, PickleValue } from "./pickle-value.ts";

type Operation = (machine: PickleMachine) => void;

/** STOP: what is on top is the result. */
export const stop = 0x2e;

const highestProtocol = 5;

const tuple = (items: readonly PickleValue[]): PickleValue => ({ kind: "tuple", items });
const list = (items: PickleValue[]): PickleValue => ({ kind: "list", items });
const dict = (): PickleValue => new Map<PickleKey, PickleValue>();

const pushes =
  (value: PickleValue): Operation =>
  (m) => {
    m.push(value);
  };

const refuses =
  (reason: PickleFailure): Operation =>
  (m) => {
    m.fail(reason);
  };

function pushText(m: PickleMachine, length: number): void {
  m.pushFound(decodePythonText(m.bytes(length)));
}

/** A Python 2 string: text if it is valid UTF-8, else bytes (PSQ-04). */
function pushPython2(m: PickleMachine, bytes: Buffer | undefined): void {
  m.pushFound(bytes && (readUtf8(bytes) ?? bytes));
}

function pushInteger(m: PickleMachine, integer: bigint | "limit" | undefined): void {
  if (integer === "limit") m.fail("pickle_limit");
  else m.pushFound(integer);
}

/** A memo index in digits. */
function index(m: PickleMachine): number {
  const line = m.line();
  if (!/^\d{1,10}$/.test(line)) m.fail("pickle_invalid");
  return Number(line);
}

/** The last items of the stack, in the order in which they were pushed. */
function popTuple(m: PickleMachine, length: number): void {
  const items = Array.from({ length }, () => m.pop());
  m.push(tuple(items.toReversed()));
}

const numbers: Readonly<Record<number, Operation>> = {
  // I: `00` and `01` are booleans since protocol 0.
  0x49: (m) => {
    const line = m.line();
    if (line === "00" || line === "01") m.push(line === "01");
    else pushInteger(m, parseInteger(line));
  },
  0x4c: (m) => pushInteger(m, parseInteger(m.line().replace(/L$/, ""))), // LONG
  0x46: (m) => m.pushFound(parseFloatLine(m.line())), // FLOAT
  0x47: (m) => m.push(m.double()), // BINFLOAT
  0x4a: (m) => m.push(BigInt(m.signed())), // BININT
  0x4b: (m) => m.push(BigInt(m.byte())), // BININT1
  0x4d: (m) => m.push(BigInt(m.unsigned(2))), // BININT2
  0x8a: (m) => pushInteger(m, decodeInteger(m.bytes(m.byte()))), // LONG1
  0x8b: (m) => pushInteger(m, decodeInteger(m.bytes(m.signed()))), // LONG4
};

const texts: Readonly<Record<number, Operation>> = {
  0x53: (m) => pushPython2(m, decodeQuoted(m.line())), // STRING
  0x54: (m) => pushPython2(m, m.bytes(m.signed())), // BINSTRING
  0x55: (m) => pushPython2(m, m.bytes(m.byte())), // SHORT_BINSTRING
  0x56: (m) => m.pushFound(decodeRawUnicode(m.line())), // UNICODE
  0x58: (m) => pushText(m, m.unsigned(4)), // BINUNICODE
  0x8c: (m) => pushText(m, m.byte()), // SHORT_BINUNICODE
  0x8d: (m) => pushText(m, m.length()), // BINUNICODE8
  0x42: (m) => m.push(m.bytes(m.unsigned(4))), // BINBYTES
  0x43: (m) => m.push(m.bytes(m.byte())), // SHORT_BINBYTES
  0x8e: (m) => m.push(m.bytes(m.length())), // BINBYTES8
  0x96: (m) => m.push(m.bytes(m.length())), // BYTEARRAY8
};

const containers: Readonly<Record<number, Operation>> = {
  0x29: (m) => m.push(tuple([])), // EMPTY_TUPLE
  0x74: (m) => m.push(tuple(m.popMark())), // TUPLE
  0x85: (m) => popTuple(m, 1), // TUPLE1
  0x86: (m) => popTuple(m, 2), // TUPLE2
  0x87: (m) => popTuple(m, 3), // TUPLE3
  0x5d: (m) => m.push(list([])), // EMPTY_LIST
  0x6c: (m) => m.push(list(m.popMark())), // LIST
  0x61: (m) => append(m, [m.pop()]), // APPEND
  0x65: (m) => append(m, m.popMark()), // APPENDS
  0x7d: (m) => m.push(dict()), // EMPTY_DICT
  // DICT
  0x64: (m) => {
    const items = m.popMark();
    m.push(dict());
    setItems(m, items);
  },
  // SETITEM
  0x73: (m) => {
    const value = m.pop();
    setItems(m, [m.pop(), value]);
  },
  0x75: (m) => setItems(m, m.popMark()), // SETITEMS
  0x8f: pushSet, // EMPTY_SET
  0x90: addItems, // ADDITEMS
  // FROZENSET
  0x91: (m) => {
    m.popMark();
    pushSet(m);
  },
};

const control: Readonly<Record<number, Operation>> = {
  // PROTO
  0x80: (m) => {
    if (m.byte() > highestProtocol) m.fail("pickle_invalid");
  },
  0x95: (m) => m.frame(m.length()), // FRAME
  0x4e: pushes(null), // NONE
  0x88: pushes(true), // NEWTRUE
  0x89: pushes(false), // NEWFALSE
  0x28: (m) => m.mark(), // MARK
  0x30: (m) => m.discard(), // POP
  0x31: (m) => void m.popMark(), // POP_MARK
  0x32: (m) => m.push(m.top()), // DUP
  0x67: (m) => m.get(index(m)), // GET
  0x68: (m) => m.get(m.byte()), // BINGET
  0x6a: (m) => m.get(m.unsigned(4)), // LONG_BINGET
  0x70: (m) => m.put(index(m)), // PUT
  0x71: (m) => m.put(m.byte()), // BINPUT
  0x72: (m) => m.put(m.unsigned(4)), // LONG_BINPUT
  0x94: (m) => m.put(), // MEMOIZE
};

/** Module and name in two lines. */
function lineName(m: PickleMachine): string {
  return `${m.line()}.${m.line()}`;
}

/** Whatever names or makes objects. */
const objects: Readonly<Record<number, Operation>> = {
  0x63: (m) => pushGlobal(m, m.line(), m.line()), // GLOBAL
  // STACK_GLOBAL
  0x93: (m) => {
    const name = m.pop();
    pushGlobal(m, m.pop(), name);
  },
  0x52: apply, // REDUCE
  0x62: build, // BUILD
  // INST: class in two lines, arguments behind the mark
  0x69: (m) => {
    m.popMark();
    pushOpaque(m, lineName(m));
  },
  // OBJ: class and arguments behind the mark
  0x6f: (m) => {
    m.popMark();
    pushOpaque(m);
  },
  0x81: apply, // NEWOBJ: class, arguments
  // NEWOBJ_EX: class, arguments, named arguments
  0x92: (m) => {
    m.pop();
    m.pop();
    m.pop();
    pushOpaque(m);
  },
  0x50: refuses("pickle_global"), // PERSID
  0x51: refuses("pickle_global"), // BINPERSID
  0x82: refuses("pickle_global"), // EXT1
  0x83: refuses("pickle_global"), // EXT2
  0x84: refuses("pickle_global"), // EXT4
  0x97: refuses("pickle_refused"), // NEXT_BUFFER
  0x98: refuses("pickle_refused"), // READONLY_BUFFER
};

/** By opcode. */
export const operations: Readonly<Record<number, Operation>> = {
  ...numbers,
  ...texts,
  ...containers,
  ...control,
  ...objects,
};
