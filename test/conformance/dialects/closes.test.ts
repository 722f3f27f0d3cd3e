// Closes that the engine makes for us, run over the registry: a message over the limit and frames against RFC 6455 are
// counted as what they are, never as the client's own wish, whether a dialect has a port to itself or shares it.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import type { DialectName } from "../../../src/dialects/registry.ts";
import type { DialectDriver } from "../../support/dialects/driver.ts";
import type { GatewayConfig } from "../../support/gateway.ts";
import { allDrivers } from "../../support/dialects/drivers.ts";
import { Site } from "../../support/dialects/site.ts";
import { RawWebSocket } from "../../support/raw.ts";
import { startRedis } from "../../support/redis.ts";
import type { RedisServer } from "../../support/redis.ts";
import { until } from "../../support/until.ts";

setDefaultTimeout(60_000);

const limit = 1_000;
/** The option that bounds a client's message. */
const limitOption: Readonly<Record<DialectName, string>> = {
  socketio: "maxPayload",
  "ws-hub": "maxMessageSize",
  ws4redis: "maxMessage",
  "websocket-channels": "maxMessage",
  native: "maxMessage",
};

let redis: RedisServer;

beforeAll(async () => {
  redis = await startRedis();
});

afterAll(async () => redis.stop());

/** The driver's config, with the small limit. */
function limited({ dialect, config }: DialectDriver<DialectName>): GatewayConfig {
  const section = { ...config[dialect], [limitOption[dialect]]: limit };
  return { ...config, [dialect]: section };
}

/** One frame, masked with zeros. */
function frame(first: number, payload: Uint8Array = Buffer.from("x")): Uint8Array {
  return Buffer.concat([Uint8Array.of(first, 0x80 | payload.length, 0, 0, 0, 0), payload]);
}

/** What a client does to be closed, the code that it sees, and the reason that is counted. */
const ends: readonly (readonly [string, (socket: RawWebSocket) => void, number, string])[] = [
  ["one byte too many", (socket) => socket.send("x".repeat(limit + 1)), 1009, "too_large"],
  ["characters of two bytes", (socket) => socket.send("é".repeat(limit / 2 + 1)), 1009, "too_large"],
  ["binary", (socket) => socket.send(Buffer.alloc(limit + 1)), 1009, "too_large"],
  ["far too many", (socket) => socket.send("x".repeat(500_000)), 1009, "too_large"],
  [
    "fragments",
    (socket) => {
      for (const [at, opcode] of [1, 0, 0].entries())
        socket.sendFrame(opcode, "x".repeat(limit / 2), at === 2);
    },
    1009,
    "too_large",
  ],
  ["text that is no UTF-8", (socket) => socket.sendFrame(1, Uint8Array.of(0xff)), 1007, "protocol_error"],
  ["an unknown opcode", (socket) => socket.connection.write(frame(0x83)), 1002, "protocol_error"],
  ["a reserved bit", (socket) => socket.connection.write(frame(0xc1)), 1002, "protocol_error"],
  ["a continuation of nothing", (socket) => socket.connection.write(frame(0x80)), 1002, "protocol_error"],
  ["a ping in fragments", (socket) => socket.connection.write(frame(0x09)), 1002, "protocol_error"],
  ["no mask", (socket) => socket.connection.write(Uint8Array.of(0x81, 1, 0x78)), 1002, "protocol_error"],
  ["half a close code", (socket) => socket.sendFrame(8, Uint8Array.of(3)), 1002, "protocol_error"],
  // Any client can send these words of the engine.
  [
    "a close of its own",
    (socket) => socket.sendFrame(8, Buffer.from("\u0003\u00f1Received too big message", "latin1")),
    1009,
    "client",
  ],
];

const cases = allDrivers.flatMap((driver) =>
  ([[driver], allDrivers] as const).map(
    (drivers) => [driver.dialect, drivers.length === 1 ? "alone" : "in one house", driver, drivers] as const,
  ),
);

test.each(cases)(
  "EIO-22 HUB-10 W4R-18 SEC-06 %s %s: closes by the engine are counted by what they are",
  async (dialect, _where, driver, drivers) => {
    await using site = await Site.open(redis, drivers, limited(driver));
    for (const [index, [name, act, code, reason]] of ends.entries()) {
      const labels = `dialect="${dialect}",reason="${reason}"`;
      const before = await site.gateway.metric("belfry_disconnections_total", labels);
      const path = driver.handshake.replace(/^(\/ws\?session_key=.*)$/, `$1${index}`);
      using socket = await RawWebSocket.open(site.url, path, driver.handshakeHeaders);
      act(socket);
      expect({ name, code: (await socket.waitForClose()).code }).toEqual({ name, code });
      const counted = async (): Promise<boolean> =>
        (await site.gateway.metric("belfry_disconnections_total", labels)) === before + 1;
      await until(counted, 5_000);
    }
  },
);
