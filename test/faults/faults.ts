// The faults of a run, by their names in the fault list: each breaks something, heals it, and writes down from when to when.

import { readdirSync } from "node:fs";
import { run } from "../support/process.ts";
import type { Finished } from "../support/process.ts";
import type { Random } from "../support/random.ts";
import { blips } from "./client.ts";
import type { Fault } from "./history.ts";
import type { Gateway, Scene } from "./scene.ts";

export type FaultName =
  | "F1 Redis restarts with its data"
  | "F1 Redis restarts empty"
  | "F2 Redis hangs"
  | "F3 link reset"
  | "F3 link silent"
  | "F4 subscriber deaf"
  | "F4 subscribers killed"
  | "F5 output buffer overflows"
  | "F8 Redis is full"
  | "F9 gateway killed"
  | "F10 gateway drains"
  | "F10 rolling restart"
  | "F11 clock jumps"
  | "F15 F16 all clients come back into a burst"
  | "F18 poison on the channels"
  | "F19 no descriptor is left"
  | "F20 gateway stands still"
  | "R9 link cut for 2 s";

type Broken = Omit<Fault, "kind" | "t" | "until" | "name">;

/** Says what it struck, each time that it is healed. */
type Break = (scene: Scene, random: Random) => AsyncGenerator<Broken, void>;

/** Within this time a gateway finds out by itself that a link carries nothing, ms (docs/operations.md). */
const discoveryMs = 10_000;

const both = ["line", "store"] as const;

/** Channels with messages of a form. */
const channels = ["flask-socketio", "socket.io#/#", "belfry-broker", "belfry-peers"] as const;
const poison = [
  "",
  "{",
  "null",
  "[]",
  '{"version":1}',
  "\u0080\u0004",
  "\u0000",
  "x".repeat(70_000),
] as const;

