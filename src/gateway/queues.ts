// The queues that one gateway reads: those of its dialects, where what it is connected to has any, and those of webhooks. Part of the composition root (gateway.ts).

import type { Backplane } from "../brokers/driver.ts";
import type { SpokenDialect } from "./contexts.ts";
import type { Telemetry } from "../observe/observe.ts";
import type { QueueFeed } from "../dialects/dialect.ts";
import { QueuePublisher } from "./queue-publisher.ts";
import { QueueReader } from "./queue-reader.ts";
import type { WebhooksOptions } from "../webhooks/options.ts";
import { webhookReaders } from "./webhooks.ts";

/** An empty queue is looked at this often, ms. */
const idleMs = 100;
/** And this often while it is used, ms. */
const busyMs = 25;
const leaseMs = 5_000;
/** A turn is three answers of Redis: where these take a second, a queue still gets on faster than backends fill it. */
const entriesAtOnce = 500;
const bytesAtOnce = 4 * 1024 * 1024;

export interface QueuesParts {
  readonly backplane: Backplane;
  readonly observe: Telemetry;
  readonly webhooks: WebhooksOptions;
}

export class Queues {
  readonly #readers: readonly QueueReader[];

  constructor(dialects: readonly SpokenDialect[], { backplane, observe, webhooks }: QueuesParts) {
    const { queue, bus, broker } = backplane;
    const open = (dialect: string, feed: QueueFeed): readonly QueueReader[] => {
      if (!queue) return [];
      const { name, maxEntryBytes } = feed;
      const { publish } = new QueuePublisher({ dialect, feed, broker, observe });
      const bounds = { entries: entriesAtOnce, bytes: bytesAtOnce, maxEntryBytes, leaseMs };
      return [
        new QueueReader({ name, queue, bounds, idleMs, busyMs, work: publish, owner: dialect, bus, observe }),
      ];
    };
    const published = dialects.flatMap(({ name, backend }) =>
      (backend?.queues ?? []).flatMap((feed) => open(name, feed)),
    );
    const told = webhookReaders(webhooks, { backplane, observe });
    this.#readers = [...published, ...told];
    observe.gauge(
      "belfry_queue_entries",
      "Entries that backends left to be published, as this gateway last saw them",
      () => waitingIn(published),
    );
    observe.gauge(
      "belfry_webhook_waiting_events",
      "Events that wait for webhooks, as this gateway last saw them; once for each URL",
      () => waitingIn(told),
    );
    observe.gauge(
      "belfry_queues_held",
      "Queues in which entries wait because Redis refuses something, on this gateway",
      () => this.held.length,
    );
  }

  /** What Redis refuses of each queue that cannot go on, for people. */
  get held(): readonly string[] {
    return this.#readers.flatMap(({ held }) => held ?? []);
  }

  start(): void {
    for (const reader of this.#readers) reader.start();
  }

  /** Resolves when all that was taken is done. */
  async stop(): Promise<void> {
    await Promise.all(this.#readers.map(async (reader) => reader.stop()));
  }
}

function waitingIn(readers: readonly QueueReader[]): number {
  return readers.reduce((sum, { waiting }) => sum + waiting, 0);
}
