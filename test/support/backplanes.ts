// The backplanes of one test file: one Redis for all of its tests, and what a test opened is closed behind it. A suite that runs over
// every driver gets its URLs from here.

import { afterAll, afterEach, beforeAll } from "bun:test";
import type { Backplane, BackplaneOptions } from "../../src/brokers/driver.ts";
import { openBackplane } from "../../src/brokers/registry.ts";
import type { drivers } from "../../src/brokers/registry.ts";
import { silent } from "../../src/core/observe.ts";
import { defaultLimits } from "../../src/vocabulary/limits.ts";
import { startRedis } from "./redis.ts";
import type { RedisOptions, RedisServer } from "./redis.ts";

export interface Backplanes {
  /** Throws outside of a test. */
  readonly server: RedisServer;
  open(url: string | undefined, more?: Partial<BackplaneOptions>): Promise<Backplane>;
  /** By driver, where it is; a new driver has to say so. */
  readonly urls: Record<keyof typeof drivers, () => string | undefined>;
}

/** To be called once, at the top of the file. @param options `isEmptied`: behind each test the server has no keys. */
export function useBackplanes(options: RedisOptions & { readonly isEmptied?: boolean } = {}): Backplanes {
  let started: RedisServer | undefined;
  const open: Backplane[] = [];
  const server = (): RedisServer => {
    if (!started) throw new Error("Expected a Redis that runs, got none");
    return started;
  };
  beforeAll(async () => {
    started = await startRedis(options);
  });
  afterAll(async () => {
    await started?.stop();
  });
  afterEach(async () => {
    for (const backplane of open.splice(0)) await backplane.close();
    if (options.isEmptied === true) await server().command("FLUSHALL");
  });
  return {
    get server() {
      return server();
    },
    async open(url, more) {
      const backplane = await openBackplane({ url, observe: silent, limits: defaultLimits, ...more });
      open.push(backplane);
      return backplane;
    },
    urls: { memory: () => undefined, redis: () => server().url },
  };
}
