// What `npm run test:clients` asks of one client over one transport: to connect, join, hear, answer, take and send binary
// data, come back when the gateway was restarted, and stay away when it was told to go. Backends speak over a real Redis.

import { Emitter } from "@socket.io/redis-emitter";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway } from "../support/gateway.ts";
import { freePort } from "../support/ports.ts";
import { RunningProcess } from "../support/process.ts";
import { connectRedis } from "../support/redis.ts";
import type { RedisClient } from "../support/redis.ts";
import type { Step, Transport } from "./programs.ts";

export interface ScenarioParts {
  readonly redis: string;
  readonly command: readonly string[];
  readonly transport: Transport;
  readonly unreadableByte?: number | undefined;
  /** The backend speaks five times a second, so that no poll is held for long. */
  readonly isBusy: boolean;
}

/** Many times what a client waits before it comes back. */
const awayMs = 2_000;
const text = "é😀";
/** Short, since some clients notice by it alone that their gateway has gone. */
const socketio = { pingInterval: 2, pingTimeout: 2 };
const busyMs = 200;
const blob = Buffer.from(Array.from({ length: 1_000 }, (_, index) => (index * 37) % 256));

/** One client, its gateway, and its backend; its steps throw when they go wrong. */
export class Scenario implements AsyncDisposable {
  readonly #parts: ScenarioParts;
  readonly #address: string;
  readonly #bus: RedisClient;
  #gateway: TestGateway;
  readonly #client: RunningProcess;
  readonly #busy: NodeJS.Timeout | undefined;
  /** How much of the client's output was taken. */
  #taken = 0;

  private constructor(
    parts: ScenarioParts,
    running: { address: string; bus: RedisClient; gateway: TestGateway },
  ) {
    this.#parts = parts;
    this.#address = running.address;
    this.#bus = running.bus;
    this.#gateway = running.gateway;
    this.#client = new RunningProcess([...parts.command, running.gateway.url, parts.transport]);
    if (parts.isBusy) this.#busy = setInterval(() => void this.#emit({ event: "tick", data: 1 }), busyMs);
  }

  static async start(parts: ScenarioParts): Promise<Scenario> {
    const address = `127.0.0.1:${await freePort()}`;
    const gateway = await startGateway({ redis: parts.redis, socketio, listeners: [{ address }] });
    return new Scenario(parts, { address, bus: await connectRedis(parts.redis), gateway });
  }

  /** The steps, in their order. */
  readonly steps: Readonly<Record<Step, () => Promise<void>>> = {
    connect: async () => {
      await this.#connected();
    },
    join: async () => this.#join("time"),
    hear: async () => this.#hear("time", "first"),
    answer: async () => {
      const { promise, resolve } = Promise.withResolvers<unknown>();
      await using ear = await connectRedis(this.#parts.redis).then((client) => ({
        client,
        [Symbol.asyncDispose]: async () => client.close(),
      }));
      await ear.client.subscribe("flask-socketio", (message) => {
        const { args } = JSON.parse(message) as { args?: unknown };
        if (args !== undefined) resolve(args);
      });
      await this.#emit({ event: "ask", data: 1, room: "time", callback: ["time", "/", 1], host_id: "h" });
      await this.#next("ask");
      expectEqual(await within(promise, "an answer on the bus"), ["yes", { text }]);
    },
    "binary down": async () => {
      const bytes = blob.filter((byte) => byte !== this.#parts.unreadableByte);
      const data = [[{ _placeholder: true, num: 0 }], Buffer.from(bytes).toString("base64")];
      await this.#emit({ event: "update", data, room: "time", binary: true });
      expectEqual(await this.#next("update"), [`hex:${Buffer.from(bytes).toString("hex")}`]);
    },
    "binary up": async () => {
      this.#client.write(`binary blobs ${blob.length}\n`);
      await this.#next("joined");
      await this.#hear("blobs", "after binary");
    },
    reconnect: async () => {
      await this.#gateway.gateway.stop(0);
      await this.#gateway[Symbol.asyncDispose]();
      await this.#next("disconnected");
      const listeners = [{ address: this.#address }];
      this.#gateway = await startGateway({ redis: this.#parts.redis, socketio, listeners });
      await this.#connected();
      await this.#join("time");
      await this.#hear("time", "again");
    },
    kicked: async () => {
      new Emitter(this.#bus).in("time").disconnectSockets(true);
      let [reason] = await this.#next("disconnected");
      // One tells of its websocket's end first, now and then; what counts is that it understood.
      while (reason === "transport close") [reason] = await this.#next("disconnected");
      if (reason !== undefined) expectEqual(reason, "io server disconnect");
      await Bun.sleep(awayMs);
      expectEqual(await this.#gateway.metric("belfry_connections_total"), 1);
      expectEqual(await this.#gateway.metric("belfry_connections"), 0);
    },
  };

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#busy);
    await this.#client.stop(1_000);
    await this.#gateway[Symbol.asyncDispose]();
    await this.#bus.close();
  }

  /** It said so, and the gateway has it on the transport that it wants in the end. */
  async #connected(): Promise<void> {
    await this.#next("connected");
    const { transport } = this.#parts;
    const wanted = `transport="${transport === "upgrade" ? "websocket" : transport}"`;
    const deadline = performance.now() + 10_000;
    while ((await this.#gateway.metric("belfry_connections", wanted)) !== 1) {
      if (performance.now() > deadline) throw new Error(`Expected a connection with ${wanted}, got none`);
      await Bun.sleep(10);
    }
  }

  async #join(room: string): Promise<void> {
    this.#client.write(`join ${room}\n`);
    await this.#next("joined");
  }

  async #hear(room: string, what: string): Promise<void> {
    await this.#emit({ event: "update", data: { text, what }, room });
    expectEqual(await this.#next("update"), [{ text, what }]);
  }

  async #emit(message: object): Promise<void> {
    const envelope = { method: "emit", namespace: "/", skip_sid: null, callback: null };
    await this.#bus.publish("flask-socketio", JSON.stringify({ ...envelope, ...message }));
  }

  /** The next line that the client says; it must be of this kind. @returns what else stands in it. */
  async #next(kind: string): Promise<readonly unknown[]> {
    const rest = new RegExp(`^[^]{${this.#taken}}[^]*?^(\\[.*\\])$`, "m");
    const [whole, line = ""] = await this.#client.waitFor(rest, 10_000);
    this.#taken = whole.length;
    const [said, ...more] = JSON.parse(line) as readonly unknown[];
    if (said !== kind) throw new Error(`Expected the client to say ${kind}, got ${line}`);
    return more;
  }
}

function expectEqual(got: unknown, wanted: unknown): void {
  if (Bun.deepEquals(got, wanted)) return;
  throw new Error(`Expected ${JSON.stringify(wanted)}, got ${JSON.stringify(got)}`.slice(0, 500));
}

async function within<Result>(promise: Promise<Result>, what: string): Promise<Result> {
  const late = Bun.sleep(5_000).then(() => {
    throw new Error(`Expected ${what} within 5 s, got none`);
  });
  return Promise.race([promise, late]);
}
