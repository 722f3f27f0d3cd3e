// The command line as one call: arguments in, exit code and both outputs out, without a process.

import type { Io } from "../../src/cli/io.ts";
import { runProgram } from "../../src/cli/program.ts";
import type { Dialects } from "../../src/dialects/registry.ts";

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Standard input. */
  readonly input?: string;
  readonly dialects?: Dialects;
  /** Called with each text on standard error. */
  readonly onComplaint?: (text: string) => void;
}

export async function runCommand(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const out: string[] = [];
  const err: string[] = [];
  const io: Io = {
    env: options.env ?? {},
    isTerminal: false,
    print: (text) => void out.push(text),
    complain(text) {
      err.push(text);
      options.onComplaint?.(text);
    },
    readInput: () => Promise.resolve(options.input ?? ""),
  };
  const code = await runProgram(args, io, options.dialects);
  return { code, out: out.join("\n"), err: err.join("\n") };
}
