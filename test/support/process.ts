// Programs that a test runs: to their end with a deadline, or beside the test until it stops them. A program is
// never left behind: it ends with the test (`await using`), or with the process that runs the tests.

import { readFileSync } from "node:fs";
import type { Subprocess } from "bun";

/** How much of a program's output is kept, characters. */
const keptOutput = 1_000_000;

/** Programs that run beside a test now: they do not outlive this process. */
const running = new Set<Subprocess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

export interface RunOptions {
  readonly cwd?: string;
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly input?: string;
  /** @default 60_000 // 1 minute, then it is killed */
  readonly timeoutMs?: number;
}

export interface Finished {
  /** Exit status; 128 and the signal's number when it was killed. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end; a status other than 0 is the caller's to judge. */
export async function run(command: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const child = Bun.spawn([...command], {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: { ...process.env, ...options.env },
    stdin: options.input === undefined ? "ignore" : Buffer.from(options.input),
    stdout: "pipe",
    stderr: "pipe",
    timeout: options.timeoutMs ?? 60_000,
    killSignal: "SIGKILL",
  });
  const [stdout, stderr, code] = await Promise.all([
    textOf(child.stdout),
    textOf(child.stderr),
    child.exited,
  ]);
  return { code, stdout, stderr };
}

async function textOf(stream: ReadableStream<Uint8Array>): Promise<string> {
  return new Response(stream).text();
}

/** A program that runs beside the test. */
export class RunningProcess {
  readonly #child: Subprocess<"pipe", "pipe", "pipe">;
  readonly #ended: Promise<void>;
  #hasEnded = false;
  #output = "";
  #wake = Promise.withResolvers<void>();

  constructor(command: readonly string[], options: Omit<RunOptions, "input" | "timeoutMs"> = {}) {
    const child = Bun.spawn([...command], {
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      env: { ...process.env, ...options.env },
      stdin: "pipe",
      stdout: "pipe",
      stderr: "pipe",
    });
    this.#child = child;
    running.add(child);
    const streams = [this.#collect(child.stdout), this.#collect(child.stderr)];
    // Waiters hear of the end when everything that it wrote is there.
    this.#ended = Promise.all([child.exited, ...streams]).then(() => {
      this.#hasEnded = true;
      running.delete(child);
      this.#wakeUp();
    });
  }

  get pid(): number {
    return this.#child.pid;
  }

  get isRunning(): boolean {
    return !this.#hasEnded;
  }

  /** What it wrote so far, both streams. */
  get output(): string {
    return this.#output;
  }

  /** Its exit status. */
  get exited(): Promise<number> {
    return this.#child.exited;
  }

  /** Waits until its output matches; fails when it ends or the deadline passes before. */
  async waitFor(pattern: RegExp, timeoutMs = 20_000): Promise<RegExpExecArray> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const { promise } = this.#wake;
      const match = pattern.exec(this.#output);
      if (match) return match;
      const left = deadline - performance.now();
      if (!this.isRunning || left <= 0) {
        const state = this.isRunning ? `nothing of the kind within ${timeoutMs} ms` : "its end";
        throw new Error(`Expected ${pattern} from process ${this.pid}, got ${state}:\n${this.#output}`);
      }
      await withDeadline(promise, left);
    }
  }

  write(text: string): void {
    void this.#child.stdin.write(text);
    void this.#child.stdin.flush();
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Ends it: politely, and by force after `graceMs`. */
  async stop(graceMs = 5_000): Promise<number> {
    this.#child.kill("SIGTERM");
    const force = setTimeout(() => {
      this.#child.kill("SIGKILL");
    }, graceMs);
    await this.#ended;
    clearTimeout(force);
    return this.#child.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #collect(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      this.#output = (this.#output + decoder.decode(chunk, { stream: true })).slice(-keptOutput);
      this.#wakeUp();
    }
  }

  #wakeUp(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers<void>();
  }
}

/** Resolves with the promise or when the time is over, whichever comes first; leaves no timer. */
async function withDeadline(promise: Promise<void>, ms: number): Promise<void> {
  const { promise: over, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  await Promise.race([promise, over]);
  clearTimeout(timer);
}

/** In which Linux counts the time of processes. */
const ticksPerSecond = 100;

/** User and system time of a process, as Linux tells it to others. */
export function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}
