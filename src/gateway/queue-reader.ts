// Reads one queue of a dialect (brokers/queue.ts) and publishes what its entries say, each once and in their order: what is
// published is removed, what cannot be published is set aside, and what was not taken by the bus stays for the next time.
// Part of the composition root (gateway.ts).

import { setTimeout as sleep } from "node:timers/promises";
import type { Broker } from "../core/broker.ts";
import type { Bus } from "../core/bus.ts";
import type { QueueFeed } from "../core/dialect.ts";
import type { Observe } from "../core/observe.ts";
import type { Queue, QueueEntry, QueueRefusal, Settled } from "../brokers/queue.ts";
import type { EntryRefusal } from "../core/broker.ts";
import { GatewayError } from "../vocabulary/errors.ts";

/** An empty queue is looked at this often, ms. */
const idleMs = 100;
/** And this often while it is used: for some seconds after an entry, ms. */
const busyMs = 25;
const usedForMs = 5_000;
/** A store that refuses is asked again after this time, ms. */
const refusedMs = 5_000;
/** No other gateway reads for this time after the last look that found something; so long it takes after a crash, ms. */
const leaseMs = 5_000;
/** What was taken longer ago is left: another gateway may read it soon, and deadlines of the bus are 2 s. */
const staleMs = 1_000;
const entriesAtOnce = 100;
const bytesAtOnce = 4 * 1024 * 1024;

export interface QueueReaderParts {
  /** The name of the dialect. */
  readonly dialect: string;
  readonly feed: QueueFeed;
  readonly queue: Queue;
  readonly bus: Pick<Bus, "state">;
  readonly broker: Broker;
  readonly observe: Observe;
}

export class QueueReader {
  readonly #parts: QueueReaderParts;
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();
  /** Published or refused, and not yet removed. */
  #unsettled: readonly Settled[] = [];
  #waiting = 0;
  /** When it had entries for this gateway, ms. */
  #lastFound = -Infinity;
  /** The refusal of the store was said. */
  #isRefused = false;

  constructor(parts: QueueReaderParts) {
    this.#parts = parts;
  }

  /** Entries in the queue, as far as this gateway knows. */
  get waiting(): number {
    return this.#waiting;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Takes nothing more; resolves when what was taken is done, and other gateways may read. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    const { queue, feed, observe } = this.#parts;
    while (!signal.aborted) {
      const pauseMs = await this.#turn();
      // Rejects when the gateway stops, which the loop sees.
      if (pauseMs > 0) await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
    }
    await queue.release(feed.name).catch((error: unknown) => {
      // It ends by itself.
      if (!(error instanceof GatewayError)) observe.report("queue_release", error);
    });
  }

  /** @returns how long to wait before the next one, ms. */
  async #turn(): Promise<number> {
    const { bus, observe } = this.#parts;
    if (!bus.state().isReady) return idleMs;
    try {
      const refusal = (await this.#settle()) ?? (await this.#readOn());
      if (typeof refusal === "number") return refusal;
      this.#sayRefusal(refusal);
      return refusedMs;
    } catch (error) {
      // The bus says so itself when it is away.
      if (error instanceof GatewayError) return idleMs;
      observe.report("queue", error);
      return refusedMs;
    }
  }

  /** @returns how long to wait, or why the store does not let us. */
  async #readOn(): Promise<number | QueueRefusal> {
    const { queue, feed } = this.#parts;
    const askedAt = performance.now();
    const { maxEntryBytes } = feed;
    const taken = await queue.take(feed.name, {
      entries: entriesAtOnce,
      bytes: bytesAtOnce,
      maxEntryBytes,
      leaseMs,
    });
    if (taken.kind === "refused") return taken;
    this.#isRefused = false;
    this.#waiting = taken.waiting;
    const { entries } = taken;
    if (this.#stopping.signal.aborted || performance.now() - askedAt > staleMs) return 0;
    if (entries.length === 0) return askedAt - this.#lastFound < usedForMs ? busyMs : idleMs;
    this.#lastFound = askedAt;
    // All in one turn: the broker keeps their order.
    const outcomes = await Promise.all(entries.map(async (entry) => this.#publish(entry)));
    this.#unsettled = outcomes.filter((outcome) => outcome !== undefined);
    const isStuck = this.#unsettled.length === 0;
    return (await this.#settle()) ?? (isStuck ? idleMs : 0);
  }

  /** Removes what is done with, also where that failed before. */
  async #settle(): Promise<QueueRefusal | undefined> {
    if (this.#unsettled.length === 0) return undefined;
    const { queue, feed } = this.#parts;
    const refusal = await queue.settle(feed.name, this.#unsettled);
    if (refusal) return refusal;
    this.#waiting = Math.max(0, this.#waiting - this.#unsettled.length);
    this.#unsettled = [];
    return undefined;
  }

  /** @returns undefined when the bus did not take it: it stays in the queue. */
  async #publish({ id, fields, bytes }: QueueEntry): Promise<Settled | undefined> {
    const { feed, broker, dialect, observe } = this.#parts;
    const decoded = fields ? feed.decode(fields) : tooLarge(feed.maxEntryBytes);
    if (decoded.kind === "refused") return this.#refuse(id, decoded);
    try {
      await broker.publish(decoded.publication, { ...decoded.options, entry: { queue: feed.name, id } });
      observe.received(dialect, bytes);
      return { id, refusal: undefined };
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      const { code: reason, message: text } = error;
      if (reason !== "history_off" && reason !== "version_outdated") return undefined;
      return this.#refuse(id, { kind: "refused", reason, text });
    }
  }

  #refuse(id: string, refusal: EntryRefusal): Settled {
    const { observe, dialect } = this.#parts;
    observe.skipped(dialect, refusal.reason);
    return { id, refusal };
  }

  #sayRefusal({ text }: QueueRefusal): void {
    if (this.#isRefused) return;
    this.#isRefused = true;
    const { observe, dialect } = this.#parts;
    observe.log("warn", "queue_refused", { dialect, text });
  }
}

function tooLarge(maxBytes: number): EntryRefusal {
  return { kind: "refused", reason: "too_large", text: `Expected an entry of at most ${maxBytes} bytes` };
}
