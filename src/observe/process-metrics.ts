// What the process itself shows: how late its event loop runs, memory, CPU, lost log lines, and which Belfry it is.

import type { Metric, Sample } from "./exposition.ts";
import type { LoopLag } from "./loop-lag.ts";

export interface ProcessParts {
  readonly version: string;
  readonly lag: LoopLag;
  /** Log lines lost so far. */
  droppedLines(): number;
}

/** The metrics of the process that runs the gateway. */
export function processMetrics(parts: ProcessParts): readonly Metric[] {
  return [
    {
      kind: "gauge",
      name: "belfry_build_info",
      help: "1; the version is in the label",
      labels: ["version"],
      read: () => [{ labels: [parts.version], value: 1 }],
    },
    {
      kind: "gauge",
      name: "belfry_event_loop_lag_seconds",
      help: "How late the event loop ran in the last minute: median, 99th percentile and maximum (1)",
      labels: ["quantile"],
      read: () => lagSamples(parts.lag),
    },
    {
      kind: "counter",
      name: "belfry_log_lines_dropped_total",
      help: "Log lines lost because the output was not read or the disk was full",
      labels: [],
      read: () => [plain(parts.droppedLines())],
    },
    ...resources(),
  ];
}

function resources(): Metric[] {
  return [
    {
      kind: "gauge",
      name: "belfry_process_resident_memory_bytes",
      help: "Resident memory",
      labels: [],
      read: () => [plain(process.memoryUsage.rss())],
    },
    {
      kind: "counter",
      name: "belfry_process_cpu_seconds_total",
      help: "CPU time, user and system",
      labels: [],
      read: () => [plain(cpuSeconds())],
    },
    {
      kind: "gauge",
      name: "belfry_process_start_time_seconds",
      help: "When the process started, seconds since 1970",
      labels: [],
      read: () => [plain(performance.timeOrigin / 1_000)],
    },
  ];
}

function plain(value: number): Sample {
  return { labels: [], value };
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000_000;
}

function lagSamples(lag: LoopLag): Sample[] {
  const { p50, p99, max } = lag.read();
  return [
    { labels: ["0.5"], value: p50 },
    { labels: ["0.99"], value: p99 },
    { labels: ["1"], value: max },
  ];
}