export const faults: Readonly<Record<FaultName, Break>> = {
  async *"F1 Redis restarts with its data"({ redis }, random) {
    await redis.kill();
    await Bun.sleep(random.below(1_500));
    await redis.restart();
    yield { breaks: ["line"] };
  },
  async *"F1 Redis restarts empty"({ redis }, random) {
    await redis.kill();
    await Bun.sleep(random.below(1_500));
    await redis.restart({ isEmpty: true });
    yield { breaks: both };
  },
  /** Sometimes for longer than a gateway waits for an answer. */
  async *"F2 Redis hangs"({ redis }, random) {
    redis.pause();
    await Bun.sleep(300 + random.below(5_000));
    redis.resume();
    yield { breaks: ["line"] };
  },
  "F3 link reset": (scene, random) => cut(scene, random, 100 + random.below(3_000)),
  "R9 link cut for 2 s": (scene, random) => cut(scene, random, 2_000),
  async *"F3 link silent"(scene, random) {
    const gateway = scene.anyGateway(random);
    gateway.link.blackhole();
    await Bun.sleep(discoveryMs);
    gateway.link.heal();
    yield { gateway: gateway.name, breaks: ["line"] };
  },
  async *"F4 subscriber deaf"(scene, random) {
    const gateway = scene.anyGateway(random);
    gateway.link.blackhole({ direction: "toClient", only: /SUBSCRIBE/i });
    await Bun.sleep(discoveryMs);
    gateway.link.heal();
    yield { gateway: gateway.name, breaks: ["line"] };
  },
  async *"F4 subscribers killed"({ redis }) {
    await redis.command("CLIENT", "KILL", "TYPE", "pubsub");
    yield { breaks: ["line"] };
  },
  /** Redis ends each subscriber that has more to read than the limit, and one message is that long. */
  async *"F5 output buffer overflows"({ redis }) {
    const limit = "client-output-buffer-limit";
    await redis.command("CONFIG", "SET", limit, "pubsub 200kb 100kb 1");
    await redis.command("PUBLISH", "flask-socketio", "x".repeat(400_000));
    await redis.command("CONFIG", "SET", limit, "pubsub 32mb 8mb 60");
    yield { breaks: ["line"] };
  },
  /** It refuses what is to be stored, and goes on publishing. */
  async *"F8 Redis is full"({ redis }, random) {
    await redis.command("CONFIG", "SET", "maxmemory", "1mb");
    await Bun.sleep(300 + random.below(3_000));
    await redis.command("CONFIG", "SET", "maxmemory", "0");
    yield { breaks: ["sessions"] };
  },
  async *"F9 gateway killed"(scene, random) {
    const gateway = scene.anyGateway(random);
    await gateway.kill();
    await Bun.sleep(random.below(1_500));
    await gateway.start();
    yield restarted(gateway);
  },
  async *"F10 gateway drains"(scene, random) {
    const gateway = scene.anyGateway(random);
    await gateway.drain();
    await gateway.start();
    yield restarted(gateway);
  },
  /** One after the other is replaced, the next one when the one before is ready. */
  async *"F10 rolling restart"({ gateways }) {
    for (const gateway of gateways) {
      await gateway.drain();
      await gateway.start();
      yield restarted(gateway);
    }
  },
  /** The wall clock of one gateway: an hour ahead, an hour behind, true again. Nothing may come of it. */
  async *"F11 clock jumps"(scene, random) {
    const gateway = scene.anyGateway(random);
    for (const restMs of [300 + random.below(2_000), 300 + random.below(2_000), 0]) {
      if (!(await gateway.jump())) return;
      await Bun.sleep(restMs);
    }
    yield { gateway: gateway.name, breaks: [] };
  },
  /** Ten times as much is published while they are away, come back and are given what they missed. */
  async *"F15 F16 all clients come back into a burst"({ clients, publishers }, random) {
    const awayMs = 100 + random.below(1_000);
    for (const client of clients) client.blip(random.pick(blips), awayMs, false);
    for (const each of publishers) each.hurry(awayMs + 500);
    await Bun.sleep(awayMs + 500);
    yield { breaks: [] };
  },
  async *"F18 poison on the channels"({ redis }) {
    for (let round = 0; round < 50; round++) {
      for (const channel of channels)
        for (const text of poison) await redis.command("PUBLISH", channel, text);
    }
    yield { breaks: [] };
  },
  /** It cannot take in clients, and goes on with those that it has. */
  async *"F19 no descriptor is left"(scene, random) {
    const gateway = scene.anyGateway(random);
    const { pid } = gateway;
    if (pid === undefined || process.platform !== "linux") return;
    const { stdout: limit } = await prlimit(pid, "--nofile", "--output", "SOFT", "--noheadings");
    await prlimit(pid, `--nofile=${readdirSync(`/proc/${pid}/fd`).length - 10}:`);
    await Bun.sleep(1_000 + random.below(3_000));
    await prlimit(pid, `--nofile=${limit.trim()}:`);
    yield { gateway: gateway.name, breaks: [] };
  },
  async *"F20 gateway stands still"(scene, random) {
    const gateway = scene.anyGateway(random);
    gateway.pause();
    await Bun.sleep(300 + random.below(6_000));
    gateway.resume();
    yield { gateway: gateway.name, breaks: ["line"] };
  },
};

/** It has lost nothing that another one has. */
function restarted({ name: gateway }: Gateway): Broken {
  return { gateway, breaks: [], isRestart: true };
}

async function* cut(scene: Scene, random: Random, forMs: number): AsyncGenerator<Broken, void> {
  const gateway = scene.anyGateway(random);
  gateway.link.cut();
  await Bun.sleep(forMs);
  gateway.link.heal();
  yield { gateway: gateway.name, breaks: ["line"] };
}

async function prlimit(pid: number, ...args: readonly string[]): Promise<Finished> {
  const finished = await run(["prlimit", "--pid", String(pid), ...args]);
  if (finished.code !== 0) throw new Error(`Expected prlimit to end with 0, got ${finished.stderr}`);
  return finished;
}

/** Throws where there is none of this name. */
export function faultNamed(name: string): FaultName {
  const found = (Object.keys(faults) as FaultName[]).find((one) => one === name);
  if (found === undefined) throw new Error(`Expected one of ${Object.keys(faults).join(", ")}, got ${name}`);
  return found;
}
