// Where log lines leave the process: standard output behind a bounded queue, or whatever the caller gave (a test's
// array, a file of an embedding program).

import { write, writeSync } from "node:fs";
import { isatty } from "node:tty";
import { promisify } from "node:util";
import { LineSink } from "./sink.ts";

/** Takes whole lines, each with its `\n`. */
export interface Destination {
  write(line: string): void;
}

/** A destination that is open until closed. */
export interface Output extends Destination {
  /** A person's screen. */
  readonly isTerminal: boolean;
  /** Lines lost so far. */
  readonly dropped: number;
  /** Resolves when everything is written, or after a second. */
  close(): Promise<void>;
}

const flushDeadlineMs = 1_000;
const writingMs = 100;
const standardOutput = 1;

/** A caller's destination; the caller closes it. */
export function toOutput(destination: Destination): Output {
  return {
    isTerminal: false,
    dropped: 0,
    write: (line) => {
      destination.write(line);
    },
    close: () => Promise.resolve(),
  };
}

/** Standard output. What waits when the process ends without `close()` is written in one last try. */
export function openStandardOutput(): Output {
  const sink = new LineSink(writeBytes);
  const onExit = (): void => {
    writeRest(sink);
  };
  process.once("exit", onExit);
  return {
    isTerminal: isatty(standardOutput),
    get dropped() {
      return sink.dropped;
    },
    write: (line) => {
      sink.write(line);
    },
    async close() {
      await sink.flush(flushDeadlineMs);
      process.off("exit", onExit);
    },
  };
}

/** Writes what a process that ends at once leaves behind. */
function writeRest(sink: LineSink): void {
  // A write to a reader that stalls would hang, and the process with it.
  if (sink.state === "stalled") return;
  // The write under way belongs to another thread: a moment for it, so that the lines arrive and keep their order.
  if (sink.state === "writing") Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, writingMs);
  try {
    const rest = sink.takeRest();
    if (rest !== "") writeSync(standardOutput, rest);
  } catch {
    // The process ends, and the reader is gone: there is no place left to say so.
  }
}

const writeFile = promisify(write);

/** @returns how many of the bytes standard output took. */
export async function writeBytes(bytes: Uint8Array): Promise<number> {
  return (await writeFile(standardOutput, bytes)).bytesWritten;
}
