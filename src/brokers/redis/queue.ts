// The Queue port on Redis 6.2 and later: a stream, from which entries are removed once they are done with, and beside it a lease
// of the one gateway that reads it. No consumer group: its members would publish side by side, and two entries for one room
// could change places. What is left in the stream when a reader dies is what the next one begins with.

import { listOf, pairsOf } from "./reply.ts";
import { randomId } from "../../base/random-id.ts";
import type {
  QueuedMessage,
  Queue,
  Onward,
  QueueBounds,
  QueueEntry,
  QueueLook,
  QueueRefusal,
  RefusedEntry,
  Settled,
  Taken,
} from "../queue.ts";
import type { QueueRef, QueueFields } from "../../core/broker.ts";
import type { Commands } from "./commands.ts";
import * as scripts from "./queue-scripts.ts";
import { isPassing, refusalOf, runScript } from "./scripts.ts";

/** Refused entries that are kept, about. */
const maxRefused = 1_000;
/** Larger ones are kept without their fields, bytes. */
const maxRefusedBytes = 64 * 1024;
/** What a queue was for to which nothing was forwarded for a week is gone: a webhook that the config does not have any more. */
const onwardSeconds = 7 * 86_400;

export class RedisQueue implements Queue {
  readonly #commands: Commands;
  /** In the lease: this gateway. */
  readonly #reader = randomId();
  /** Redis is asked for entries once there are some: until then one plain command says so. */
  #isProved = false;

  constructor(commands: Commands) {
    this.#commands = commands;
  }

  async take(name: string, bounds: QueueBounds): Promise<Taken | QueueRefusal> {
    return this.#orRefusal(name, async () => {
      if (this.#isProved && Number(await this.#commands.run(["XLEN", name])) === 0) return nothing;
      const { leaseMs, entries, bytes, maxEntryBytes } = bounds;
      const reply = await runScript(this.#commands, scripts.take, {
        keys: [name, leaseOf(name)],
        args: [this.#reader, leaseMs, entries, bytes, maxEntryBytes],
        replies: "bytes",
      });
      this.#isProved = true;
      const [waiting, ...page] = listOf(reply);
      return { kind: "taken", waiting: Number(waiting), entries: page.map(entryOf) };
    });
  }

  async add(name: string, fields: readonly (readonly [string, string])[]): Promise<string> {
    return String(await this.#commands.run(["XADD", name, "*", ...fields.flat()]));
  }

  async say({ queue, id }: QueueRef, { channel, payload }: QueuedMessage): Promise<boolean> {
    // The way of the log, by which entries for rooms with one go: so all of them keep the order of the stream.
    const call = { keys: [queue], args: [id, channel, payload], replies: "line" } as const;
    return (await runScript(this.#commands, scripts.say, call)) === "said";
  }

  async settle(name: string, entries: readonly Settled[]): Promise<QueueRefusal | undefined> {
    return this.#orRefusal(name, async () => {
      const args = entries.flatMap(({ id, refusal }) => [id, refusal?.reason ?? "", refusal?.text ?? ""]);
      await runScript(this.#commands, scripts.settle, {
        keys: [name, refusedOf(name)],
        args: [maxRefused, maxRefusedBytes, ...args],
      });
      return undefined;
    });
  }

  async forward(
    name: string,
    ids: readonly string[],
    { queues, backlog }: Onward,
  ): Promise<readonly number[] | QueueRefusal> {
    return this.#orRefusal(name, async () => {
      const reply = await runScript(this.#commands, scripts.forward, {
        keys: [name, ...queues.flatMap((queue) => [queue, refusedOf(queue)])],
        args: [backlog, maxRefused, onwardSeconds, ...ids],
      });
      return listOf(reply).map(Number);
    });
  }

  async look(name: string, count: number): Promise<QueueLook> {
    const [waiting, refused, newest] = await Promise.all([
      this.#commands.run(["XLEN", name]),
      this.#commands.run(["XLEN", refusedOf(name)]),
      this.#commands.run(["XREVRANGE", refusedOf(name), "+", "-", "COUNT", String(count)], "bytes"),
    ]);
    return {
      waiting: Number(waiting),
      refused: Number(refused),
      newest: listOf(newest).map((entry) => refusedEntryOf(listOf(listOf(entry)[1]))),
    };
  }

  async release(name: string): Promise<void> {
    await runScript(this.#commands, scripts.release, { keys: [leaseOf(name)], args: [this.#reader] });
  }

  /** A Redis that says no is another matter than one that says nothing. */
  async #orRefusal<T>(name: string, work: () => Promise<T>): Promise<T | QueueRefusal> {
    try {
      return await work();
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal === undefined || !(error instanceof Error)) throw error;
      if (isPassing(refusal)) return { kind: "refused", text: `${name} waits: ${error.message}` };
      const needs = `Redis 6.2 or later, and the permission to run EVAL, EVALSHA, XLEN, XRANGE, XADD, XDEL, TIME, GET, SET and DEL on keys that begin with ${name}`;
      return { kind: "refused", text: `${name} is not read: that needs ${needs}. ${error.message}` };
    }
  }
}

const nothing: Taken = { kind: "taken", entries: [], waiting: 0 };

function leaseOf(name: string): string {
  return `${name}:reader`;
}

function refusedOf(name: string): string {
  return `${name}:refused`;
}

function entryOf(reply: unknown): QueueEntry {
  const [id, bytes, age, texts] = listOf(reply);
  const fields = fieldsOf(listOf(texts));
  // Redis has no entry without fields.
  return {
    id: String(id),
    bytes: Number(bytes),
    ageMs: Number(age),
    fields: fields.length === 0 ? undefined : fields,
  };
}

/** Reason, text and id stand before the fields that the entry had. */
function refusedEntryOf(texts: readonly unknown[]): RefusedEntry {
  const [reason, text, id, ...fields] = fieldsOf(texts);
  return { id: String(id?.[1]), reason: String(reason?.[1]), text: String(text?.[1]), fields };
}

function fieldsOf(texts: readonly unknown[]): QueueFields {
  return pairsOf(texts).map(([name, value]) => [
    String(name),
    Buffer.isBuffer(value) ? value : Buffer.alloc(0),
  ]);
}
