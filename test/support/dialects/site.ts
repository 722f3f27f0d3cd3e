// A gateway with some of the dialects on one port, over a real Redis, and the drivers that speak to it.

import { createClient } from "@redis/client";
import type { DialectName } from "../../../src/dialects/registry.ts";
import { testDialects } from "../../dialects/registry.ts";
import { startGateway } from "../gateway.ts";
import type { GatewayConfig, TestGateway } from "../gateway.ts";
import type { RedisServer } from "../redis.ts";
import type { DialectDriver, Door } from "./driver.ts";

/** What drivers need to speak to a gateway, in whichever process it is. */
export interface Place {
  readonly url: string;
  /** The publish secret. */
  readonly secret: string;
  readonly backend: Backend;
}

/** A backend's connection to Redis. */
export type Backend = Awaited<ReturnType<typeof connectBackend>>;

export async function connectBackend(url: string) {
  const client = createClient({
    url,
    RESP: 2,
    disableClientInfo: true,
    socket: { reconnectStrategy: false },
  });
  // Commands reject with it.
  client.on("error", () => undefined);
  return client.connect();
}

/** Redis may be gone before it. */
export function disconnectBackend(backend: Backend): void {
  if (backend.isOpen) backend.destroy();
}

export const publishSecret = "publish-secret-of-the-dialects";

export class Site implements Place, AsyncDisposable {
  readonly drivers: readonly DialectDriver[];
  readonly secret = publishSecret;
  readonly gateway: TestGateway;
  readonly backend: Backend;
  #hasEnded = false;

  private constructor(drivers: readonly DialectDriver[], gateway: TestGateway, backend: Backend) {
    this.drivers = drivers;
    this.gateway = gateway;
    this.backend = backend;
  }

  /** @param more put over what the drivers want. */
  static async open(
    redis: RedisServer,
    drivers: readonly DialectDriver[],
    more: GatewayConfig = {},
  ): Promise<Site> {
    const backend = await connectBackend(redis.url);
    const config = { ...configOf(drivers), redis: redis.url, ...more };
    return new Site(drivers, await startGateway(config, testDialects), backend);
  }

  get url(): string {
    return this.gateway.url;
  }

  /** Every way in that there is here. */
  get doors(): readonly Door[] {
    return this.drivers.flatMap(({ doors }) => doors);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    await this.gateway[Symbol.asyncDispose]();
    disconnectBackend(this.backend);
  }
}

/** The config of one listener on which all of them are spoken. */
export function configOf(drivers: readonly DialectDriver[]): GatewayConfig {
  return { ...base(drivers, "config"), listeners: [listenerOf(drivers)] };
}

/** The same, where only pages of these origins may come in. */
export function guardedConfigOf(drivers: readonly DialectDriver[], origins: string[]): GatewayConfig {
  return { ...base(drivers, "guarded"), listeners: [{ ...listenerOf(drivers), origins }] };
}

function base(drivers: readonly DialectDriver[], part: "config" | "guarded"): GatewayConfig {
  const sections: GatewayConfig = Object.assign({}, ...drivers.map((driver) => driver[part]));
  return { ...sections, secret: publishSecret };
}

function listenerOf(drivers: readonly DialectDriver[]) {
  // The suite knows one more than the product.
  const dialects = drivers.map(({ dialect }) => dialect) as DialectName[];
  return { address: "127.0.0.1:0", dialects };
}
