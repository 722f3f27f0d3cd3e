// Reads Prometheus' text format 0.0.4 strictly: what passes here, every scraper takes. Throws a sentence otherwise.

export interface Family {
  readonly kind: "counter" | "gauge";
  readonly help: string;
  /** Values by `name{label="value",...}`, the labels as they came. */
  readonly samples: ReadonlyMap<string, number>;
}

/** What one scrape said. */
export class Metrics {
  readonly families: ReadonlyMap<string, Family>;

  constructor(text: string) {
    this.families = parse(text);
  }

  /** Fetches and reads the metrics of a gateway. */
  static async of(url: string): Promise<Metrics> {
    return new Metrics(await (await fetch(`${url}/-/metrics`)).text());
  }

  /** The samples of a metric whose labels contain a text, added up. */
  sum(name: string, labels = ""): number {
    const samples = this.families.get(name)?.samples ?? new Map<string, number>();
    return [...samples].reduce((sum, [series, value]) => sum + (series.includes(labels) ? value : 0), 0);
  }

  /** The samples of some metrics; those that are 0 are left out. */
  values(isWanted: (name: string) => boolean): Readonly<Record<string, number>> {
    const wanted: Record<string, number> = {};
    for (const [name, { samples }] of this.families) {
      if (!isWanted(name)) continue;
      for (const [series, value] of samples) if (value !== 0) wanted[series] = value;
    }
    return wanted;
  }
}

interface OpenFamily extends Family {
  readonly samples: Map<string, number>;
}

const helpLine = /^# HELP ([a-zA-Z_:][\w:]*) ((?:[^\\\n]|\\\\|\\n)*)$/;
const typeLine = /^# TYPE ([a-zA-Z_:][\w:]*) (counter|gauge)$/;
const label = String.raw`[a-zA-Z_]\w*="(?:[^"\\\n]|\\\\|\\"|\\n)*"`;
const sampleLine = new RegExp(
  String.raw`^([a-zA-Z_:][\w:]*)(?:\{(${label}(?:,${label})*)\})? (-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)$`,
);

function parse(text: string): ReadonlyMap<string, Family> {
  if (!text.endsWith("\n")) throw new Error("Expected the metrics to end with a line feed");
  const families = new Map<string, OpenFamily>();
  let help: RegExpExecArray | undefined;
  let open: string | undefined;
  for (const line of text.slice(0, -1).split("\n")) {
    // Empty lines are allowed, and part nothing.
    if (line === "") continue;
    const [, typed, kind] = typeLine.exec(line) ?? [];
    const sample = sampleLine.exec(line);
    if (line.startsWith("# HELP")) {
      help = helpLine.exec(line) ?? fail("a HELP line", line);
    } else if (typed !== undefined && (kind === "counter" || kind === "gauge")) {
      if (help?.[1] !== typed || families.has(typed)) fail("one HELP and one TYPE for each metric", line);
      families.set(typed, { kind, help: help?.[2] ?? "", samples: new Map() });
      open = typed;
    } else if (sample) {
      addSample(families, open, sample);
    } else {
      fail("HELP, TYPE or a sample", line);
    }
  }
  return families;
}

function addSample(
  families: Map<string, OpenFamily>,
  open: string | undefined,
  sample: RegExpExecArray,
): void {
  const [line, name = "", labels, value] = sample;
  const family = families.get(name);
  if (!family || name !== open) fail("a sample behind the TYPE line of its metric", line);
  const series = labels === undefined ? name : `${name}{${labels}}`;
  if (family.samples.has(series)) fail("each series once", line);
  family.samples.set(series, Number(value));
}

function fail(expected: string, line: string): never {
  throw new Error(`Expected ${expected} in the metrics, got ${JSON.stringify(line)}`);
}
