// The end of a gateway, run over the registry: every client is told in its dialect's own way, and nobody comes in any
// more (SEC-14). Each dialect alone, and all of them on one port.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import type { DialectDriver } from "../../support/dialects/driver.ts";
import { allDrivers } from "../../support/dialects/drivers.ts";
import { admitted } from "../../support/dialects/ear.ts";
import type { Ear } from "../../support/dialects/ear.ts";
import { Site } from "../../support/dialects/site.ts";
import { RawConnection, handshakeHeaders, requestBytes } from "../../support/raw.ts";
import { startRedis } from "../../support/redis.ts";
import type { RedisServer } from "../../support/redis.ts";

setDefaultTimeout(60_000);

/** Far more than a second: who is closed over all of it was closed too late. */
const drainSeconds = 40;
const clientsEach = 25;

let redis: RedisServer;

beforeAll(async () => {
  redis = await startRedis();
});

afterAll(async () => {
  await redis.stop();
});

const gateways: readonly (readonly [string, readonly DialectDriver[]])[] = [
  ...allDrivers.map((driver) => [`${driver.dialect} alone`, [driver]] as const),
  ["all dialects on one port", allDrivers],
];

test.each([...gateways])(
  "SEC-14 HUB-13 W4R-12 EIO-14 %s: each client gets its close code, newcomers get 503",
  async (_title, spoken) => {
    await using site = await Site.open(redis, spoken, { drain: drainSeconds });
    const clients: { readonly driver: DialectDriver; readonly ear: Ear }[] = [];
    for (const driver of spoken) {
      for (let index = 0; index < clientsEach; index++) {
        clients.push({ driver, ear: admitted(await driver.enter(site, `room-${index % 3}`)) });
      }
    }
    // They are there already, and ask when it is too late.
    const newcomers = await Promise.all(
      spoken.map(async (driver) => ({ driver, connection: await RawConnection.open(site.url) })),
    );
    const started = performance.now();
    const stopping = site.gateway.gateway.stop();
    for (const { driver, connection } of newcomers) {
      connection.write(requestBytes(site.url, { path: driver.handshake, headers: handshakeHeaders() }));
    }
    for (const { driver, connection } of newcomers) {
      const { status } = await connection.response(20_000);
      expect({ dialect: driver.dialect, status }).toEqual({ dialect: driver.dialect, status: 503 });
      connection[Symbol.dispose]();
    }
    for (const { driver, ear } of clients) {
      expect({ dialect: driver.dialect, ...(await ear.closed()) }).toEqual({
        dialect: driver.dialect,
        ...driver.farewell,
      });
      ear[Symbol.dispose]();
    }
    await stopping;
    // Few clients do not wait for the whole drain: within a second, or what a busy machine makes of it.
    expect(performance.now() - started).toBeLessThan((drainSeconds * 1_000) / 2);
    expect(await site.gateway.metric("belfry_connections")).toBe(0);
    expect(await site.gateway.metric("belfry_disconnections_total", 'reason="shutdown"')).toBe(
      clients.length,
    );
  },
);
