// Child processes of a benchmark: where they run, the C programs among them, started with a line that says they are
// ready, their CPU and memory read from /proc.

import { mkdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";

const root = join(import.meta.dirname, "../..");
/** What is built on first use. */
export const built = join(root, ".cache/bench");
/** Programs of the other servers. */
export const peers = join(root, "bench/peers");
export const programs = {
  bun: join(root, "scripts/bun"),
  belfry: join(root, "bin/belfry"),
  floor: join(built, "floor"),
  generator: join(built, "generator"),
};

/** The C programs, and what each is made of. */
const sources = { floor: ["floor.c"], generator: ["generator.c", "poster.c"] } as const;

/** Compiles the two C programs; a machine without a compiler is told so. */
export function compile(): void {
  mkdirSync(built, { recursive: true });
  for (const name of ["floor", "generator"] as const) {
    const files = sources[name].map((file) => join(root, "bench", file));
    const command = ["cc", "-O2", "-D_GNU_SOURCE", "-o", programs[name], ...files];
    const result = Bun.spawnSync(command, { stderr: "inherit" });
    if (!result.success)
      throw new Error(`Expected a C compiler as \`cc\`: install gcc (${command.join(" ")} failed)`);
  }
}

export class Child {
  readonly #child: Bun.Subprocess<"pipe", "pipe", "inherit">;
  readonly #lines: AsyncIterator<string>;

  constructor(command: readonly string[]) {
    this.#child = Bun.spawn([...command], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
    });
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

/** Dies with this process, whatever ends it. */
const bound = ["setpriv", "--pdeathsig", "KILL", "taskset", "-c"];

/** The server under test has a core of its own; Redis and the load share another: nobody is charged for the others. */
export const onServersCore = (command: readonly string[]): Child => new Child([...bound, "0", ...command]);
export const beside = (command: readonly string[]): Child => new Child([...bound, "1", ...command]);

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

/** The most that was resident so far, bytes. */
export function peakOf(pid: number): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1024;
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("Expected a port");
  return address.port;
}
