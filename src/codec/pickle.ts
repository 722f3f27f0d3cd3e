// A reader of Python pickles that can build nothing but data (PSQ-04, DJS-05, SEC-01): no import, no call, no
// object. Strict for messages of the queue, tolerant for sessions, bounded in every direction; the result is
// finite and acyclic, so it can be walked.

import { asBuffer } from "../base/bytes.ts";
import { isOpaque } from "./pickle-build.ts";
import { PickleMachine } from "./pickle-machine.ts";
import { operations, stop } from "./pickle-opcodes.ts";
import type {
  PickleDict,
  PickleFailure,
  PickleLimits,
  PickleList,
  PickleTuple,
  PickleValue,
} from "./pickle-value.ts";

export interface PickleOptions extends Partial<PickleLimits> {
  /**
   * `strict` refuses what is not data, except what the names of pickle-names.ts make of data (PSQ-04). `tolerant`
   * puts an opaque value in its place (DJS-05).
   */
  readonly mode: "strict" | "tolerant";
}

export type PickleResult =
  | { readonly isRead: true; readonly value: PickleValue }
  | {
      readonly isRead: false;
      readonly reason: PickleFailure;
      /** What was refused, where it has a name: the class `datetime.datetime`, a `set`. */
      readonly refused?: string | undefined;
    };

const defaultLimits: PickleLimits = {
  maxBytes: 8 * 1024 * 1024,
  maxDepth: 1_024,
  maxMemo: 500_000,
  maxStack: 1_000_000,
  maxObjects: 500_000,
  maxExpanded: 16 * 1024 * 1024,
};

/** Reads one pickle of protocol 0 to 5; what follows its end is ignored, as Python does. Never throws. */
export function readPickle(bytes: Uint8Array, options: PickleOptions): PickleResult {
  const { mode, ...overrides } = options;
  const limits = { ...defaultLimits, ...overrides };
  if (bytes.length > limits.maxBytes) return { isRead: false, reason: "pickle_limit" };
  const machine = new PickleMachine(asBuffer(bytes), limits, mode === "tolerant");
  const value = run(machine);
  if (machine.failure === undefined) new Measure(machine, limits).check(value);
  const { failure: reason, refused } = machine;
  return reason === undefined
    ? { isRead: true, value }
    : { isRead: false, reason, refused: plainName(refused) };
}

/** A name that stands in logs: nothing but what names of classes are made of. */
function plainName(name = ""): string | undefined {
  return /^[\w. ]{1,100}$/.test(name) ? name : undefined;
}

/** Runs until STOP or the first failure; every opcode takes at least a byte, so it ends. */
function run(machine: PickleMachine): PickleValue {
  for (;;) {
    const code = machine.byte();
    if (machine.failure !== undefined) return null;
    if (code === stop) return machine.pop();
    const operation = operations[code];
    if (!operation) machine.fail("pickle_invalid");
    else operation(machine);
  }
}

type Container = PickleList | PickleTuple | PickleDict;

interface Extent {
  readonly size: number;
  readonly depth: number;
}

/**
 * Proves a value finite: size written out in full, depth, no opaque leftovers. Each container is measured once,
 * however often the memo repeats it.
 */
class Measure {
  readonly #machine: PickleMachine;
  readonly #limits: PickleLimits;
  /** `undefined` while a container is open: meeting it again means that it contains itself. */
  readonly #seen = new Map<object, Extent | undefined>();

  constructor(machine: PickleMachine, limits: PickleLimits) {
    this.#machine = machine;
    this.#limits = limits;
  }

  check(value: PickleValue): void {
    if (this.#measure(value, 1).size > this.#limits.maxExpanded) this.#machine.fail("pickle_limit");
  }

  #measure(value: PickleValue, level: number): Extent {
    if (value === null || typeof value === "boolean" || typeof value === "number")
      return { size: 8, depth: 0 };
    if (typeof value === "string") return { size: value.length + 3, depth: 0 };
    if (typeof value === "bigint") return { size: integerSize(value), depth: 0 };
    if (value instanceof Uint8Array) return { size: value.length + 48, depth: 0 };
    if (!isOpaque(value)) return this.#measureContainer(value, level);
    if (!this.#machine.isTolerant) this.#machine.fail("pickle_global", value.name);
    return { size: 8, depth: 0 };
  }

  #measureContainer(value: Container, level: number): Extent {
    const seen = this.#seen.get(value);
    if (seen === undefined && this.#seen.has(value)) this.#machine.fail("pickle_limit");
    if (level > this.#limits.maxDepth || level + (seen?.depth ?? 0) - 1 > this.#limits.maxDepth) {
      this.#machine.fail("pickle_limit");
    }
    if (seen !== undefined || this.#machine.failure !== undefined) return seen ?? { size: 0, depth: 0 };
    this.#seen.set(value, undefined);
    const extent = this.#measureItems(value, level);
    this.#seen.set(value, extent);
    return extent;
  }

  #measureItems(value: Container, level: number): Extent {
    let size = 3;
    let depth = 0;
    const add = (item: PickleValue): boolean => {
      const extent = this.#measure(item, level + 1);
      size += extent.size;
      depth = Math.max(depth, extent.depth);
      return this.#machine.failure === undefined;
    };
    if (value instanceof Map) {
      for (const [key, item] of value) if (!add(key) || !add(item)) break;
    } else {
      for (const item of value.items) if (!add(item)) break;
    }
    return { size, depth: depth + 1 };
  }
}

/** About the decimal digits: exact ones would take quadratic time. */
function integerSize(value: bigint): number {
  return value > -1_000_000n && value < 1_000_000n ? 8 : value.toString(16).length * 2;
}
