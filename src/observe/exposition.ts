// From our own numbers to the text that Prometheus reads. Each metric is a name, its labels and a function that is
// asked at scrape time; prom-client is behind this file alone.

import { Counter, Gauge, Registry } from "prom-client";

export interface Sample {
  /** Values in the order of the metric's label names. */
  readonly labels: readonly string[];
  readonly value: number;
}

export interface Metric {
  readonly kind: "counter" | "gauge";
  readonly name: `belfry_${string}`;
  readonly help: string;
  readonly labels: readonly string[];
  read(): Iterable<Sample>;
}

export class Exposition {
  readonly #registry = new Registry();
  readonly #onError: (error: unknown) => void;

  /** @param onError a metric that cannot be read is left out of the scrape, and said here. */
  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  /** Throws on a name that is taken: that is a mistake in the program. */
  add(metric: Metric): void {
    const fill = (record: Counter | Gauge): void => {
      record.reset();
      // Without labels, prom-client starts at 0: a metric that cannot be read must be absent instead.
      record.remove({});
      for (const { labels, value } of this.#read(metric)) record.inc(named(metric.labels, labels), value);
    };
    const Kind = metric.kind === "counter" ? Counter : Gauge;
    this.#registry.registerMetric(
      new Kind({
        name: metric.name,
        help: metric.help,
        labelNames: metric.labels,
        registers: [],
        collect(this: Counter | Gauge) {
          fill(this);
        },
      }),
    );
  }

  /** The text format 0.0.4. */
  async text(): Promise<string> {
    return this.#registry.metrics();
  }

  #read(metric: Metric): Sample[] {
    try {
      return [...metric.read()].filter(({ value }) => Number.isFinite(value));
    } catch (error) {
      this.#onError(error);
      return [];
    }
  }
}

function named(names: readonly string[], values: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name, index) => [name, values[index] ?? ""]));
}
