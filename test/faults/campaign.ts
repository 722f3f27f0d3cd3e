// One run: starts everything, breaks one thing after the other by a seed while clients come and go, and ends in a time of
// health. What happens is written down as it happens.

import { Random } from "../support/random.ts";
import { until } from "../support/until.ts";
import { blips } from "./client.ts";
import type { Client } from "./client.ts";
import { faults } from "./faults.ts";
import type { FaultName } from "./faults.ts";
import type { HistoryEvent } from "./history.ts";
import type { Publishing } from "./publishers.ts";
import { Scene } from "./scene.ts";
import { isLogRoom } from "./system.ts";
import type { System } from "./system.ts";

export interface Campaign {
  readonly seed: number;
  /** How long faults are made. */
  readonly seconds: number;
  readonly clients: number;
  readonly rooms: number;
  /** Publications a second, in all. */
  readonly rate: number;
  /** The faults, in their first order; a seed shuffles them. @default all */
  readonly names?: readonly FaultName[];
  /** @default unhurried */
  readonly pace?: Pace;
}

interface Pace {
  /** Before the first fault: clients come and go, and nothing else breaks. */
  readonly calmMs: number;
  /** Most of the time between two faults; sometimes the next one comes before the last is got over. */
  readonly pauseMs: number;
  /** Behind the last fault: the bar of 5 s for what is to be told, and what a busy machine adds. */
  readonly restMs: number;
}

const unhurried: Pace = { calmMs: 6_000, pauseMs: 7_000, restMs: 8_000 };
/** For a run of seconds. */
export const hurried: Pace = { calmMs: 1_000, pauseMs: 1_000, restMs: 5_500 };
/** For one where nothing is lost, so that nothing is to be told. */
export const brisk: Pace = { calmMs: 1_000, pauseMs: 1_000, restMs: 1_000 };

type Write = (event: HistoryEvent) => void;

/** @param write takes what happens, in its order */
export async function campaign(plan: Campaign, system: System, write: Write): Promise<void> {
  const run = new Run(plan, system, write);
  await using scene = await Scene.start(system);
  await run.play(scene);
}

class Run {
  readonly #plan: Campaign;
  readonly #write: Write;
  readonly #system: System;
  readonly #pace: Pace;
  readonly #start = performance.now();

  constructor(plan: Campaign, system: System, write: Write) {
    this.#plan = plan;
    this.#system = system;
    this.#pace = plan.pace ?? unhurried;
    this.#write = write;
  }

  readonly #now = (): number => performance.now() - this.#start;

  /** Numbers of its own for each part: what one draws does not depend on when another does. */
  #random(part: number): Random {
    return new Random(this.#plan.seed * 1_000 + part);
  }

  async play(scene: Scene): Promise<void> {
    const rooms = Array.from({ length: this.#plan.rooms }, (_, index) =>
      index % 3 === 2 ? `log:${index}` : `tape-${index}`,
    );
    const clients = await this.#clients(scene, rooms);
    await using publishers = this.#publishers(scene, rooms);
    try {
      await until(() => clients.every(({ isConnected }) => isConnected), 20_000);
      for (const each of publishers.all) each.start(this.#plan.rate / publishers.all.length);
      scene.clients = clients;
      scene.publishers = publishers.all;
      await this.#breakThings(scene);
      await Bun.sleep(this.#pace.restMs);
      await publishers[Symbol.asyncDispose]();
      await Bun.sleep(1_000);
      await this.#readLogs(scene, rooms);
    } finally {
      for (const client of clients) client.stop();
    }
  }

  async #readLogs({ redis }: Scene, rooms: readonly string[]): Promise<void> {
    for (const room of rooms.filter(isLogRoom)) {
      const log = await this.#system.logOf?.(redis, room, this.#now());
      if (log) this.#write(log);
    }
    const queue = await this.#system.queueOf?.(redis, this.#now());
    if (queue) this.#write(queue);
  }

  async #clients(scene: Scene, rooms: readonly string[]): Promise<readonly Client[]> {
    const all = Array.from({ length: this.#plan.clients }, async (_, index) => {
      const random = this.#random(100 + index);
      const own = new Set(Array.from({ length: 3 }, () => random.pick(rooms)));
      const parts = {
        name: `client-${index}`,
        random,
        rooms: [...own],
        now: this.#now,
        write: this.#write,
        place: () => scene.anyPlace(random),
      };
      return this.#system.client(parts, index);
    });
    return Promise.all(all);
  }

  #publishers(
    scene: Scene,
    rooms: readonly string[],
  ): { readonly all: readonly Publishing[] } & AsyncDisposable {
    const all = rooms.flatMap((room, index) => {
      const random = this.#random(500 + index);
      return this.#system.publishers({
        name: room,
        room,
        random,
        redisUrl: scene.redis.url,
        api: () => scene.anyPlace(random).url,
        now: this.#now,
        write: this.#write,
      });
    });
    const close = async (): Promise<void> => {
      await Promise.all(all.map(async (each) => each[Symbol.asyncDispose]()));
    };
    return { all, [Symbol.asyncDispose]: close };
  }

  async #breakThings(scene: Scene): Promise<void> {
    const random = this.#random(1);
    const { calmMs, pauseMs } = this.#pace;
    const end = this.#now() + calmMs + this.#plan.seconds * 1_000;
    const blipping = this.#blip(scene.clients, end);
    await Bun.sleep(calmMs);
    const all = this.#plan.names ?? (Object.keys(faults) as FaultName[]);
    for (let turn = 0; this.#now() < end; turn++) {
      if (turn % all.length === 0) await Bun.sleep(500);
      for (const name of shuffled(all, random)) {
        if (this.#now() >= end) break;
        await this.#breakOne(name, scene, random);
        await Bun.sleep(
          random.below(4) === 0 ? random.below(800) : pauseMs * (0.3 + random.below(700) / 1_000),
        );
      }
    }
    await blipping;
  }

  async #breakOne(name: FaultName, scene: Scene, random: Random): Promise<void> {
    let t = this.#now();
    for await (const broken of faults[name](scene, random)) {
      const until = this.#now();
      this.#write({ kind: "fault", t, name, until, ...broken });
      t = until;
    }
  }

  /** F12: one client after the other loses its connection, some of them for long, some again in the midst of coming back. */
  async #blip(clients: readonly Client[], end: number): Promise<void> {
    const random = this.#random(2);
    while (this.#now() < end) {
      const awayMs = random.below(5) === 0 ? random.below(12_000) : random.below(1_500);
      random.pick(clients).blip(random.pick(blips), awayMs, random.below(4) === 0);
      await Bun.sleep(50 + random.below(200));
    }
  }
}

function shuffled<Item>(items: readonly Item[], random: Random): readonly Item[] {
  const left = [...items];
  return items.map(() => left.splice(random.below(left.length), 1)[0] as Item);
}
