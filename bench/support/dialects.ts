// Belfry under load, once for each way of speaking: the flags of `belfry serve`, the pages' path, and what a backend
// publishes to reach them.

import { createClient } from "@redis/client";
import type { Page } from "./generator.ts";
import { freePort, onServersCore, programs } from "./process.ts";
import type { Bench, Feed, Subject } from "./subjects.ts";
import { pages, redisFeed, subject } from "./subjects.ts";

export type DialectName =
  | "socketio"
  | "native"
  | "native-stream"
  | "ws-hub"
  | "websocket-channels"
  | "ws4redis";

/** One way of speaking to Belfry, as pages and as a backend. */
export interface Manner {
  readonly name: string;
  /** As `--dialects` names it. */
  readonly dialect: string;
  readonly page: Page;
  readonly flags: readonly string[];
  readonly channel: string;
  message(text: string): string;
  /** What a backend does beside publishing; ends when it is called. */
  accompany?(bench: Bench): Promise<() => Promise<void>>;
}

const bare = (text: string): string => text;

/** The room of everyone, in each dialect's own words. */
export const manners: Record<DialectName, Manner> = {
  socketio: {
    name: "socketio",
    dialect: "socketio",
    page: pages.socketio,
    flags: ["--cors", "*", "--channel", "bench-belfry"],
    channel: "bench-belfry",
    // What Flask-SocketIO would publish.
    message: (data) =>
      JSON.stringify({ method: "emit", event: "update", data, namespace: "/", room: "time" }),
  },
  native: {
    name: "native",
    dialect: "native",
    page: { style: "plain", path: "/connect?room=time" },
    // No page is told anything else while it is measured.
    flags: ["--native-heartbeat", "120"],
    channel: "belfry:time",
    message: bare,
  },
  "native-stream": {
    name: "native, event streams",
    dialect: "native",
    page: { style: "stream", path: "/connect?room=time" },
    flags: ["--native-heartbeat", "120"],
    channel: "belfry:time",
    message: bare,
  },
  "ws-hub": {
    name: "ws-hub",
    dialect: "ws-hub",
    page: { style: "plain", path: "/ws?session_key=page-{n}" },
    flags: [],
    channel: "ws-hub:group-data:time",
    message: bare,
    accompany: assignGroups,
  },
  "websocket-channels": {
    name: "websocket-channels",
    dialect: "websocket-channels",
    page: { style: "plain", path: "/ws/time" },
    flags: [],
    channel: "websocket:time",
    message: bare,
  },
  ws4redis: {
    name: "ws4redis",
    dialect: "ws4redis",
    page: { style: "plain", path: "/ws/time?subscribe-broadcast" },
    flags: ["--identity-session-engine", "none"],
    channel: "broadcast:time",
    message: bare,
  },
};

/** The backend of WS-HUB: every new client is put into the group `time`. */
async function assignGroups(bench: Bench): Promise<() => Promise<void>> {
  const [listener, speaker] = [createClient({ url: bench.redisUrl }), createClient({ url: bench.redisUrl })];
  await Promise.all([listener.connect(), speaker.connect()]);
  await listener.subscribe("ws-hub:client-new", (key) => {
    void speaker.publish(`ws-hub:groups-new:${key}`, "time");
  });
  return async () => {
    await Promise.all([listener.close(), speaker.close()]);
  };
}

export async function startBelfry(bench: Bench, manner: Manner): Promise<Subject> {
  const port = await freePort();
  const flags = ["--redis", bench.redisUrl, "--address", `127.0.0.1:${port}`, "--dialects", manner.dialect];
  const child = onServersCore([programs.belfry, "serve", ...flags, ...manner.flags, "--log-format", "json"]);
  await untilReady(`http://127.0.0.1:${port}/-/health/ready`);
  const end = await manner.accompany?.(bench);
  const redis = await redisFeed(bench, manner.channel, manner.message("x".repeat(bench.payload)));
  const feed: Feed = {
    publish: (count) => redis.publish(count),
    stop: async () => {
      await redis.stop();
      await end?.();
    },
  };
  return subject(`belfry ${manner.name}`, { child, port, page: manner.page, feed });
}

/** Until it answers 200. */
export async function untilReady(url: string): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (performance.now() < deadline) {
    const answer = await fetch(url).catch(() => undefined); // refused until it listens
    if (answer?.ok === true) return;
    await Bun.sleep(20);
  }
  throw new Error(`Expected ${url} to answer 200 within 10 s`);
}
