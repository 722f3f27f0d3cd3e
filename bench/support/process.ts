// Child processes of a benchmark: started with a line that says they are ready, their CPU and memory read from /proc.

import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";

export class Child {
  readonly #child: Bun.Subprocess<"pipe", "pipe", "inherit">;
  readonly #lines: AsyncIterator<string>;

  constructor(command: readonly string[]) {
    this.#child = Bun.spawn([...command], { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
    const output = Readable.fromWeb(this.#child.stdout as never);
    this.#lines = createInterface({ input: output })[Symbol.asyncIterator]();
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** The next line of its output. */
  async line(): Promise<string> {
    const next = await this.#lines.next();
    if (next.done === true) throw new Error(`Expected a line of process ${this.pid}, it ended`);
    return next.value;
  }

  async ask(line: string): Promise<string> {
    this.tell(line);
    return this.line();
  }

  tell(line: string): void {
    void this.#child.stdin.write(`${line}\n`);
    void this.#child.stdin.flush();
  }

  async stop(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
  }
}

const ticksPerSecond = 100;

/** CPU that the process and its threads used so far, microseconds. */
export function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return ((Number(fields[11]) + Number(fields[12])) * 1_000_000) / ticksPerSecond;
}

/** Resident memory, bytes. */
export function memoryOf(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1024;
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("Expected a port");
  return address.port;
}
