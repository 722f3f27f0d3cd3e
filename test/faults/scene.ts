// The parts of a run: a real Redis with its data on disk, and two servers as processes, each with a link to Redis that can be
// broken.

import { TcpProxy } from "../support/tcp-proxy.ts";
import { startRedis } from "../support/redis.ts";
import type { RedisServer } from "../support/redis.ts";
import type { Random } from "../support/random.ts";
import type { Client, Place } from "./client.ts";
import type { Publishing } from "./publishers.ts";
import type { Served, System } from "./system.ts";

export class Gateway implements AsyncDisposable {
  readonly name: string;
  /** To Redis. */
  readonly link: TcpProxy;
  readonly #system: System;
  #served: Served | undefined;

  private constructor(name: string, link: TcpProxy, system: System) {
    this.name = name;
    this.link = link;
    this.#system = system;
  }

  static async start(name: string, redis: RedisServer, system: System): Promise<Gateway> {
    const gateway = new Gateway(name, await TcpProxy.start(redis.port), system);
    await gateway.start();
    return gateway;
  }

  /** Undefined while it does not run. */
  get url(): string | undefined {
    return this.#served?.url;
  }

  async start(): Promise<void> {
    this.#served = await this.#system.serve(this.link.port);
  }

  async kill(): Promise<void> {
    const served = this.#served;
    this.#served = undefined;
    await served?.kill();
  }

  /** It stands still until it is told to go on, with its connections open. */
  pause(): void {
    this.#served?.signal("SIGSTOP");
  }

  resume(): void {
    this.#served?.signal("SIGCONT");
  }

  /** Undefined while it does not run, and where it is no single process. */
  get pid(): number | undefined {
    return this.#served?.pid;
  }

  /** Its wall clock jumps ({@link Served.jump}). @returns whether it could. */
  async jump(): Promise<boolean> {
    await this.#served?.jump?.();
    return this.#served?.jump !== undefined;
  }

  async drain(): Promise<void> {
    const served = this.#served;
    this.#served = undefined;
    await served?.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await this.link.stop();
  }
}

export class Scene implements AsyncDisposable {
  readonly redis: RedisServer;
  readonly gateways: readonly Gateway[];
  /** Of the run, once it has them. */
  clients: readonly Client[] = [];
  publishers: readonly Publishing[] = [];

  private constructor(redis: RedisServer, gateways: readonly Gateway[]) {
    this.redis = redis;
    this.gateways = gateways;
  }

  static async start(system: System): Promise<Scene> {
    const redis = await startRedis({ args: ["--appendonly", "yes", "--appendfsync", "always"] });
    const names = ["one", "two"];
    const gateways = await Promise.all(names.map(async (name) => Gateway.start(name, redis, system)));
    return new Scene(redis, gateways);
  }

  anyGateway(random: Random): Gateway {
    return random.pick(this.gateways);
  }

  /** One that runs. */
  anyPlace(random: Random): Place {
    const running = this.gateways.flatMap(({ name, url }) => (url === undefined ? [] : [{ name, url }]));
    return random.pick(running);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.gateways.map(async (gateway) => gateway[Symbol.asyncDispose]()));
    await this.redis.stop();
  }
}
