// The parts of a run: a real Redis with its data on disk, and gateways as processes, each with a link to Redis that can be broken.

import { createHash } from "node:crypto";
import { ServedGateway } from "../support/serve.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { startRedis } from "../support/redis.ts";
import type { RedisServer } from "../support/redis.ts";
import type { Random } from "../support/random.ts";
import type { Logged } from "./history.ts";

export const secret = "publish-secret-of-a-run-of-faults";

/** A drain takes this many seconds. */
const drainSeconds = 2;

const config = [
  ["--secret", secret],
  ["--drain", String(drainSeconds)],
  ["--rooms", JSON.stringify([{ match: "log:*", history: { size: 10_000, seconds: 600 } }])],
].flat();

export class Gateway implements AsyncDisposable {
  readonly name: string;
  /** To Redis. */
  readonly link: TcpProxy;
  #served: ServedGateway | undefined;

  private constructor(name: string, link: TcpProxy) {
    this.name = name;
    this.link = link;
  }

  static async start(name: string, redis: RedisServer): Promise<Gateway> {
    const gateway = new Gateway(name, await TcpProxy.start(redis.port));
    await gateway.start();
    return gateway;
  }

  /** Undefined while it does not run. */
  get url(): string | undefined {
    return this.#served?.url;
  }

  async start(): Promise<void> {
    this.#served = await ServedGateway.start({
      args: ["--redis", `redis://127.0.0.1:${this.link.port}/0`, ...config],
    });
  }

  async kill(): Promise<void> {
    const served = this.#served;
    this.#served = undefined;
    served?.process.kill("SIGKILL");
    await served?.process.exited;
  }

  /** Throws when it does not end well and in time. */
  async drain(): Promise<void> {
    const served = this.#served;
    this.#served = undefined;
    const code = await served?.process.stop((drainSeconds + 5) * 1_000);
    if (code !== 0) throw new Error(`Expected a drained gateway to end with status 0, got ${code}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#served?.process.stop();
    await this.link.stop();
  }
}

export class Scene implements AsyncDisposable {
  readonly redis: RedisServer;
  readonly gateways: readonly Gateway[];

  private constructor(redis: RedisServer, gateways: readonly Gateway[]) {
    this.redis = redis;
    this.gateways = gateways;
  }

  static async start(): Promise<Scene> {
    const redis = await startRedis({ args: ["--appendonly", "yes", "--appendfsync", "always"] });
    const gateways = await Promise.all(["one", "two"].map(async (name) => Gateway.start(name, redis)));
    return new Scene(redis, gateways);
  }

  anyGateway(random: Random): Gateway {
    return random.pick(this.gateways);
  }

  /** One that runs. */
  anyPlace(random: Random): { readonly name: string; readonly url: string } {
    const running = this.gateways.flatMap(({ name, url }) => (url === undefined ? [] : [{ name, url }]));
    return random.pick(running);
  }

  /** What the log of a room holds, from Redis itself. */
  async logOf(room: string, t: number): Promise<Logged> {
    const digest = createHash("sha256")
      .update(JSON.stringify(["/", room]))
      .digest("base64url");
    const base = `belfry-log:{${digest}}`;
    const epoch = await this.redis.command("HGET", `${base}:meta`, "epoch");
    const entries = (await this.redis.command("XRANGE", `${base}:stream`, "-", "+")) as readonly [
      string,
      readonly string[],
    ][];
    const ids = entries.map(
      ([place, fields]) => [Number.parseInt(place, 10), idIn(fields.join(" "))] as const,
    );
    return { kind: "logged", t, room, epoch: String(epoch), entries: Object.fromEntries(ids) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.gateways.map(async (gateway) => gateway[Symbol.asyncDispose]()));
    await this.redis.stop();
  }
}

function idIn(entry: string): string {
  return /[\w:-]+#\d+/.exec(entry)?.[0] ?? "";
}
