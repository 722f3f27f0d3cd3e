// docs/rooms.md, run: the config on the page does what its comments say, in every dialect, and `belfry config rule` prints
// what stands on the page.

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { loadConfig } from "../../src/config/load.ts";
import { startGateway } from "../support/gateway.ts";
import type { TestGateway } from "../support/gateway.ts";
import { Page } from "../support/page.ts";
import { run } from "../support/process.ts";
import { RawWebSocket } from "../support/raw.ts";
import { connectRedis, startRedis } from "../support/redis.ts";
import type { RedisClient, RedisServer } from "../support/redis.ts";
import { logIn, usernameField } from "../support/ws4redis.ts";

const root = join(import.meta.dir, "../..");
const key = "0123456789abcdef0123456789abcdef";

let folder: string;
let page: string;
let redis: RedisServer;
let backend: RedisClient;
let house: TestGateway;
let john: Readonly<Record<string, string>>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "belfry-rooms-"));
  page = await readFile(join(root, "docs/rooms.md"), "utf8");
  const [, yaml = ""] = /```yaml\n([^]*?)```/.exec(page) ?? [];
  await writeFile(join(folder, "belfry.yaml"), yaml);
  const { rooms } = (await loadConfig({ file: join(folder, "belfry.yaml") })).config;
  redis = await startRedis();
  backend = await connectRedis(redis.url);
  john = await logIn(async (name, value) => backend.set(name, value), { key, user: "john" });
  house = await startGateway({
    rooms,
    redis: redis.url,
    roomSecrets: { orders: "right", audit: "right" },
    listeners: [{ address: "127.0.0.1:0", dialects: ["socketio", "ws4redis", "websocket-channels"] }],
    identity: { sessionEngine: "cache", username: usernameField },
    ws4redis: { publish: ["*"] },
    socketio: { joinAnswers: true },
  });
});

afterAll(async () => {
  await house[Symbol.asyncDispose]();
  await backend.close();
  await redis.stop();
  await rm(folder, { recursive: true });
});

/** The status of a handshake. */
async function status(path: string, headers: Readonly<Record<string, string>> = {}): Promise<number> {
  const answer = await RawWebSocket.tryOpen(house.url, path, headers);
  if (!(answer instanceof RawWebSocket)) return answer.status;
  answer[Symbol.dispose]();
  return 101;
}

test("SEC-10 join: every dialect obeys the same rule", async () => {
  using socket = await Page.connect(house.url);
  const join = async (room: string, secret?: string): Promise<unknown> =>
    socket.socket.emitWithAck("join", { room, secret });
  expect(await join("orders::1", "right")).toEqual({ ok: true });
  expect(await join("orders::1", "wrong")).toEqual({ ok: false, reason: "secret" });
  expect(await join("audit::1", "right")).toEqual({ ok: false, reason: "closed" });
  expect(await join("members/1")).toEqual({ ok: false, reason: "closed" });
  expect(await join("lobby")).toEqual({ ok: true });

  expect(await status("/ws/members/1")).toBe(403);
  expect(await status("/ws/audit::1")).toBe(403);
  expect(await status("/ws/lobby")).toBe(101);

  expect(await status("/ws/members/1?subscribe-broadcast", john)).toBe(101);
  expect(await status("/ws/members/1?subscribe-broadcast")).toBe(403);
  expect(await status("/ws/audit::1?subscribe-broadcast", john)).toBe(403);
});

test("SEC-10 a backend puts a client where no client may join by itself", async () => {
  using socket = await Page.connect(house.url);
  const sid = socket.id;
  await backend.publish(
    "flask-socketio",
    JSON.stringify({ method: "enter_room", sid, room: "audit::1", namespace: "/" }),
  );
  await backend.publish(
    "flask-socketio",
    JSON.stringify({ method: "emit", event: "seen", data: 1, namespace: "/", room: "audit::1" }),
  );
  expect(await socket.next()).toEqual(["seen", 1]);
});

test("SEC-16 publish: members are heard in every dialect; under none, browsers are heard nowhere", async () => {
  using socket = await Page.connect(house.url);
  await socket.join("lobby");
  using channel = await RawWebSocket.open(house.url, "/ws/lobby");
  channel.send("to all");
  expect(await socket.next()).toEqual(["message", "to all"]);
  expect(await channel.waitForMessage()).toBe("to all");

  const query = "subscribe-broadcast&publish-broadcast";
  using member = await RawWebSocket.open(house.url, `/ws/members/1?${query}`, john);
  member.send("to no one");
  await backend.publish("broadcast:members/1", "from the backend");
  expect(await member.waitForMessage()).toBe("from the backend");
  expect(await house.metric("belfry_refused_total", 'reason="publish_closed"')).toBe(1);
});

test("`belfry config rule` prints what stands on the page", async () => {
  const [, printed = ""] =
    /```console\n\$ belfry config rule orders::42 -c belfry.yaml\n([^]*?)```/.exec(page) ?? [];
  const belfry = async (...args: readonly string[]) =>
    run([join(root, "bin/belfry"), ...args], { cwd: folder, timeoutMs: 20_000 });
  expect(await belfry("config", "rule", "orders::42", "-c", "belfry.yaml")).toMatchObject({
    code: 0,
    stdout: printed,
  });
  const time = await belfry("config", "rule", "time", "-c", "belfry.yaml", "--open-rooms", "t*");
  expect(time.stdout).toBe(
    [
      "Room:    time",
      "Rule:    none: none of the 4 in `rooms` matches, the room's name decides",
      "Join:    anyone",
      "Publish: backends and members; messages of browsers reach every dialect (openRooms has `t*`)",
      "Kept:    no log of its own; the tape of each gateway has the last 120 s",
      "Present: members are not told who is there",
      "",
    ].join("\n"),
  );
});
