// `belfry serve` as a process of its own, for what only a process can show: all that it prints, its memory, its end.

import { join } from "node:path";
import { Metrics } from "./metrics.ts";
import { RunningProcess } from "./process.ts";

export const belfryPath = join(import.meta.dir, "../../bin/belfry");

export interface ServeOptions {
  /** Its program. @default that of this checkout */
  readonly path?: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Its limit on open files. */
  readonly files?: number;
}

/** A gateway on a free port of the loopback, its log as JSON lines; `await using` stops it. */
export class ServedGateway implements AsyncDisposable {
  readonly process: RunningProcess;
  readonly url: string;

  private constructor(process: RunningProcess, url: string) {
    this.process = process;
    this.url = url;
  }

  /** Starts it and waits until it is ready. */
  static async start(options: ServeOptions = {}): Promise<ServedGateway> {
    const { path = belfryPath, args = [], env = {}, files } = options;
    const command = [path, "serve", "-a", "127.0.0.1:0", "--log-format", "json", ...args];
    const limit = files === undefined ? [] : ["sh", "-c", `ulimit -n ${files} && exec "$@"`, "sh"];
    const process = new RunningProcess([...limit, ...command], { env });
    const [, url = ""] = await process.waitFor(/"event":"listening","url":"([^"]+)"/);
    const deadline = performance.now() + 10_000;
    while ((await fetch(`${url}/-/health/ready`)).status !== 200) {
      if (performance.now() > deadline) throw new Error(`Expected a ready gateway, got:\n${process.output}`);
      await Bun.sleep(10);
    }
    return new ServedGateway(process, url);
  }

  async metrics(): Promise<Metrics> {
    return Metrics.of(this.url);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process.stop();
  }
}
