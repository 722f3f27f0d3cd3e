// What a system must bring to stand in a run: how one of its servers is started on a Redis, what its clients are, and by which
// ways its publishers publish. Belfry is one (systems/belfry.ts); others stand beside it, in the same runs.

import type { RunningProcess } from "../support/process.ts";
import type { RedisServer } from "../support/redis.ts";
import type { Client, ClientParts } from "./client.ts";
import type { Logged, Queued } from "./history.ts";
import type { PublisherParts, Publishing } from "./publishers.ts";

export const secret = "publish-secret-of-a-run-of-faults";

/** A server that runs. */
export interface Served {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  /** Where it is one process. */
  readonly pid?: number;
  signal(name: "SIGSTOP" | "SIGCONT"): void;
  /** Its wall clock jumps, each time to another hour; every third time it is true again. Resolves when it has. */
  jump?(): Promise<void>;
  kill(): Promise<void>;
  /** Ends it as an operator does, within some seconds. */
  end(): Promise<void>;
}

/** A server that is one process. */
export function servedBy(process: RunningProcess, url: string): Served {
  return {
    url,
    pid: process.pid,
    signal(name) {
      process.kill(name);
    },
    async kill() {
      process.kill("SIGKILL");
      await process.exited;
    },
    async end() {
      await process.stop();
    },
  };
}

export interface System {
  readonly title: string;
  /** Why it cannot run on this machine; undefined: it can. */
  absence(): Promise<string | undefined>;
  serve(redisPort: number): Promise<Served>;
  /** The client of this number; kinds take turns. */
  client(parts: ClientParts, index: number): Promise<Client>;
  publishers(parts: PublisherParts): readonly Publishing[];
  /** What the log of a room holds, from Redis itself, where the oracle shall compare it. */
  logOf?(redis: RedisServer, room: string, t: number): Promise<Logged>;
  /** What waits in its queue, likewise. */
  queueOf?(redis: RedisServer, t: number): Promise<Queued>;
}

/** Rooms with a log, by their names in these runs. */
export function isLogRoom(room: string): boolean {
  return room.startsWith("log:");
}
