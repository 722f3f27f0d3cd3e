// From a signal to the end of the process: the first SIGTERM or SIGINT drains, a second one ends at once. npm passes
// a terminal's signal on a second time, so what follows within a second is still the first.

export type StopSignal = "SIGINT" | "SIGTERM";

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
  return signal === "SIGINT" ? 130 : 143;
}

/** The signals of this process. */
export function listenToProcess(onSignal: (signal: StopSignal) => void): () => void {
  const onInterrupt = (): void => {
    onSignal("SIGINT");
  };
  const onTerminate = (): void => {
    onSignal("SIGTERM");
  };
  process.on("SIGINT", onInterrupt);
  process.on("SIGTERM", onTerminate);
  return () => {
    process.off("SIGINT", onInterrupt);
    process.off("SIGTERM", onTerminate);
  };
}
