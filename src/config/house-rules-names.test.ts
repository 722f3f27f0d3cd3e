import { describe, expect, test } from "bun:test";
import type { z } from "zod";
import { covers } from "../base/redis-name.ts";
import { dialects } from "../dialects/registry.ts";
import type { DialectName } from "../dialects/registry.ts";
import { foreignNames, overlappingNames } from "./house-rules.ts";
import { createConfigSchema } from "./schema.ts";

const configSchema = createConfigSchema(dialects);

type Input = z.input<typeof configSchema>;

const everybody: DialectName[] = ["socketio", "ws-hub", "ws4redis", "websocket-channels"];
/** With sessions under names of their own. */
const quiet = { sessionEngine: "none" } as const;

/** What is wrong with a config, as sentences; nothing when it may start. */
function problems(config: Input, spoken: DialectName[] = everybody): readonly string[] {
  const result = configSchema.safeParse({
    listeners: [{ dialects: spoken }],
    redis: "redis://h",
    identity: quiet,
    ...config,
  });
  return result.success
    ? overlappingNames(result.data, dialects)
    : result.error.issues.map(({ message }) => message);
}

function overlapOf(a: string, owner: string, b: string, other: string): string {
  return `Expected Redis names of one owner each, got \`${a}\` of ${owner} and \`${b}\` of ${other}`;
}

const hub = "the dialect `ws-hub`";
const facilities = "the dialect `ws4redis`";
const channels = "the dialect `websocket-channels`";
const secrets = "the room secrets (`secretKeys`)";
const sessions = "the session store (`identity`)";

describe("names of one owner each", () => {
  test("RTE-08 the defaults of all dialects together are fine", () => {
    expect(problems({})).toEqual([]);
    expect(problems({ identity: { sessionEngine: "cache" } })).toEqual([]);
  });

  test.each<[string, Input, string]>([
    [
      "WS-HUB under `websocket:`",
      { "ws-hub": { channelPrefix: "websocket:" } },
      overlapOf("websocket:*", hub, "websocket:*", channels),
    ],
    [
      "ws4redis under `ws-hub`",
      { ws4redis: { prefix: "ws-hub" } },
      overlapOf("ws-hub:*", hub, "ws-hub:broadcast:*", facilities),
    ],
    [
      "ws4redis under `websocket`",
      { ws4redis: { prefix: "websocket" } },
      overlapOf("websocket:broadcast:*", facilities, "websocket:*", channels),
    ],
    [
      "a Socket.IO queue that is a facility",
      { socketio: { channels: ["broadcast:x"] } },
      overlapOf("broadcast:x", "the dialect `socketio`", "broadcast:*", facilities),
    ],
    [
      "secrets of room-spaces under `user:`",
      { secretKeys: ["user:secret:"] },
      overlapOf("user:*", facilities, "user:secret:*", secrets),
    ],
    [
      "WS-HUB under the room secrets",
      { "ws-hub": { channelPrefix: "ws-emit::" } },
      overlapOf("ws-emit::*", hub, "ws-emit::*", secrets),
    ],
    [
      "everything under the first letters of a prefix",
      { "ws-hub": { channelPrefix: "w" } },
      overlapOf("w*", hub, "websocket:*", channels),
    ],
  ])("RTE-08 %s refuses to start", (_, config, sentence) => {
    const found = problems(config);
    expect(found).toContain(sentence);
    expect(found.every((text) => text.startsWith("Expected Redis names of one owner each"))).toBe(true);
  });

  test("RTE-08 what nobody speaks here is in nobody's way", () => {
    expect(problems({ ws4redis: { prefix: "ws-hub" } }, ["ws4redis", "socketio"])).toEqual([]);
    expect(problems({ "ws-hub": { channelPrefix: "websocket:" } }, ["ws-hub"])).toEqual([]);
    expect(problems({ socketio: { channels: ["broadcast:x"] } }, ["socketio"])).toEqual([]);
  });

  test("RTE-08 dialects of different listeners share the Redis all the same", () => {
    const listeners = [
      { address: ":1", dialects: ["ws-hub" as const] },
      { address: ":2", dialects: ["websocket-channels" as const] },
    ];
    expect(problems({ listeners, "ws-hub": { channelPrefix: "websocket:" } })).toHaveLength(1);
  });
});

