// Publishes what backends left in the queue of a dialect, each entry once: what queue-reader.ts does with the entries. What can never
// be published is given up at once; what the store does not take now stays, and the later entries of its room behind it. Part of
// the composition root (gateway.ts).

import type { Broker, EntryRefusal } from "../core/broker.ts";
import type { QueuedPublication, QueueFeed } from "../dialects/dialect.ts";
import type { Observe } from "../core/observe.ts";
import { retryDelayMs } from "../base/back-off.ts";
import type { QueueEntry, Settled, Worked } from "../brokers/queue.ts";
import { GatewayError } from "../vocabulary/errors.ts";
import type { ErrorCode } from "../vocabulary/errors.ts";
import type { SkipReason } from "../vocabulary/reasons.ts";

/** Pauses grow up to this while the store takes none of the entries, ms: entries that come meanwhile wait for so long, too. */
const longestPauseMs = 3_000;
/** While it takes some of them, ms. */
const heldPauseMs = 25;

export interface QueuePublisherParts {
  /** The name of the dialect. */
  readonly dialect: string;
  readonly feed: QueueFeed;
  readonly broker: Broker;
  readonly observe: Observe;
}

/** What became of an entry that stays in the queue: the store does not take it now, or an earlier one of its room waits. */
interface Stays {
  readonly room: string;
  /** What the store said, for people. */
  readonly text?: string;
}

export class QueuePublisher {
  readonly #parts: QueuePublisherParts;
  /** Rooms of which the store took no entry at the last look: the first of each is tried alone, so none overtakes it. */
  #held: ReadonlySet<string> = new Set();
  /** Looks in a row at which the store took none of the entries. */
  #failures = 0;

  constructor(parts: QueuePublisherParts) {
    this.#parts = parts;
  }

  /** All in one turn: the broker keeps their order. */
  readonly publish = async (entries: readonly QueueEntry[]): Promise<Worked> => {
    const tried = new Set<string>();
    const outcomes = await Promise.all(entries.map(async (entry) => this.#publish(entry, tried)));
    const settled = outcomes.filter((outcome) => "id" in outcome);
    const stay = outcomes.filter((outcome) => "room" in outcome);
    const refused = stay.filter(({ text }) => text !== undefined);
    this.#held = new Set(refused.map(({ room }) => room));
    return { settled, pauseMs: this.#pauseMs(settled.length, stay.length), held: refused[0]?.text };
  };

  #pauseMs(settled: number, stay: number): number {
    if (settled > 0 || stay === 0) this.#failures = 0;
    if (stay === 0) return 0;
    return settled > 0 ? heldPauseMs : retryDelayMs(this.#failures++, Math.random(), longestPauseMs);
  }

  async #publish({ id, fields, bytes }: QueueEntry, tried: Set<string>): Promise<Settled | Stays> {
    const { feed, dialect, observe } = this.#parts;
    const decoded = fields ? feed.decode(fields) : tooLarge(feed.maxEntryBytes);
    if (decoded.kind === "refused") return this.#refuse(id, decoded);
    const room = JSON.stringify([decoded.publication.namespace, decoded.publication.rooms]);
    if (this.#held.has(room) && tried.has(room)) return { room };
    tried.add(room);
    const failed = await this.#say(id, decoded);
    if (failed?.kind === "refused") return this.#refuse(id, failed);
    if (failed) return { room, text: `${feed.name} waits: ${failed.text}` };
    observe.received(dialect, bytes);
    return { id, refusal: undefined };
  }

  /** @returns why it was not published: never can be, or not now. */
  async #say(
    id: string,
    { publication, options }: QueuedPublication,
  ): Promise<EntryRefusal | { readonly kind: "waits"; readonly text: string } | undefined> {
    const { feed, broker, observe } = this.#parts;
    try {
      await broker.publish(publication, { ...options, entry: { queue: feed.name, id } });
      return undefined;
    } catch (error) {
      if (!(error instanceof GatewayError)) {
        // It would be so the next time, too.
        observe.report("queue_publish", error);
        return {
          kind: "refused",
          reason: "publish_failed",
          text: "Expected to publish it, got an error: see the log",
        };
      }
      const reason = lasting[error.code];
      const text = error.message;
      return reason === undefined ? { kind: "waits", text } : { kind: "refused", reason, text };
    }
  }

  #refuse(id: string, refusal: EntryRefusal): Settled {
    const { observe, dialect, feed } = this.#parts;
    observe.skipped(dialect, refusal.reason, `${refusal.text}; the entry is in ${feed.name}:refused`);
    return { id, refusal };
  }
}

/** Errors that would come again for this entry, whenever it is published. */
const lasting: { readonly [Code in ErrorCode]?: SkipReason } = {
  history_off: "history_off",
  version_outdated: "version_outdated",
  body_too_large: "too_large",
  log_unusable: "log_unusable",
};

function tooLarge(maxBytes: number): EntryRefusal {
  return { kind: "refused", reason: "too_large", text: `Expected an entry of at most ${maxBytes} bytes` };
}
