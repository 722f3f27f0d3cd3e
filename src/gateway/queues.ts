// The queues of all dialects of one gateway, where what it is connected to has any. Part of the composition root (gateway.ts).

import type { Backplane } from "../brokers/driver.ts";
import type { SpokenDialect } from "./contexts.ts";
import type { Telemetry } from "../observe/observe.ts";
import { QueueReader } from "./queue-reader.ts";

export interface QueuesParts {
  readonly backplane: Backplane;
  readonly observe: Telemetry;
}

export class Queues {
  readonly #readers: readonly QueueReader[];

  constructor(dialects: readonly SpokenDialect[], { backplane, observe }: QueuesParts) {
    const { queue, bus, broker } = backplane;
    this.#readers = dialects.flatMap(({ name, backend }) =>
      queue
        ? (backend?.queues ?? []).map(
            (feed) => new QueueReader({ dialect: name, feed, queue, bus, broker, observe }),
          )
        : [],
    );
    observe.gauge(
      "belfry_queue_entries",
      "Entries that backends left to be published, as this gateway last saw them",
      () => this.#readers.reduce((sum, { waiting }) => sum + waiting, 0),
    );
  }

  start(): void {
    for (const reader of this.#readers) reader.start();
  }

  /** Resolves when all that was taken is done. */
  async stop(): Promise<void> {
    await Promise.all(this.#readers.map(async (reader) => reader.stop()));
  }
}
