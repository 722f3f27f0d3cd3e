// The subjects of small-rooms: servers whose pages are each in a room of their own, and the ways in - a POST with a
// secret, and a message in Redis.

import { join } from "node:path";
import { createClient } from "@redis/client";
import { untilReady } from "./dialects.ts";
import type { Generator, Page, Post } from "./generator.ts";
import { freePort, onServersCore, peers, programs } from "./process.ts";
import type { Absent, Bench } from "./subjects.ts";
import { pages } from "./subjects.ts";

/** Pages, each in a room of its own: `room-0` and up. */
export const rooms = 100;
/** Messages that are on their way at once. */
const atOnce = 8;
const secret = "bench-secret";

/** A server, and how messages get to it. */
export interface SmallSubject {
  readonly name: string;
  readonly pid: number;
  readonly port: number;
  readonly page: Page;
  /** Sends so many messages, to one room after the other. */
  send(messages: number, pages: Generator): Promise<void>;
  stop(): Promise<void>;
}

export type SmallStart = (bench: Bench) => Promise<SmallSubject | Absent>;

/** How a server is started, and spoken to. */
interface Door {
  readonly name: string;
  readonly page: Page;
  /** @param redis where it is, in the tables by Redis. */
  command(port: number, redis: string | undefined): readonly string[];
  post(text: string): Post;
  /** What a backend publishes; `{n}` is the number of the room. */
  readonly channel: string;
  message(text: string): string;
}

const socketIoPage: Page = { ...pages.socketio, room: "room-{n}" };
const emit = (text: string) => ({ event: "update", data: { text }, namespace: "/", room: "room-{n}" });
const postEmit = (text: string): Post => ({
  path: "/emit",
  token: secret,
  body: JSON.stringify({ ...emit(text), secret }),
});
/** What Flask-SocketIO would publish. */
const queued = (text: string): string => JSON.stringify({ method: "emit", ...emit(text) });

const engine: Door = {
  name: "bare engine",
  page: socketIoPage,
  channel: "bench-rooms-engine",
  command: (port, redis) => {
    const program = [programs.bun, join(peers, "bare-rooms.ts"), `${port}`, secret];
    return redis === undefined ? program : [...program, redis, engine.channel];
  },
  post: postEmit,
  message: queued,
};

const socketIo: Door = {
  name: "socket.io",
  page: socketIoPage,
  channel: "bench-rooms-socket.io",
  command: (port, redis) => {
    const program = ["node", join(peers, "socketio.mjs"), `${port}`, secret];
    return redis === undefined ? program : [...program, redis, socketIo.channel];
  },
  post: postEmit,
  message: queued,
};

const emitDoor: Door = {
  name: "belfry socketio",
  page: socketIoPage,
  channel: "bench-rooms-belfry",
  command: (port, redis) => serve(port, redis, ["socketio", "--channel", emitDoor.channel]),
  post: postEmit,
  message: queued,
};

const emitDoorWithoutTape: Door = {
  ...emitDoor,
  name: "belfry socketio, tape off",
  channel: "bench-rooms-belfry-off",
  command: (port, redis) => {
    const flags = ["socketio", "--channel", emitDoorWithoutTape.channel, "--tape-seconds", "0"];
    return serve(port, redis, flags);
  },
};

const publishDoor: Door = {
  name: "belfry websocket-channels",
  page: { style: "plain", path: "/ws/room-{n}" },
  channel: "websocket:room-{n}",
  command: (port, redis) => serve(port, redis, ["websocket-channels"]),
  post: (text) => ({ path: "/publish", token: secret, body: JSON.stringify({ "room-{n}": text }) }),
  message: (text) => text,
};

function serve(port: number, redis: string | undefined, flags: readonly string[]): readonly string[] {
  const where = ["--redis", redis ?? "memory:", "--address", `127.0.0.1:${port}`];
  return [
    programs.belfry,
    "serve",
    ...where,
    "--secret",
    secret,
    "--log-format",
    "json",
    "--dialects",
    ...flags,
  ];
}

const doors = [engine, socketIo, emitDoor, publishDoor];
export const httpDoors: readonly SmallStart[] = doors.map((door) => (bench) => startHttp(door, bench));
export const redisDoors: readonly SmallStart[] = doors.map((door) => (bench) => startRedis(door, bench));
/** The same gateway without its tape, and with it. */
export const tapeDoors: readonly SmallStart[] = [emitDoorWithoutTape, emitDoor].map(
  (door) => (bench) => startRedis(door, bench),
);

async function start(door: Door, redis?: string): Promise<Omit<SmallSubject, "send"> | Absent> {
  const { name, page } = door;
  if (door === socketIo && Bun.which("node") === null) return { name, absence: "no `node` on this machine" };
  const port = await freePort();
  const child = onServersCore(door.command(port, redis));
  const isOurs = name.startsWith("belfry");
  await (isOurs ? untilReady(`http://127.0.0.1:${port}/-/health/ready`) : child.line());
  return { name, page, port, pid: child.pid, stop: () => child.stop() };
}

async function startHttp(door: Door, { payload }: Bench): Promise<SmallSubject | Absent> {
  const server = await start(door);
  if ("absence" in server) return server;
  const post = door.post("x".repeat(payload));
  return {
    ...server,
    send: async (messages, pages) => void (await pages.post(post, messages, { connections: atOnce, rooms })),
  };
}

async function startRedis(door: Door, { redisUrl, payload }: Bench): Promise<SmallSubject | Absent> {
  const server = await start(door, redisUrl);
  if ("absence" in server) return server;
  const client = createClient({ url: redisUrl });
  await client.connect();
  const text = door.message("x".repeat(payload));
  const publish = (room: number) =>
    client.publish(door.channel.replace("{n}", `${room}`), text.replace("{n}", `${room}`));
  return {
    ...server,
    send: async (messages) => {
      for (let sent = 0; sent < messages; sent += atOnce) {
        await Promise.all(Array.from({ length: atOnce }, (_, index) => publish((sent + index) % rooms)));
      }
    },
    stop: async () => {
      await client.close();
      await server.stop();
    },
  };
}
