import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parse } from "yaml";
import { parseRedisUrl } from "../../brokers/redis/url.ts";
import { GatewayError } from "../../vocabulary/errors.ts";
import { readHubFile } from "./config-file.ts";
import { wsHubOptions } from "./options.ts";

/** What the file sets, by the names of the dialect's section, and beside it. */
function readFile(tree: unknown) {
  const { values, notes, warnings } = readHubFile(tree);
  const { address, redis: redisUrl, ...rest } = values;
  const options = Object.fromEntries(
    Object.entries(rest).map(([name, value]) => [name.replace(/^ws-hub\./, ""), value]),
  );
  return { address, redisUrl, options, notes, warnings };
}

/** The sentence that a file is refused with. */
function refusal(text: string): string {
  try {
    readHubFile(parse(text));
  } catch (error) {
    if (error instanceof GatewayError && error.code === "config_invalid") return error.message;
    throw error;
  }
  throw new Error("Expected a refusal");
}

describe("WS-HUB's config file", () => {
  test("HUB-01 HUB-10 HUB-11 the sample file means our defaults", () => {
    const sample = `
address: ":8080"
clientKey: "session_key"
serverUrl: "/ws"

redis:
  address: "localhost:6379"
  timeout: 120
  idleConn: 4
  channelPrefix: "ws-hub:"

webSocket:
  writeWait: 10
  pongWait: 60
  maxMessageSize: 128
`;
    const { address, redisUrl, options, notes, warnings } = readFile(parse(sample));
    expect({ address, redisUrl }).toEqual({ address: ":8080", redisUrl: "redis://localhost:6379/0" });
    expect(wsHubOptions.parse(options)).toEqual(wsHubOptions.parse({}));
    expect(notes).toEqual([
      "`redis.timeout` is accepted without effect",
      "`redis.idleConn` is accepted without effect",
    ]);
    expect(warnings).toEqual([]);
  });

  test("HUB-10 HUB-11 the section webSocket is read, in any case; so are its keys at the top, but not both", () => {
    const values = { writeWait: 3, pongWait: 7, maxMessageSize: 4096 };
    for (const text of [
      "webSocket: { writeWait: 3, pongWait: 7, maxMessageSize: 4096 }",
      "WEBSOCKET: { writewait: '3', PongWait: 7, MAXMESSAGESIZE: 4096 }",
      "writeWait: 3\npongWait: 7\nmaxMessageSize: 4096",
      "websocket: { writeWait: 3 }\npongWait: 7\nmaxMessageSize: 4096",
    ]) {
      expect(readFile(parse(text))).toMatchObject({ options: values, notes: [], warnings: [] });
    }
    expect(refusal("webSocket: { pongWait: 7 }\npongWait: 8")).toBe(
      "Expected `webSocket.pongWait` or `pongWait`, got both",
    );
    expect(refusal("webSocket: 10")).toBe("Expected `webSocket` to be a section");
    expect(refusal("redis: { addr: ':1', address: ':2' }")).toBe(
      "Expected `redis.address` or `redis.addr`, got both",
    );
  });

  test("an empty file sets nothing", () => {
    const nothing = { address: undefined, redisUrl: undefined, options: {}, notes: [], warnings: [] };
    expect(readFile({})).toEqual(nothing);
    expect(readFile(null)).toEqual(nothing);
    expect(readFile(parse("redis:\nclientKey:\nwebSocket:\n"))).toEqual(nothing);
  });

  test("HUB-03 keys are taken in any case, digits and booleans also in quotes", () => {
    const file = readFile(
      parse(`
ADDRESS: "[::1]:9000"
ClientKEY: token
serverurl: /live
FROMHEADER: "True"
pongwait: "30"
MaxMessageSize: 4096
Redis: { ADDR: "redis.example:7000", Db: "3", PASSWORD: "p@ss:/ w%", ChannelPrefix: "app:" }
`),
    );
    expect(file.address).toBe("[::1]:9000");
    expect(file.redisUrl).toBe("redis://:p%40ss%3A%2F%20w%25@redis.example:7000/3");
    expect(file.options).toEqual({
      clientKey: "token",
      serverUrl: "/live",
      fromHeader: true,
      pongWait: 30,
      maxMessageSize: 4096,
      channelPrefix: "app:",
    });
    expect(file.notes).toEqual([]);
  });

  test("a short Redis address is the local one, as in Go; what is left out is as in the sample", () => {
    expect(readFile({ redis: { address: ":6380" } }).redisUrl).toBe("redis://localhost:6380/0");
    expect(readFile({ redis: { db: 2 } }).redisUrl).toBe("redis://localhost:6379/2");
    expect(readFile({ redis: { password: "p" } }).redisUrl).toBe("redis://:p@localhost:6379/0");
    expect(readFile({ redis: { password: "" } }).redisUrl).toBe("redis://localhost:6379/0");
    expect(readFile({ redis: { channelPrefix: "x:" } }).redisUrl).toBe(undefined);
  });

  test("a key that WS-HUB does not know is named, printable and short", () => {
    const { notes, warnings } = readFile({
      "pong wait\n": 1,
      redis: { pool: 5 },
      webSocket: { clientKey: "k" },
      ["x".repeat(500)]: 1,
    });
    expect(notes).toEqual([]);
    expect(warnings).toEqual([
      "`pong?wait?` is no setting of WS-HUB: without effect",
      "`redis.pool` is no setting of WS-HUB: without effect",
      "`websocket.clientkey` is no setting of WS-HUB: without effect",
      `\`${"x".repeat(60)}\` is no setting of WS-HUB: without effect`,
    ]);
  });

  test("wrong values are refused, each with a sentence, all at once", () => {
    const text = refusal(`
address: 8080
clientKey: "a b"
serverUrl: ws
webSocket: { pongWait: 0, writeWait: soon, maxMessageSize: 1.5 }
fromHeader: maybe
redis: { address: localhost, db: -1, password: 12345, channelPrefix: 7 }
`);
    expect(text.split("\n").map((line) => /`([\w.]+)`/.exec(line)?.[1])).toEqual([
      "clientKey",
      "serverUrl",
      "webSocket.pongWait",
      "webSocket.writeWait",
      "webSocket.maxMessageSize",
      "fromHeader",
      "redis.channelPrefix",
      "address",
      "redis.address",
      "redis.db",
      "redis.password",
    ]);
    expect(text).toContain(
      "Expected `webSocket.maxMessageSize` to be a whole number of bytes from 1 to 16,777,216",
    );
    expect(refusal("redis: localhost")).toBe("Expected `redis` to be a section");
    expect(refusal("[1, 2]")).toBe("Expected a file of keys and values");
    expect(refusal("address: ':65536'")).toBe("Expected `address` to be `host:port` or `:port`");
    expect(refusal("pongWait: 1\nPongWait: 2")).toContain("`pongwait` once");
  });

  test("SEC-04 no value is repeated in a refusal", () => {
    expect(refusal("redis: { password: [s3cr3t], db: s3cr3t }")).not.toContain("s3cr3t");
  });

  test("100,000 files: read, or refused with a sentence; the Redis URL is always one", () => {
    const key = fc.constantFrom(
      "address",
      "Address",
      "clientKey",
      "serverUrl",
      "redis",
      "Redis",
      "webSocket",
      "pongWait",
      "maxMessageSize",
      "fromHeader",
      "__proto__",
      "x",
    );
    const leaf = fc.oneof(
      fc.string({ maxLength: 8 }),
      fc.double(),
      fc.boolean(),
      fc.constant(null),
      fc.constantFrom(":80", "host:1", "/ws", "10"),
    );
    const redis = fc.dictionary(
      fc.constantFrom("address", "addr", "db", "password", "channelPrefix", "timeout"),
      leaf,
      { maxKeys: 4 },
    );
    const property = fc.property(
      fc.dictionary(key, fc.oneof(leaf, redis, fc.array(leaf, { maxLength: 2 })), { maxKeys: 6 }),
      (file) => {
        try {
          const { redisUrl, options } = readFile(file);
          if (typeof redisUrl === "string") parseRedisUrl(redisUrl);
          wsHubOptions.parse(options);
        } catch (error) {
          expect(error).toBeInstanceOf(GatewayError);
          expect((error as GatewayError).code).toBe("config_invalid");
        }
      },
    );
    fc.assert(property, { numRuns: 100_000 });
  }, 60_000);
});
