// What every dialect must do with rooms and messages, run over the registry: each dialect on a gateway of its own, and
// all of them on one port. A new dialect brings a driver (test/support/dialects) and gets the whole suite.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { createClientId } from "../../../src/base/client-id.ts";
import { dialects } from "../../../src/dialects/registry.ts";
import type { DialectDriver, Door } from "../../support/dialects/driver.ts";
import { allDrivers as productDrivers, drivers } from "../../support/dialects/drivers.ts";
import { echo } from "../../support/dialects/echo.ts";
import { Ear, admitted } from "../../support/dialects/ear.ts";
import { Site } from "../../support/dialects/site.ts";
import type { RawMessage } from "../../support/raw.ts";
import { startRedis } from "../../support/redis.ts";
import type { RedisServer } from "../../support/redis.ts";
import { until } from "../../support/until.ts";

setDefaultTimeout(60_000);

/** Those of the product, and a fifth one that proves the ports (test/dialects). */
const allDrivers: readonly DialectDriver[] = [...productDrivers, echo];

let redis: RedisServer;
const sites = new Map<string, Site>();

beforeAll(async () => {
  redis = await startRedis();
  for (const driver of allDrivers) sites.set(driver.dialect, await Site.open(redis, [driver]));
  sites.set("house", await Site.open(redis, allDrivers));
});

afterAll(async () => {
  for (const site of sites.values()) await site[Symbol.asyncDispose]();
  await redis.stop();
});

test("every dialect of the registry is in this suite", () => {
  for (const name of Object.keys(dialects)) {
    const sentence = `Expected a driver of the dialect ${name} in test/support/dialects/drivers.ts`;
    expect(Object.hasOwn(drivers, name) ? name : sentence).toBe(name);
  }
  for (const [name, { dialect }] of Object.entries(drivers)) expect(dialect as string).toBe(name);
});

let names = 0;
/** A name that no other test has. */
const fresh = (): string => `room-${++names}`;

async function enter(driver: DialectDriver, site: Site, name: string): Promise<Ear> {
  return admitted(await driver.enter(site, name));
}

/** The room that the driver's clients come into by this name. */
function roomOf(driver: DialectDriver, name: string): string {
  const meaning = driver.meaning(name);
  if (meaning.kind === "room") return meaning.room;
  throw new Error(`Expected ${name} to be a room's name`);
}

/** The doors by which a room can be addressed, and its name there. */
function ways(site: Site, room: string, name: string): readonly (readonly [Door, string])[] {
  const found: (readonly [Door, string])[] = [];
  for (const door of site.doors) {
    const there = [room, name].find((candidate) => {
      const meaning = door.meaning(candidate);
      return meaning.kind === "room" && meaning.room === room;
    });
    if (there !== undefined) found.push([door, there]);
  }
  return found;
}

/** May the driver's clients hear what comes in by this door? */
function isHeard(driver: DialectDriver, door: Door): boolean {
  return door.only === undefined || door.only === driver.dialect;
}

const pairs = [
  ...allDrivers.map((driver) => [`${driver.dialect} alone`, driver, driver.dialect] as const),
  ...allDrivers.map((driver) => [`${driver.dialect} among all`, driver, "house"] as const),
];

