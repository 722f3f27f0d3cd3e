// What is measured: servers that hold pages and send them messages. Here are the port, and the two that everything is
// compared with, the bare C loop and the bare engine; Belfry is in dialects.ts, other software in peers.ts.

import { connect } from "node:net";
import { join } from "node:path";
import { createClient } from "@redis/client";
import type { Page } from "./generator.ts";
import type { Child } from "./process.ts";
import { beside, freePort, onServersCore, peers, programs } from "./process.ts";

export interface Bench {
  readonly redisUrl: string;
  readonly redisPort: number;
  /** Bytes of text in each message. */
  readonly payload: number;
}

/** A server under load. */
export interface Subject {
  readonly name: string;
  readonly pid: number;
  readonly port: number;
  readonly page: Page;
  /** It costs so much that a tenth of the messages tells enough. */
  readonly isSlow?: boolean;
  /** Of messages that come together it sends the first, and holds the others back until the next comes. */
  readonly holdsBursts?: boolean;
  /** Most pages that it can hold. */
  readonly most?: number;
  /** Sends `count` messages of the agreed size to the room, together. */
  publish(count: number): Promise<void>;
  stop(): Promise<void>;
}

/** A server that cannot run here, and why: a row of words instead of figures. */
export interface Absent {
  readonly name: string;
  readonly absence: string;
}

export type Start = (bench: Bench) => Promise<Subject | Absent>;

/** How messages get into a subject. */
export interface Feed {
  publish(count: number): Promise<void>;
  stop(): Promise<void>;
}

export interface SubjectParts extends Pick<Subject, "port" | "page" | "isSlow"> {
  readonly child: Child;
  readonly feed: Feed;
}

export function subject(name: string, { child, feed, ...rest }: SubjectParts): Subject {
  return {
    name,
    ...rest,
    pid: child.pid,
    publish: (count) => feed.publish(count),
    stop: async () => {
      await feed.stop();
      await child.stop();
    },
  };
}

export async function startRedis(): Promise<{ child: Child; port: number; url: string }> {
  const port = await freePort();
  const child = beside(["redis-server", "--port", `${port}`, "--save", "", "--appendonly", "no"]);
  while (!/Ready to accept|ready to accept/.test(await child.line()));
  return { child, port, url: `redis://127.0.0.1:${port}` };
}

/** Publishes over one Redis connection, on a channel that only one subject hears. */
export async function redisFeed(bench: Bench, channel: string, message: string): Promise<Feed> {
  const client = createClient({ url: bench.redisUrl });
  await client.connect();
  return {
    publish: async (count) => {
      await Promise.all(Array.from({ length: count }, () => client.publish(channel, message)));
    },
    stop: () => client.close(),
  };
}

/** One byte per message on a connection of its own: nothing is between the two. */
function controlFeed(port: number): Feed {
  const socket = connect(port, "127.0.0.1");
  return {
    publish: async (count) => void socket.write(Buffer.alloc(count)),
    stop: async () => void socket.destroy(),
  };
}

export const pages = {
  socketio: { style: "socketio", path: "/socket.io/?EIO=4&transport=websocket" },
  plain: { style: "plain", path: "/" },
  stream: { style: "stream", path: "/" },
} as const satisfies Record<string, Page>;

async function startControlled(
  name: string,
  command: readonly string[],
  bench: Bench,
  style: Page["style"],
): Promise<Subject> {
  const [port, control] = [await freePort(), await freePort()];
  const child = onServersCore([...command, `${port}`, `${control}`, style, `${bench.payload}`]);
  await child.line();
  return subject(name, { child, port, page: pages[style], feed: controlFeed(control) });
}

export const startFloor = (bench: Bench, style: Page["style"]): Promise<Subject> =>
  startControlled("bare C loop", [programs.floor], bench, style);

export const startBare = (bench: Bench, style: Page["style"]): Promise<Subject> =>
  startControlled("bare engine", [programs.bun, join(peers, "bare.ts")], bench, style);
