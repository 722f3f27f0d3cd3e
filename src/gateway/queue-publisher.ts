// Publishes what backends left in the queue of a dialect, each entry once: what queue-reader.ts does with the entries. Part of
// the composition root (gateway.ts).

import type { Broker, EntryRefusal } from "../core/broker.ts";
import type { QueueFeed } from "../dialects/dialect.ts";
import type { Observe } from "../core/observe.ts";
import type { QueueEntry, Settled, Worked } from "../brokers/queue.ts";
import { GatewayError } from "../vocabulary/errors.ts";

/** After a look where nothing could be published, ms. */
const stuckMs = 100;

export interface QueuePublisherParts {
  /** The name of the dialect. */
  readonly dialect: string;
  readonly feed: QueueFeed;
  readonly broker: Broker;
  readonly observe: Observe;
}

export class QueuePublisher {
  readonly #parts: QueuePublisherParts;

  constructor(parts: QueuePublisherParts) {
    this.#parts = parts;
  }

  /** All in one turn: the broker keeps their order. */
  readonly publish = async (entries: readonly QueueEntry[]): Promise<Worked> => {
    const outcomes = await Promise.all(entries.map(async (entry) => this.#publish(entry)));
    const settled = outcomes.filter((outcome) => outcome !== undefined);
    return { settled, pauseMs: settled.length === 0 ? stuckMs : 0 };
  };

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
}

function tooLarge(maxBytes: number): EntryRefusal {
  return { kind: "refused", reason: "too_large", text: `Expected an entry of at most ${maxBytes} bytes` };
}
