// From a signal to the end of the process: the first SIGTERM, SIGINT or SIGHUP drains, a second one ends at once. npm
// passes a terminal's signal on a second time, so what follows within a second is still the first.

import { readFileSync } from "node:fs";

export type StopSignal = "SIGINT" | "SIGTERM" | "SIGHUP";

export interface SignalParts {
  /** Calls back for every signal; returns what ends that. */
  listen(onSignal: (signal: StopSignal) => void): () => void;
  /** Monotonic clock, ms. */
  now(): number;
  /** Drains; resolves when everything is closed. */
  stop(signal: StopSignal): Promise<void>;
  /** Ends the process at once. */
  end(signal: StopSignal): void;
}

/** Signals that come closer together than this are one, ms. */
const sameSignalMs = 1_000;

/** Waits for a signal and the drain that follows; rejects when the drain fails. */
export async function stopOnSignal(parts: SignalParts): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<StopSignal>();
  let firstAt: number | undefined;
  const unlisten = parts.listen((signal) => {
    if (firstAt === undefined) {
      firstAt = parts.now();
      resolve(signal);
    } else if (parts.now() - firstAt >= sameSignalMs) {
      parts.end(signal);
    }
  });
  try {
    await parts.stop(await promise);
  } finally {
    unlisten();
  }
}

/** The exit code of a process that a signal ended, as shells have it. */
export function signalExitCode(signal: StopSignal): number {
  return { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 }[signal];
}

/** The signals of this process. */
export function listenToProcess(onSignal: (signal: StopSignal) => void): () => void {
  const signals: readonly StopSignal[] = [
    "SIGINT",
    "SIGTERM",
    ...(isHangupIgnored() ? [] : ["SIGHUP" as const]),
  ];
  for (const signal of signals) process.on(signal, onSignal);
  return () => {
    for (const signal of signals) process.off(signal, onSignal);
  };
}

/** Started with `nohup`, it outlives its terminal: a handler would undo that. Only Linux tells. */
function isHangupIgnored(): boolean {
  try {
    const [, mask = "0"] = /^SigIgn:\s*([\da-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
    return (BigInt(`0x${mask}`) & 1n) === 1n;
  } catch {
    // No such file on this system.
    return false;
  }
}