describe("the session store", () => {
  const cache = (more: Partial<NonNullable<Input["identity"]>>): Input => ({
    identity: { sessionEngine: "cache", ...more },
  });

  test.each(["cache", "cached_db"] as const)(
    "SEC-03 RTE-08 a cache (%s) whose keys visitors could reach refuses to start",
    (sessionEngine) => {
      expect(problems(cache({ sessionEngine, cacheKeyPrefix: "user" }))).toEqual([
        overlapOf("user:*", facilities, "user:1:*", sessions),
      ]);
      expect(problems(cache({ sessionEngine, cacheKeyTemplate: "broadcast:{key}" }))).toEqual([
        overlapOf("broadcast:*", facilities, "broadcast:*", sessions),
      ]);
      expect(problems(cache({ sessionEngine, cacheKeyPrefix: "_broadcast_" }))).toHaveLength(1);
    },
  );

  test("SEC-03 a prefix of ws4redis under the cache's keys, too", () => {
    const config = { ...cache({ cacheKeyPrefix: "app", cacheVersion: 2 }), ws4redis: { prefix: "app:2" } };
    expect(problems(config)).toEqual([overlapOf("app:2:broadcast:*", facilities, "app:2:*", sessions)]);
    expect(problems({ ...config, ws4redis: { prefix: "app:1" } })).toEqual([]);
  });

  test("SEC-03 only where somebody looks for sessions in the Redis of the messages", () => {
    const bad = { cacheKeyPrefix: "user" };
    expect(problems(cache(bad), ["socketio", "websocket-channels"])).toEqual([]);
    expect(problems(cache({ ...bad, redis: "redis://other" }))).toEqual([]);
    expect(problems(cache({ ...bad, redis: "redis://h" }))).toHaveLength(1);
    expect(problems({ ...cache(bad), redis: undefined })).toHaveLength(1);
    expect(problems({ identity: { ...quiet, ...bad } })).toEqual([]);
  });

  test("RTE-09 the prefix `session` of redis_sessions is the documented one, and no overlap", () => {
    const stored = {
      sessionEngine: "redis_sessions",
      secretKey: "s",
      sessionRedisPrefix: "session",
    } as const;
    expect(problems({ identity: stored })).toEqual([]);
    expect(problems({ identity: { ...stored, sessionRedisPrefix: "" } })).toEqual([]);
  });
});

describe("names that visitors choose", () => {
  function isForeign(name: string, config: Input = {}, dialect: DialectName = "ws4redis"): boolean {
    const parsed = configSchema.parse({
      listeners: [{ dialects: ["ws4redis"] }],
      identity: quiet,
      ...config,
    });
    return foreignNames(parsed, dialect, dialects).some((owned) => covers(owned, name));
  }

  test.each([
    "flask-socketio",
    "socketio",
    "socket.io#/#r#",
    "socket.io-request#/#",
    "socket.io-response#/#",
    "ws-hub:groups-new:1",
    "websocket:users/1",
    "ws-emit::secret::dir",
    "ws-emit::room_secret::dir",
    "r2ws::room_secret::dir",
  ])("SEC-03 RTE-08 %p is another owner's, though only ws4redis is spoken here", (name) => {
    expect(isForeign(name)).toBe(true);
  });

  test("SEC-03 a dialect's own names are not foreign to it", () => {
    for (const name of ["user:john:x", "_broadcast_:x", "broadcast:x"]) {
      expect(isForeign(name)).toBe(false);
      expect(isForeign(name, {}, "websocket-channels")).toBe(true);
    }
  });

  test("SEC-03 sessions, user names and configured secrets are somebody's", () => {
    const config: Input = {
      secretKeys: ["mine::"],
      identity: { sessionEngine: "cached_db", cacheKeyPrefix: "site", username: "hash:names" },
    };
    for (const name of ["mine::x", "site:1:django.contrib.sessions.cached_dbx", "names"])
      expect([name, isForeign(name, config), isForeign(name)]).toEqual([name, true, false]);
    const perUser: Input = { identity: { sessionEngine: "cache", username: "hash:name-of:{id}:x" } };
    expect(isForeign("name-of:7:x", perUser)).toBe(true);
    expect(isForeign("john:news", perUser)).toBe(false);
  });

  test("SEC-03 the documented prefix of redis_sessions is out of reach of legacy names", () => {
    const identity = {
      sessionEngine: "redis_sessions",
      secretKey: "s",
      sessionRedisPrefix: "session",
    } as const;
    expect(isForeign(`session:${"k".repeat(32)}`, { identity })).toBe(true);
  });
});
