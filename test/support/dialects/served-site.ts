// A gateway with dialects on one port as a process of its own, and the drivers that speak to it.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Metrics } from "../metrics.ts";
import type { RedisServer } from "../redis.ts";
import { ServedGateway } from "../serve.ts";
import type { GatewayConfig } from "../gateway.ts";
import type { DialectDriver } from "./driver.ts";
import type { Backend, Place } from "./site.ts";
import { configOf, connectBackend, disconnectBackend, publishSecret } from "./site.ts";

export class ServedSite implements Place, AsyncDisposable {
  readonly secret = publishSecret;
  readonly backend: Backend;
  readonly #gateway: ServedGateway;
  readonly #folder: string;

  private constructor(gateway: ServedGateway, backend: Backend, folder: string) {
    this.#gateway = gateway;
    this.backend = backend;
    this.#folder = folder;
  }

  /** @param more put over what the drivers want. */
  static async open(
    redis: RedisServer,
    drivers: readonly DialectDriver[],
    more: GatewayConfig = {},
  ): Promise<ServedSite> {
    const folder = mkdtempSync(join(tmpdir(), "belfry-dialects-"));
    const file = join(folder, "config.json");
    writeFileSync(file, JSON.stringify({ ...configOf(drivers), redis: redis.url, ...more }));
    const backend = await connectBackend(redis.url);
    return new ServedSite(await ServedGateway.start({ args: ["-c", file] }), backend, folder);
  }

  get url(): string {
    return this.#gateway.url;
  }

  get pid(): number {
    return this.#gateway.process.pid;
  }

  /** What it wrote so far, both streams. */
  get output(): string {
    return this.#gateway.process.output;
  }

  async metrics(): Promise<Metrics> {
    return this.#gateway.metrics();
  }

  /** @returns its exit status. */
  async stop(): Promise<number> {
    return this.#gateway.process.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#gateway[Symbol.asyncDispose]();
    disconnectBackend(this.backend);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
