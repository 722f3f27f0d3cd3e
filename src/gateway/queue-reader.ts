// Reads one queue (brokers/queue.ts), in its order and while no other gateway does: what is done with is removed, or set aside
// where it is refused, and what was not taken stays for the next time. What is done with entries is said by its parts: they are
// published (queue-publisher.ts) or sent to webhooks. Part of the composition root (gateway.ts).

import { setTimeout as sleep } from "node:timers/promises";
import type { Bus } from "../core/bus.ts";
import type { Observe } from "../core/observe.ts";
import type { Queue, QueueBounds, QueueEntry, QueueRefusal, Settled, Worked } from "../brokers/queue.ts";
import { GatewayError } from "../vocabulary/errors.ts";

/** A store that refuses to be read is asked again after this time, ms. */
const refusedMs = 5_000;
/** One that does not let go of entries, with no other entry to go on with, ms. */
const unsettledMs = 1_000;
/** A queue counts as used for so long after an entry, ms. */
const usedForMs = 5_000;
/** What was taken longer ago is left: another gateway may read it soon, and deadlines of the bus are 2 s. */
const staleMs = 1_000;
/** The lease is renewed so many times in its life. */
const renewals = 3;

export interface QueueReaderParts {
  readonly name: string;
  readonly queue: Queue;
  /**
   * What is taken at once. After the last look that found something, no other gateway reads for `leaseMs`: so long it takes
   * after a crash, and work must take less.
   */
  readonly bounds: QueueBounds;
  /** How often an empty queue is looked at, also for some seconds after an entry, ms. */
  readonly idleMs: number;
  readonly busyMs: number;
  /** Does something with entries, of which there is one at least. */
  readonly work: (entries: readonly QueueEntry[]) => Promise<Worked | QueueRefusal>;
  /** In the log: the dialect, or what else the queue belongs to. */
  readonly owner: string;
  readonly bus: Pick<Bus, "state">;
  readonly observe: Observe;
}

/** What became of one look. */
interface Turn {
  /** Before the next one, ms. */
  readonly pauseMs: number;
  /** What the store refuses, for people. */
  readonly held?: string | undefined;
}

/** The store refuses. */
interface Hold {
  /** For people. */
  readonly text: string;
  readonly since: number;
  /** It stands in the log. */
  readonly isSaid: boolean;
}

export class QueueReader {
  readonly #parts: QueueReaderParts;
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();
  /** Done with, and not yet removed. */
  #unsettled: readonly Settled[] = [];
  #waiting = 0;
  /** When it had entries for this gateway, ms. */
  #lastFound = -Infinity;
  #hold: Hold | undefined;

  constructor(parts: QueueReaderParts) {
    this.#parts = parts;
  }

  /** Entries in the queue, as far as this gateway knows. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Why the store keeps this gateway from going on with some entries, for people; undefined when it does not. */
  get held(): string | undefined {
    return this.#hold?.text;
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
    const { queue, name, observe } = this.#parts;
    while (!this.#isStopping) await this.#pause(await this.#turn());
    await queue.release(name).catch((error: unknown) => {
      // It ends by itself.
      if (!(error instanceof GatewayError)) observe.report("queue_release", error);
    });
  }

  get #isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  /** Keeps the lease in a long pause. */
  async #pause(ms: number): Promise<void> {
    const { signal } = this.#stopping;
    const { leaseMs } = this.#parts.bounds;
    for (let left = ms; left > 0 && !this.#isStopping; left -= leaseMs / renewals) {
      if (left < ms) await this.#renew();
      // Rejects when the gateway stops, which the loop sees.
      await sleep(Math.min(left, leaseMs / renewals), undefined, { signal }).catch(() => undefined);
    }
  }

  async #renew(): Promise<void> {
    const { queue, name, bounds } = this.#parts;
    // A store that is away, or refuses, shows at the next turn.
    await queue.take(name, { ...bounds, entries: 1 }).catch(() => undefined);
  }

  /** @returns how long to wait before the next one, ms. */
  async #turn(): Promise<number> {
    const { bus, observe, idleMs } = this.#parts;
    if (!bus.state().isReady) return idleMs;
    try {
      const kept = await this.#settle();
      const { pauseMs, held } = await this.#readOn(kept);
      // The bus says so itself when it is away.
      if (held === undefined) this.#goOn();
      else if (bus.state().isReady) this.#sayHeld(held);
      return pauseMs;
    } catch (error) {
      if (error instanceof GatewayError) return idleMs;
      observe.report("queue", error);
      return refusedMs;
    }
  }

  /** @param kept why the store did not let go of what is done with */
  async #readOn(kept: QueueRefusal | undefined): Promise<Turn> {
    const { queue, name, bounds, work } = this.#parts;
    const askedAt = performance.now();
    const taken = await queue.take(name, bounds);
    if (taken.kind === "refused") return { pauseMs: refusedMs, held: taken.text };
    this.#waiting = taken.waiting;
    const entries = this.#notDoneOf(taken.entries);
    if (entries.length === 0) return this.#nothing(askedAt, kept);
    if (this.#isStopping || performance.now() - askedAt > staleMs) return { pauseMs: 0 };
    this.#lastFound = askedAt;
    const worked = await work(entries);
    if ("kind" in worked) return { pauseMs: refusedMs, held: worked.text };
    this.#unsettled = [...this.#unsettled, ...worked.settled];
    const refusal = await this.#settle();
    return { pauseMs: worked.pauseMs, held: refusal?.text ?? worked.held };
  }

  /** What is done with stands among the first of the queue, unless it was removed: so what is kept here is bounded. */
  #notDoneOf(entries: readonly QueueEntry[]): readonly QueueEntry[] {
    if (entries.length === 0 || this.#unsettled.length === 0) return entries;
    const first = new Set(entries.map(({ id }) => id));
    this.#unsettled = this.#unsettled.filter(({ id }) => first.has(id));
    const done = new Set(this.#unsettled.map(({ id }) => id));
    return entries.filter(({ id }) => !done.has(id));
  }

  #nothing(now: number, kept: QueueRefusal | undefined): Turn {
    if (kept) return { pauseMs: unsettledMs, held: kept.text };
    const { idleMs, busyMs } = this.#parts;
    return { pauseMs: now - this.#lastFound < usedForMs ? busyMs : idleMs };
  }

  /** Removes what is done with, also where that failed before. */
  async #settle(): Promise<QueueRefusal | undefined> {
    if (this.#unsettled.length === 0) return undefined;
    const { queue, name } = this.#parts;
    const refusal = await queue.settle(name, this.#unsettled);
    if (refusal) return refusal;
    this.#waiting = Math.max(0, this.#waiting - this.#unsettled.length);
    this.#unsettled = [];
    return undefined;
  }

  #sayHeld(text: string): void {
    const { observe, owner, name } = this.#parts;
    const { since = performance.now(), isSaid } = this.#hold ?? {};
    const fields = { dialect: owner, text };
    this.#hold = {
      text,
      since,
      isSaid: isSaid ?? observe.hint("queue_refused", { about: name, fields }),
    };
  }

  #goOn(): void {
    if (!this.#hold) return;
    const { since, isSaid } = this.#hold;
    this.#hold = undefined;
    const { observe, owner } = this.#parts;
    if (isSaid)
      observe.log("info", "queue_back", {
        dialect: owner,
        heldMs: Math.round(performance.now() - since),
      });
  }
}
