// Gateways of one test alone: their Redis, and the files of their configs. Most of a test is waiting, so tests run at the same time.

import { mkdtempSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RedisServer } from "./redis.ts";

/** `await using` stops the Redis and removes the files. */
export class Cluster implements AsyncDisposable {
  readonly redis: RedisServer;
  readonly #folder = mkdtempSync(join(tmpdir(), "belfry-cluster-"));

  /** @param redis of this cluster from now on. */
  constructor(redis: RedisServer) {
    this.redis = redis;
  }

  /** Writes a config with this Redis. @returns the file's path. */
  async writeConfig(config: object): Promise<string> {
    const path = join(this.#folder, `${crypto.randomUUID()}.json`);
    await writeFile(path, JSON.stringify({ redis: this.redis.url, ...config }));
    return path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.redis.stop();
    await rm(this.#folder, { recursive: true });
  }
}
