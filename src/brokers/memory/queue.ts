// The Queue port inside this process: for what gateways themselves leave there. Its one reader is this gateway.

import type {
  Onward,
  Queue,
  QueueBounds,
  QueueEntry,
  QueueLook,
  RefusedEntry,
  Settled,
  Taken,
} from "../queue.ts";
import type { EntryRefusal, QueueFields } from "../../core/broker.ts";

/** Refused entries that are kept. */
const maxRefused = 1_000;
/** A queue that is not read gives up its oldest beyond these. */
const maxEntries = 100_000;

interface Waiting {
  readonly id: string;
  readonly fields: QueueFields;
  readonly bytes: number;
  /** Wall clock, ms. */
  readonly since: number;
}

interface Contents {
  readonly waiting: Map<string, Waiting>;
  readonly refused: RefusedEntry[];
}

export class MemoryQueue implements Queue {
  readonly #queues = new Map<string, Contents>();
  readonly #now: () => number;
  #lastMs = 0;
  #count = 0;

  /** @param now wall clock, ms: it is in the ids, so those of another run of the process are others. */
  constructor(now: () => number) {
    this.#now = now;
  }

  async take(name: string, { entries, bytes, maxEntryBytes }: QueueBounds): Promise<Taken> {
    const { waiting } = this.#find(name);
    const taken: QueueEntry[] = [];
    let sum = 0;
    for (const entry of waiting.values()) {
      const isTooLarge = entry.bytes > maxEntryBytes;
      if (!isTooLarge) sum += entry.bytes;
      if (taken.length === entries || (taken.length > 0 && sum > bytes)) break;
      const { id, fields, since } = entry;
      const ageMs = Math.max(0, this.#now() - since);
      taken.push({ id, bytes: entry.bytes, ageMs, fields: isTooLarge ? undefined : fields });
    }
    return { kind: "taken", entries: taken, waiting: waiting.size };
  }

  async add(name: string, fields: readonly (readonly [name: string, value: string])[]): Promise<string> {
    const bytes = fields.map(([key, value]) => [key, Buffer.from(value)] as const);
    const size = bytes.reduce((sum, [key, value]) => sum + Buffer.byteLength(key) + value.length, 0);
    const id = this.#newId();
    this.#put(name, { id, fields: bytes, bytes: size, since: this.#now() }, maxEntries);
    return id;
  }

  /** What is said on channels comes from other programs, which cannot reach this queue. */
  async say(): Promise<boolean> {
    return false;
  }

  async settle(name: string, entries: readonly Settled[]): Promise<undefined> {
    const queue = this.#find(name);
    for (const { id, refusal } of entries) {
      const entry = queue.waiting.get(id);
      queue.waiting.delete(id);
      if (entry && refusal) refuse(queue, entry, refusal);
    }
  }

  async forward(
    name: string,
    ids: readonly string[],
    { queues, backlog }: Onward,
  ): Promise<readonly number[]> {
    const { waiting } = this.#find(name);
    const given = queues.map(() => 0);
    for (const id of ids) {
      const entry = waiting.get(id);
      waiting.delete(id);
      if (!entry) continue;
      for (const [index, queue] of queues.entries()) {
        given[index] = (given[index] ?? 0) + this.#put(queue, entry, backlog);
      }
    }
    return given;
  }

  async look(name: string, count: number): Promise<QueueLook> {
    const { waiting, refused } = this.#find(name);
    return {
      waiting: waiting.size,
      refused: refused.length,
      newest: refused.toReversed().slice(0, count),
    };
  }

  async release(): Promise<void> {
    // There is no other gateway.
  }

  #find(name: string): Contents {
    const found = this.#queues.get(name);
    if (found) return found;
    const made: Contents = { waiting: new Map(), refused: [] };
    this.#queues.set(name, made);
    return made;
  }

  /** @returns how many it gave up. */
  #put(name: string, entry: Waiting, backlog: number): number {
    const queue = this.#find(name);
    queue.waiting.set(entry.id, entry);
    if (queue.waiting.size <= backlog) return 0;
    for (const [id, oldest] of queue.waiting) {
      queue.waiting.delete(id);
      const text = `Expected at most ${backlog} entries that wait`;
      refuse(queue, oldest, { kind: "refused", reason: "backlog", text });
      break;
    }
    return 1;
  }

  /** As those of a stream on Redis: later ones are greater. */
  #newId(): string {
    const nowMs = Math.max(this.#lastMs, this.#now());
    this.#count = nowMs === this.#lastMs ? this.#count + 1 : 0;
    this.#lastMs = nowMs;
    return `${nowMs}-${this.#count}`;
  }
}

function refuse(
  { refused }: Contents,
  { id, fields }: Waiting,
  { reason, text }: EntryRefusal<string>,
): void {
  refused.push({ id, reason, text, fields });
  if (refused.length > maxRefused) refused.shift();
}
