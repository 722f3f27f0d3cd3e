import { describe, expect, test } from "bun:test";
import { dialects } from "../dialects/registry.ts";
import { createConfigSchema } from "./schema.ts";
import { findWarnings } from "./warnings.ts";

const configSchema = createConfigSchema(dialects);

interface Start {
  readonly address: string;
  readonly secret?: string;
  readonly origins?: string;
  readonly warned: readonly string[];
}

const good = "0123456789abcdef";

/** T32: address, publish secret, origins. */
const starts: readonly Start[] = [
  { address: "127.0.0.1:8899", warned: [] },
  { address: "127.0.0.1:8899", origins: "*", warned: [] },
  { address: "localhost:8899", secret: "short", warned: [] },
  { address: "[::1]:8899", secret: good, origins: "*", warned: [] },
  { address: "0.0.0.0:8899", warned: ["public_without_secret"] },
  { address: "0.0.0.0:8899", secret: good, warned: [] },
  { address: "0.0.0.0:8899", secret: good, origins: "https://a.example", warned: [] },
  { address: "0.0.0.0:8899", secret: good, origins: "*", warned: ["public_any_origin"] },
  { address: "[::]:8899", origins: "*", warned: ["public_any_origin", "public_without_secret"] },
  { address: ":8899", secret: "short", warned: ["short_secret"] },
  {
    address: "10.0.0.1:8899",
    origins: "https://a.example/",
    warned: ["origin_matches_nothing", "public_without_secret"],
  },
  {
    address: "belfry.example:8899",
    secret: good,
    origins: "* https://a.example/",
    warned: ["public_any_origin"],
  },
];

describe("dangerous starts", () => {
  test.each([...starts])("T32 %j", ({ address, secret, origins, warned }) => {
    const config = configSchema.parse({ listeners: [{ address, origins }], secret });
    const warnings = findWarnings(config, dialects);
    expect(warnings.map(({ code }) => code)).toEqual([...warned]);
    expect(warnings.filter(({ text }) => secret !== undefined && text.includes(secret))).toEqual([]);
  });

  test("T32 each listener is judged by itself", () => {
    const config = configSchema.parse({
      listeners: [{ address: ":1" }, { address: "127.0.0.1:2" }, { address: ":3" }],
    });
    const warnings = findWarnings(config, dialects);
    expect(warnings.map(({ text }) => text.split(" ")[0])).toEqual([":1", ":3"]);
  });

  const channels = ["websocket-channels"];
  test.each<[Record<string, unknown>, string[]]>([
    [{ listeners: [{ address: ":1", dialects: ["ws-hub"] }] }, []],
    [{ listeners: [{ address: ":1", dialects: channels }] }, []],
    [{ listeners: [{ address: ":1", dialects: channels }], secret: "short" }, ["short_secret"]],
    [
      { listeners: [{ address: ":1", dialects: channels }], "websocket-channels": { openPublish: true } },
      ["public_open_publish"],
    ],
    [{ listeners: [{ dialects: channels }], "websocket-channels": { openPublish: true } }, []],
    [{ listeners: [{ dialects: ["ws-hub"] }], ws4redis: { publish: ["*"] }, redis: "redis://h" }, []],
  ])("T32 WSC-08 only what is spoken there is warned of: %j", (values, codes) => {
    expect(findWarnings(configSchema.parse(values), dialects).map(({ code }) => code)).toEqual(codes);
  });

  test("T32 SEC-03 W4R-17 a shared Redis without a prefix, and publishing for everybody", () => {
    const codesOf = (ws4redis: Record<string, unknown>, redis?: string): readonly string[] => {
      const listeners = [{ dialects: ["ws4redis"] }];
      const identity = { sessionEngine: "none" };
      return findWarnings(configSchema.parse({ listeners, identity, ws4redis, redis }), dialects).map(
        ({ code }) => code,
      );
    };
    expect(codesOf({ publish: ["chat", "*"] }, "redis://h")).toEqual(["open_publish", "no_redis_prefix"]);
    expect(codesOf({ prefix: "app" }, "redis://h")).toEqual([]);
    expect(codesOf({})).toEqual([]);
  });

  test.each<[Record<string, unknown>, string[]]>([
    [{ socketio: { recovery: true }, tape: { seconds: 0 } }, ["recovery_without_tape"]],
    [
      {
        socketio: { recovery: true },
        tape: { seconds: 0 },
        rooms: [{ match: "*", history: { size: 10, seconds: 10 } }],
      },
      ["recovery_without_tape"],
    ],
    [{ socketio: { recovery: true }, tape: { seconds: 1 } }, []],
    [{ socketio: { recovery: false }, tape: { seconds: 0 } }, []],
    [{ socketio: { recovery: true }, tape: { seconds: 0 }, listeners: [{ dialects: ["native"] }] }, []],
  ])("T32 recovery of Socket.IO pages that can never be: %j", (values, codes) => {
    expect(findWarnings(configSchema.parse(values), dialects).map(({ code }) => code)).toEqual(codes);
  });

  test.each<[string, boolean]>([
    ["0.0.0.0/0", true],
    ["::/0", true],
    ["0.0.0.0/1", true],
    ["128.0.0.0/7", true],
    ["2000::/3", true],
    ["10.0.0.0/8", false],
    ["fc00::/7", false],
    ["192.0.2.1", false],
    ["::1", false],
  ])("T32 SEC-15 trusted proxies %s are everybody: %j", (range, isWide) => {
    const config = configSchema.parse({ listeners: [{ trustedProxies: ["127.0.0.1", range] }] });
    const warnings = findWarnings(config, dialects);
    expect(warnings.map(({ code }) => code)).toEqual(isWide ? ["trusts_everybody"] : []);
    expect(warnings.every(({ text }) => text.includes(range))).toBe(true);
  });

  test("T32 a Redis whose certificate nobody looks at", () => {
    const config = configSchema.parse({ redisTls: { insecure: true } });
    expect(findWarnings(config, dialects).map(({ code }) => code)).toEqual(["redis_tls_unverified"]);
  });
});

test("DJS-03 a session store that is nowhere is said", () => {
  const codes = (identity: object, redis?: string, dialect = "ws4redis"): readonly string[] =>
    findWarnings(configSchema.parse({ identity, redis, listeners: [{ dialects: [dialect] }] }), dialects).map(
      ({ code }) => code,
    );
  expect(codes({ sessionEngine: "cache" }, "memory:")).toEqual(["sessions_nowhere"]);
  expect(codes({ sessionEngine: "redis_sessions", secretKey: "k".repeat(50) })).toEqual(["sessions_nowhere"]);
  expect(codes({ sessionEngine: "cache", redis: "redis://sessions" }, "memory:")).toEqual([]);
  expect(codes({ sessionEngine: "none" }, "memory:")).toEqual([]);
  expect(codes({ sessionEngine: "cache" }, "memory:", "ws-hub")).toEqual([]);
});