describe.each(pairs)("%s", (_title, driver, where) => {
  const site = (): Site => sites.get(where) ?? fail(where);
  const { redisDoor } = driver;
  const say = async (name: string, what: string | Uint8Array): Promise<void> =>
    redisDoor.say(site(), name, what);
  const hears = (what: string | Uint8Array): RawMessage[] => driver.hears(redisDoor.form, what);

  test("WSE-03 HUB-05 W4R-03 WSC-01 who joins hears the room from then on, and no other", async () => {
    const [name, other] = [fresh(), fresh()];
    const { gateway } = site();
    const received = await gateway.metric("belfry_messages_received_total");
    await say(name, "too early");
    await until(async () => (await gateway.metric("belfry_messages_received_total")) > received);
    using ear = await enter(driver, site(), name);
    using neighbour = await enter(driver, site(), other);
    await say(name, "here");
    await say(other, "there");
    await driver.callAll(site(), [ear, neighbour], "(end)");
    expect(await ear.until("(end)")).toEqual(hears("here"));
    expect(await neighbour.until("(end)")).toEqual(hears("there"));
  });

  test("WSE-04 WSC-10 who leaves hears no more, the others do, and nothing is left of an empty room", async () => {
    const name = fresh();
    const { gateway } = site();
    // Whoever is still on the way out of an earlier test goes first.
    const isEmpty = async (): Promise<boolean> => (await gateway.metric("belfry_rooms")) === 0;
    await until(isEmpty, 20_000);
    using ear = await enter(driver, site(), name);
    using other = await enter(driver, site(), name);
    await driver.leave(site(), ear);
    await say(name, "after");
    await driver.callAll(site(), [ear, other], "(end)");
    expect(await other.until("(end)")).toEqual(hears("after"));
    // Who is still connected hears the end alone, who is not hears nothing.
    const rest = ear.socket.connection.hasEnded ? [] : await ear.until("(end)").catch(() => []);
    expect(rest).toEqual([]);
    await driver.leave(site(), other);
    ear[Symbol.dispose]();
    other[Symbol.dispose]();
    await until(isEmpty, 20_000);
  });

  test("SEC-10 WSE-07 HUB-07 T15 who may not join is refused in the dialect's own way, and hears nothing", async () => {
    if (driver.turnAway) {
      using ear = await enter(driver, site(), fresh());
      await driver.turnAway.order(site(), ear);
      expect(await ear.closed()).toEqual(driver.turnAway.farewell);
    }
    const { gateway } = site();
    using victim = await enter(driver, site(), fresh());
    const closed =
      driver.entry === "granted" ? [] : [`${fresh()}::orders`, "::", createClientId(), victim.id];
    for (const name of closed.filter((text) => text !== "")) {
      const before = await gateway.metric("belfry_refused_total");
      const answer = await driver.enter(site(), name);
      expect(answer instanceof Ear).toBe(driver.isSilent);
      expect(await gateway.metric("belfry_refused_total")).toBe(before + 1);
      if (!(answer instanceof Ear)) {
        expect(answer.status).toBe(403);
        continue;
      }
      for (const [door, there] of ways(site(), name, name)) await door.say(site(), there, "not for you");
      await driver.callAll(site(), [answer], "(end)");
      expect(await answer.until("(end)")).toEqual([]);
      answer[Symbol.dispose]();
    }
  });

  test("RTE-05 SEC-16 HUB-08 W4R-03 WSC-03 WSC-06 WSE-26 each member hears a message once, by whichever door, and nobody else does", async () => {
    const [name, other] = [fresh(), fresh()];
    const room = roomOf(driver, name);
    const members = await Promise.all([name, name, name].map(async (here) => enter(driver, site(), here)));
    const strangers = await Promise.all([other, other].map(async (there) => enter(driver, site(), there)));
    const doors = ways(site(), room, name);
    expect(doors.length).toBeGreaterThanOrEqual(driver.doors.length);
    const expected: RawMessage[] = [];
    for (const [door, there] of doors) {
      const text = `by ${door.name}`;
      await door.say(site(), there, text);
      if (isHeard(driver, door)) expected.push(...driver.hears(door.form, text));
    }
    await driver.callAll(site(), [...members, ...strangers], "(end)");
    for (const member of members) expect(await member.until("(end)")).toEqual(expected);
    for (const stranger of strangers) expect(await stranger.until("(end)")).toEqual([]);
    for (const ear of [...members, ...strangers]) ear[Symbol.dispose]();
  });

  test("SIO-14 1,000 messages of one Redis channel come in their order, to everyone", async () => {
    const name = fresh();
    using first = await enter(driver, site(), name);
    using second = await enter(driver, site(), name);
    const texts = Array.from({ length: 1_000 }, (_value, index) => `message ${index}`);
    await Promise.all(texts.map(async (text) => say(name, text)));
    const expected = texts.flatMap((text) => hears(text));
    expect(await first.take(1_000)).toEqual(expected);
    expect(await second.take(1_000)).toEqual(expected);
  });

  test("SIO-15 HUB-08 W4R-07 WSC-05 text of every kind comes as it went", async () => {
    const name = fresh();
    using ear = await enter(driver, site(), name);
    for (const [door, there] of ways(site(), roomOf(driver, name), name)) {
      if (!isHeard(driver, door)) continue;
      for (const text of texts) {
        await door.say(site(), there, text);
        const frames = driver.hears(door.form, text);
        expect(await ear.take(frames.length)).toEqual(frames);
      }
    }
  });

  test("HUB-08 W4R-07 WSC-05 bytes that are no text come as they went, in a binary frame", async () => {
    const name = fresh();
    using ear = await enter(driver, site(), name);
    for (const [door, there] of ways(site(), roomOf(driver, name), name)) {
      // In a JSON body there are none.
      if (door.form === "event" || !isHeard(driver, door) || door.name.startsWith("POST")) continue;
      for (const bytes of notText) {
        await door.say(site(), there, bytes);
        const frames = driver.hears("payload", bytes);
        expect(await ear.take(frames.length)).toEqual(frames);
      }
    }
    await driver.callAll(site(), [ear], "(end)");
    expect(await ear.until("(end)")).toEqual([]);
  });

  test("SEC-06 SIO-15 3 MiB come whole, more than the bus may carry is dropped and counted, and the next comes", async () => {
    const name = fresh();
    using ear = await enter(driver, site(), name);
    const large = "large ".repeat(512 * 1024);
    const skipped = await site().gateway.metric("belfry_skipped_total");
    await say(name, large);
    await say(name, "x".repeat(8 * 1024 * 1024 + 1));
    await say(name, "next");
    const [frame = ""] = hears(large);
    const first = await ear.next();
    expect(first.length).toBe(frame.length);
    expect(first === frame).toBe(true);
    expect(await ear.take(1)).toEqual(hears("next"));
    expect(await site().gateway.metric("belfry_skipped_total")).toBe(skipped + 1);
  });
});

