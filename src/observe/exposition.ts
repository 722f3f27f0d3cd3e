// From our own numbers to the text that Prometheus reads (text format 0.0.4). Each metric is a name, its labels and a
// function that is asked at scrape time.

export interface Sample {
  /** Values in the order of the metric's label names. */
  readonly labels: readonly string[];
  readonly value: number;
}

export interface Metric {
  /** A counter ends in `_total`; all others are gauges. */
  readonly name: `belfry_${string}`;
  readonly help: string;
  readonly labels: readonly string[];
  read(): Iterable<Sample>;
}

/** A number without labels. */
export function plainMetric(name: Metric["name"], help: string, read: () => number): Metric {
  return { name, help, labels: [], read: () => [{ labels: [], value: read() }] };
}

export class Exposition {
  readonly #metrics = new Map<string, Metric>();
  readonly #onError: (error: unknown) => void;

  /** @param onError a metric that cannot be read is left out of the scrape, and reported here. */
  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  /** Throws on a name that is taken: that is a mistake in the program. */
  add(metric: Metric): void {
    if (this.#metrics.has(metric.name)) throw new Error(`Expected a new metric, got ${metric.name} again`);
    this.#metrics.set(metric.name, metric);
  }

  text(): string {
    return [...this.#metrics.values()].map((metric) => this.#textOf(metric)).join("\n");
  }

  #textOf(metric: Metric): string {
    const { name, help } = metric;
    const kind = name.endsWith("_total") ? "counter" : "gauge";
    const lines = this.#read(metric).map((sample) => line(metric, sample));
    return [`# HELP ${name} ${help}`, `# TYPE ${name} ${kind}`, ...lines, ""].join("\n");
  }

  #read(metric: Metric): readonly Sample[] {
    try {
      return [...metric.read()].filter(({ value }) => Number.isFinite(value));
    } catch (error) {
      this.#onError(error);
      return [];
    }
  }
}

function line({ name, labels }: Metric, sample: Sample): string {
  const pairs = labels.map((label, index) => `${label}="${escaped(sample.labels[index] ?? "")}"`);
  return `${name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${sample.value}`;
}

/** Backslash, quote and line feed are escaped in a label's value. */
function escaped(value: string): string {
  return value
    .replaceAll("\\", String.raw`\\`)
    .replaceAll('"', String.raw`\"`)
    .replaceAll("\n", String.raw`\n`);
}
