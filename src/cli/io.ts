// What a command may touch of its process: arguments come through commander, everything else through here, so that
// tests can run commands without one.

import { writeSync } from "node:fs";
import { isatty } from "node:tty";
import type { ConfigModel } from "../config/model.ts";

export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Is standard output a terminal, with a person before it? */
  readonly isTerminal: boolean;
  /** To standard output, with a line break. */
  print(text: string): void;
  /** To standard error, with a line break. */
  complain(text: string): void;
  /** Standard input to its end. */
  readInput(): Promise<string>;
}

/** What every command is made of. */
export interface Cli {
  readonly io: Io;
  readonly model: ConfigModel;
}

const standardOutput = 1;
const standardError = 2;
const busyDelayMs = 10;
const busyTries = 500;

/** The real process. */
export function processIo(): Io {
  return {
    env: process.env,
    isTerminal: isatty(standardOutput),
    print(text) {
      writeAll(standardOutput, `${text}\n`);
    },
    complain(text) {
      writeAll(standardError, `${text}\n`);
    },
    async readInput() {
      const chunks: Buffer[] = [];
      for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk));
      return Buffer.concat(chunks).toString();
    },
  };
}

/** At once and whole: the process may end right after, and what a stream still held would be lost. */
function writeAll(descriptor: number, text: string): void {
  let rest = Buffer.from(text);
  for (let tries = 0; rest.length > 0 && tries < busyTries; tries++) {
    try {
      rest = rest.subarray(writeSync(descriptor, rest));
    } catch (error) {
      // Anything but a full pipe means that the reader is gone: there is no place left to say so.
      if (!(error instanceof Error && "code" in error && error.code === "EAGAIN")) return;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, busyDelayMs);
    }
  }
}