const texts = [
  " ",
  "a\0b",
  "\ufeffa BOM",
  "\u2028\u2029\u0085",
  'quotes " and \\ and \n and \r\n',
  "e\u0301 is not \u00e9",
  "\u{1f514}\u{10ffff}\uffff",
  "\u202egnp.exe\u200b",
  '{"__proto__":{"polluted":1}}',
  '["update",1]',
  '42["update"]',
  "</script>",
  "1e400",
];

const notText = [
  Uint8Array.of(0xff),
  Uint8Array.of(0xc0, 0xaf),
  Uint8Array.of(0xed, 0xa0, 0x80),
  Uint8Array.of(0xf4, 0x90, 0x80, 0x80),
  Uint8Array.of(0x61, 0xe2, 0x82),
  Uint8Array.from({ length: 256 }, (_value, index) => index),
];

describe("all dialects on one port", () => {
  const site = (): Site => sites.get("house") ?? fail("house");

  test("RTE-01 SEC-16 one room, members of every dialect that can name it: each hears each door in its own form", async () => {
    const name = fresh();
    const members = allDrivers.filter((driver) => driver.entry === "asks");
    const ears = await Promise.all(members.map(async (driver) => enter(driver, site(), name)));
    const doors = ways(site(), name, name);
    for (const [door, there] of doors) await door.say(site(), there, `by ${door.name}`);
    for (const [index, driver] of members.entries()) {
      const ear = ears[index] ?? fail(driver.dialect);
      await driver.callAll(site(), [ear], "(end)");
      const expected = doors.flatMap(([door]) =>
        isHeard(driver, door) ? driver.hears(door.form, `by ${door.name}`) : [],
      );
      expect({ dialect: driver.dialect, heard: await ear.until("(end)") }).toEqual({
        dialect: driver.dialect,
        heard: expected,
      });
    }
    for (const ear of ears) ear[Symbol.dispose]();
  });

  test("SEC-16 WSC-02 W4R-05 what browsers say in one dialect is heard by nobody of another", async () => {
    for (const driver of allDrivers) {
      const name = `voice-${fresh()}`;
      const speaker = await driver.enterToSpeak?.(site(), name);
      if (!speaker) continue;
      using ear = admitted(speaker);
      const others = allDrivers.filter((other) => other !== driver && other.entry === "asks");
      const listeners = await Promise.all(others.map(async (other) => enter(other, site(), name)));
      using fellow = await enter(driver, site(), name);
      ear.socket.send("among us");
      expect(await fellow.take(1)).toEqual(["among us"]);
      expect(await ear.take(1)).toEqual(["among us"]);
      for (const [index, other] of others.entries()) {
        const listener = listeners[index] ?? fail(other.dialect);
        await other.callAll(site(), [listener], "(end)");
        const expected = { speaker: driver.dialect, listener: other.dialect, heard: [] };
        expect({ ...expected, heard: await listener.until("(end)") }).toEqual(expected);
        listener[Symbol.dispose]();
      }
    }
  });

  test("PSQ-13 HUB-05 SEC-10 who is put into a granted room by a backend hears it in its own dialect", async () => {
    const { socketio } = drivers;
    for (const driver of allDrivers.filter(({ entry }) => entry === "granted")) {
      const name = fresh();
      const room = roomOf(driver, name);
      using guest = await enter(socketio, site(), fresh());
      using member = await enter(driver, site(), name);
      const order = { method: "enter_room", sid: guest.id, room, namespace: "/" };
      await site().backend.publish("flask-socketio", JSON.stringify(order));
      await driver.redisDoor.say(site(), name, "for both");
      expect(await guest.take(1)).toEqual(socketio.hears(driver.redisDoor.form, "for both"));
      expect(await member.take(1)).toEqual(driver.hears(driver.redisDoor.form, "for both"));
    }
  });
});

function fail(what: string): never {
  throw new Error(`Expected ${what} to be there`);
}
