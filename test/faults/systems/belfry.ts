// Belfry in a run: with websockets and event streams of the native dialect, or with pages of socket.io-client; with backends
// that publish by Redis and by HTTP.

import { createHash } from "node:crypto";
import { join } from "node:path";
import { ServedGateway, belfryPath } from "../../support/serve.ts";
import type { RedisServer } from "../../support/redis.ts";
import type { Logged } from "../history.ts";
import { SocketClient, StreamClient } from "../native-clients.ts";
import { overApi, overApiWithKey, overQueue, overRedis } from "../publishers.ts";
import type { PublisherParts } from "../publishers.ts";
import { SocketIoClient } from "../socketio-client.ts";
import { isLogRoom, secret, servedBy } from "../system.ts";
import type { Served, System } from "../system.ts";

/** A drain takes this many seconds. */
const drainSeconds = 2;

const flags = [
  ["--secret", secret],
  ["--cors", "*"],
  ["--drain", String(drainSeconds)],
  ["--socketio-recovery"],
  ["--rooms", JSON.stringify([{ match: "log:*", history: { size: 10_000, seconds: 600 } }])],
].flat();

const gateways = {
  absence: async () => undefined,
  serve: async (redisPort: number) => serve(redisPort),
  publishers(parts: PublisherParts) {
    const of = (way: string) => ({ ...parts, name: `${parts.room}-${way}` });
    const isLog = isLogRoom(parts.room);
    const queue = overQueue(of("queue"), isLog);
    if (isLog) return [overApiWithKey(of("key")), overApiWithKey(of("key2")), queue];
    return [overRedis(of("belfry"), "belfry"), overRedis(of("flask"), "flask"), overApi(of("api")), queue];
  },
  logOf,
  async queueOf(redis: RedisServer, t: number) {
    const lengthOf = async (stream: string) => Number(await redis.command("XLEN", stream));
    const [waiting, refused] = [await lengthOf("belfry:publish"), await lengthOf("belfry:publish:refused")];
    return { kind: "queued", t, waiting, refused };
  },
} satisfies Omit<System, "title" | "client">;

/** Every third client has an event stream, the others a plain websocket. */
export const belfry: System = {
  ...gateways,
  title: "Belfry, native",
  client: async (parts, index) => (index % 3 === 2 ? new StreamClient(parts) : new SocketClient(parts)),
};

/** With connection state recovery. */
export const belfrySocketIo: System = {
  ...gateways,
  title: "Belfry, pages of Socket.IO",
  client: async (parts) => SocketIoClient.start(parts, "tape"),
};

/** Gateways of this checkout and of another one (F22): each place changes over when the gateways are restarted in turn. */
export function beside(system: System, checkout: string): System {
  const isOther = [false, true, true, false];
  let starts = 0;
  return {
    ...system,
    title: `${system.title}, of two versions`,
    serve: async (redisPort) =>
      serve(redisPort, isOther[starts++ % isOther.length] ? join(checkout, "bin/belfry") : belfryPath),
  };
}

/** @param path of its program */
async function serve(redisPort: number, path = belfryPath): Promise<Served> {
  const { url, process } = await ServedGateway.start({
    path,
    args: ["--redis", `redis://127.0.0.1:${redisPort}/0`, ...flags],
    env: { BUN_OPTIONS: `--preload=${join(import.meta.dir, "clock.ts")}` },
  });
  let jumps = 0;
  return {
    ...servedBy(process, url),
    async jump() {
      process.kill("SIGUSR2");
      await process.waitFor(new RegExp(`(?:"event":"clock"[^]*){${++jumps}}`));
    },
    async end() {
      const code = await process.stop((drainSeconds + 5) * 1_000);
      if (code !== 0) throw new Error(`Expected a drained gateway to end with status 0, got ${code}`);
    },
  };
}

async function logOf(redis: RedisServer, room: string, t: number): Promise<Logged> {
  const digest = createHash("sha256")
    .update(JSON.stringify(["/", room]))
    .digest("base64url");
  const base = `belfry-log:{${digest}}`;
  const epoch = await redis.command("HGET", `${base}:meta`, "epoch");
  const entries = (await redis.command("XRANGE", `${base}:stream`, "-", "+")) as readonly [
    string,
    readonly string[],
  ][];
  const ids = entries.map(([place, fields]) => [Number.parseInt(place, 10), idIn(fields.join(" "))] as const);
  return { kind: "logged", t, room, epoch: String(epoch), entries: Object.fromEntries(ids) };
}

function idIn(entry: string): string {
  return /[\w:-]+#\d+/.exec(entry)?.[0] ?? "";
}
