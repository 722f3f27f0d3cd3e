// What the process itself shows: how late its event loop runs, memory, CPU, lost log lines, and which Belfry it is.

import { plainMetric } from "./exposition.ts";
import type { Metric } from "./exposition.ts";
import type { LoopLag } from "./loop-lag.ts";

export interface ProcessParts {
  readonly version: string;
  readonly lag: LoopLag;
  /** Log lines lost so far. */
  readonly droppedLines: () => number;
}

/** The metrics of the process that runs the gateway. */
export function processMetrics({ version, lag, droppedLines }: ProcessParts): readonly Metric[] {
  return [
    {
      name: "belfry_build_info",
      help: "1; the version is in the label",
      labels: ["version"],
      read: () => [{ labels: [version], value: 1 }],
    },
    {
      name: "belfry_event_loop_lag_seconds",
      help: "How late the event loop ran in the last minute: median, 99th percentile and maximum (1)",
      labels: ["quantile"],
      read() {
        const { p50, p99, max } = lag.read();
        const quantiles = [
          ["0.5", p50],
          ["0.99", p99],
          ["1", max],
        ] as const;
        return quantiles.map(([quantile, value]) => ({ labels: [quantile], value }));
      },
    },
    plainMetric(
      "belfry_log_lines_dropped_total",
      "Log lines lost because the output was not read or the disk was full",
      droppedLines,
    ),
    plainMetric("belfry_process_resident_memory_bytes", "Resident memory", () => process.memoryUsage.rss()),
    plainMetric("belfry_process_cpu_seconds_total", "CPU time, user and system", cpuSeconds),
    plainMetric(
      "belfry_process_start_time_seconds",
      "When the process started, seconds since 1970",
      () => performance.timeOrigin / 1_000,
    ),
  ];
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000_000;
}
