// What is measured: Belfry, the `socket.io` package, the bare C loop and the bare engine, each a process of its own
// that speaks the page's packets; and the load generator, compiled from C on first use.

import { mkdirSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { createClient } from "@redis/client";
import { Child, cpuOf, freePort } from "./process.ts";

const root = join(import.meta.dirname, "../..");
const built = join(root, ".cache/bench");
const bun = join(root, "scripts/bun");

/** A server under load. */
export interface Subject {
  readonly name: string;
  readonly pid: number;
  readonly port: number;
  /** Sends `count` messages of the agreed size to the room, together. */
  publish(count: number): Promise<void>;
  stop(): Promise<void>;
}

export interface Bench {
  readonly redisUrl: string;
  readonly redisPort: number;
  /** Bytes of text in each event. */
  readonly payload: number;
}

/** Compiles the two C programs; a machine without a compiler is told so. */
export function compile(): void {
  mkdirSync(built, { recursive: true });
  for (const name of ["floor", "generator"]) {
    const source = join(root, "bench", `${name}.c`);
    const command = ["cc", "-O2", "-D_GNU_SOURCE", "-o", join(built, name), source];
    const result = Bun.spawnSync(command, { stderr: "inherit" });
    if (!result.success)
      throw new Error(`Expected a C compiler as \`cc\`: install gcc (${command.join(" ")} failed)`);
  }
}

/** The server under test has a core of its own; Redis and the load share another: nobody is charged for the others. */
const startServer = (command: readonly string[]): Child => new Child(["taskset", "-c", "0", ...command]);
const startBeside = (command: readonly string[]): Child => new Child(["taskset", "-c", "1", ...command]);

export async function startRedis(): Promise<{ child: Child; port: number; url: string }> {
  const port = await freePort();
  const child = startBeside(["redis-server", "--port", `${port}`, "--save", "", "--appendonly", "no"]);
  while (!/Ready to accept|ready to accept/.test(await child.line()));
  return { child, port, url: `redis://127.0.0.1:${port}` };
}

/** Publishes what Flask-SocketIO would, over one Redis connection, on a channel that only one subject hears. */
async function redisPublisher(bench: Bench, channel: string) {
  const client = createClient({ url: bench.redisUrl });
  await client.connect();
  const data = "x".repeat(bench.payload);
  const message = JSON.stringify({ method: "emit", event: "update", data, namespace: "/", room: "time" });
  return {
    publish: async (count: number) => {
      await Promise.all(Array.from({ length: count }, () => client.publish(channel, message)));
    },
    stop: () => client.close(),
  };
}

export async function startBelfry(bench: Bench): Promise<Subject> {
  const port = await freePort();
  const channel = "bench-belfry";
  const flags = [
    "--redis",
    bench.redisUrl,
    "--address",
    `127.0.0.1:${port}`,
    "--cors",
    "*",
    "--channel",
    channel,
  ];
  const child = startServer([join(root, "bin/belfry"), "serve", ...flags, "--log-format", "json"]);
  await child.line();
  await untilReady(`http://127.0.0.1:${port}/-/health/ready`);
  return subject("belfry", { child, port, publisher: await redisPublisher(bench, channel) });
}

export async function startSocketIo(bench: Bench): Promise<Subject> {
  const port = await freePort();
  const channel = "bench-socket.io";
  const child = startServer([
    "node",
    join(root, "bench/peers/socketio.mjs"),
    `${port}`,
    bench.redisUrl,
    channel,
  ]);
  await child.line();
  return subject("socket.io", { child, port, publisher: await redisPublisher(bench, channel) });
}

export async function startFloor(bench: Bench): Promise<Subject> {
  const [port, control] = [await freePort(), await freePort()];
  const child = startServer([join(built, "floor"), `${port}`, `${control}`, `${bench.payload}`]);
  await child.line();
  const socket = connect(control, "127.0.0.1");
  const publisher = {
    publish: async (count: number) => void socket.write(Buffer.alloc(count)),
    stop: async () => void socket.destroy(),
  };
  return subject("bare C loop", { child, port, publisher });
}

export async function startBare(): Promise<Subject> {
  const port = await freePort();
  const child = startServer([bun, join(root, "bench/peers/bare.ts"), `${port}`]);
  await child.line();
  return subject("bare engine", {
    child,
    port,
    publisher: { publish: async () => {}, stop: async () => {} },
  });
}

interface SubjectParts {
  readonly child: Child;
  readonly port: number;
  readonly publisher: { publish(count: number): Promise<void>; stop(): Promise<void> };
}

function subject(name: string, { child, port, publisher }: SubjectParts): Subject {
  return {
    name,
    pid: child.pid,
    port,
    publish: (count) => publisher.publish(count),
    stop: async () => {
      await publisher.stop();
      await child.stop();
    },
  };
}

async function untilReady(url: string): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (performance.now() < deadline) {
    if ((await fetch(url)).ok) return;
    await Bun.sleep(20);
  }
  throw new Error(`Expected ${url} to answer 200 within 10 s`);
}

/** The pages of one subject, all joined. */
export class Generator {
  readonly #child: Child;
  readonly count: number;
  /** From the first connect to the last join. */
  readonly joinMs: number;

  private constructor(child: Child, count: number, joinMs: number) {
    this.#child = child;
    this.count = count;
    this.joinMs = joinMs;
  }

  /** @param net a number of its own per generator: 127.0.net.x is where its pages connect from. */
  static async start(port: number, count: number, net: number): Promise<Generator> {
    const child = startBeside([join(built, "generator"), "127.0.0.1", `${port}`, `${count}`, `${net}`]);
    const { ms } = JSON.parse(await child.line()) as { ms: number };
    return new Generator(child, count, ms);
  }

  async messages(): Promise<number> {
    return (JSON.parse(await this.#child.ask("count")) as { messages: number }).messages;
  }

  get cpu(): number {
    return cpuOf(this.#child.pid);
  }

  async untilHeard(total: number): Promise<void> {
    const deadline = performance.now() + 60_000;
    while ((await this.messages()) < total) {
      if (performance.now() > deadline)
        throw new Error(`Expected ${total} messages, got ${await this.messages()}`);
      await Bun.sleep(2);
    }
  }

  async stop(): Promise<void> {
    await this.#child.stop();
  }
}
