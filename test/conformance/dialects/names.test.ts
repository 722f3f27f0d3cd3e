// 200 names through every operation of every dialect, all of them on one port (T15, S5): the same verdict for the same
// room wherever a dialect can name it, and nobody hears another room than the one that it named.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { createClientId } from "../../../src/base/client-id.ts";
import { tryOpen } from "../../support/dialects/driver.ts";
import type { DialectDriver, Door, Meaning } from "../../support/dialects/driver.ts";
import { allDrivers, drivers } from "../../support/dialects/drivers.ts";
import { Ear, admitted } from "../../support/dialects/ear.ts";
import { hostileNames } from "../../support/dialects/names.ts";
import { Site, connectBackend, disconnectBackend } from "../../support/dialects/site.ts";
import type { Backend } from "../../support/dialects/site.ts";
import { RawWebSocket } from "../../support/raw.ts";
import { startRedis } from "../../support/redis.ts";
import type { RedisServer } from "../../support/redis.ts";

setDefaultTimeout(120_000);

let redis: RedisServer;
let site: Site;
/** A client whose id others want to listen to. */
let victim: Ear;
/** What Redis was asked, by whom. */
const asked: { readonly from: string; readonly words: readonly string[] }[] = [];
let gatewayAddresses: ReadonlySet<string>;
let monitor: Backend;
let ids: readonly string[] = [];
let names: readonly string[] = hostileNames;

beforeAll(async () => {
  redis = await startRedis();
  site = await Site.open(redis, allDrivers);
  await site.backend.set("ws-emit::secret::shop", "the secret of the shop");
  const { addr: own } = await site.backend.clientInfo();
  const everybody = await site.backend.clientList();
  gatewayAddresses = new Set(everybody.map(({ addr }) => addr).filter((address) => address !== own));
  monitor = await connectBackend(redis.url);
  await monitor.monitor((line) => {
    const words = [...line.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, word = ""]) => word);
    asked.push({ from: /\[\d+ (\S+)\]/.exec(line)?.[1] ?? "", words });
  });
  const { socketio } = drivers;
  victim = admitted(await socketio.enter(site, "a room of the victim's own"));
  // Ids of this gateway and of others (WSE-07); the last only looks like one.
  ids = [victim.id, createClientId()].flatMap((id) => [id, `/#${id}`]);
  names = [...hostileNames, ...ids, "abcdefghijklmnopqrst"];
});

afterAll(async () => {
  disconnectBackend(monitor);
  victim[Symbol.dispose]();
  await site[Symbol.asyncDispose]();
  await redis.stop();
});

/** The rule for rooms, written down a second time: it knows names alone, and no dialect. */
function isOpen(room: string): boolean {
  return Buffer.byteLength(room) <= 256 && !room.includes("::") && !ids.includes(room);
}

/** The room-space and the rest have 256 bytes each. */
function isInBounds(room: string): boolean {
  const [space = "", ...rest] = room.split("::");
  return Buffer.byteLength(space) <= 256 && Buffer.byteLength(rest.join("::")) <= 256;
}

function mayEnter(meaning: Meaning): boolean {
  if (meaning.kind !== "room") return false;
  return meaning.isOwn === true ? isInBounds(meaning.room) : isOpen(meaning.room);
}

interface Guest {
  readonly driver: DialectDriver;
  readonly name: string;
  readonly room: string;
  readonly ear: Ear;
}

/** Everybody who came in, or looks so. */
const guests: Guest[] = [];
/** Says what was said where, without hostile characters of its own. */
const marker = (door: Door, name: string): string => `<${site.doors.indexOf(door)} ${names.indexOf(name)}>`;

/** What somebody in the room should have heard, once every name was spoken at every door. */
function expectedAt(dialect: string, isWanted: (meaning: Meaning) => boolean): readonly string[] {
  return site.doors.flatMap((door) =>
    door.only !== undefined && door.only !== dialect
      ? []
      : names.filter((name) => isWanted(door.meaning(name))).map((name) => marker(door, name)),
  );
}

async function sayEverything(): Promise<void> {
  for (const door of site.doors) {
    for (const name of names) {
      const meaning = door.meaning(name);
      if (meaning.kind === "nothing" && door.name.startsWith("POST")) continue;
      await door.say(site, name, marker(door, name));
    }
  }
}

/** The markers in what an ear hears until the end. */
async function heardBy(ear: Ear): Promise<readonly string[]> {
  const messages = await ear.until("(end)");
  return messages.map((message) => /<\d+ \d+>/.exec(message.toString())?.[0] ?? "no marker");
}

describe("hostile names", () => {
  test("T15 there are enough of them, and every dialect can name most", () => {
    expect(names.length).toBeGreaterThanOrEqual(150);
    for (const driver of allDrivers) {
      const named = names.filter((name) => driver.meaning(name).kind === "room");
      expect({ dialect: driver.dialect, isMost: named.length > 150 }).toEqual({
        dialect: driver.dialect,
        isMost: true,
      });
    }
  });

  test("T15 SEC-10 WSE-03 WSE-07 the same room has the same verdict in every dialect", async () => {
    const wrong: string[] = [];
    for (const driver of allDrivers) {
      for (const name of names) {
        const meaning = driver.meaning(name);
        if (meaning.kind !== "room") continue;
        const answer = await driver.enter(site, name);
        if (answer instanceof Ear) guests.push({ driver, name, room: meaning.room, ear: answer });
        // Where a refusal looks like a success, what is heard will tell.
        if (answer instanceof Ear === (driver.isSilent || mayEnter(meaning))) continue;
        const verdict = answer instanceof Ear ? "joined" : `${answer.status}`;
        wrong.push(`${driver.dialect}: ${JSON.stringify(name).slice(0, 80)} ${verdict}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  test("T15 SEC-16 RTE-08 WSC-03 nobody hears another room than the one that it named, whichever door names it", async () => {
    await sayEverything();
    for (const driver of allDrivers) {
      const own = guests.filter((guest) => guest.driver === driver);
      await driver.callAll(
        site,
        own.map(({ ear }) => ear),
        "(end)",
      );
    }
    const wrong: object[] = [];
    for (const { driver, name, room, ear } of guests) {
      const isIn = mayEnter(driver.meaning(name));
      const expected = expectedAt(driver.dialect, (meaning) => {
        if (meaning.kind === "tree")
          return driver.dialect === "websocket-channels" && isBelow(room, meaning.below);
        return meaning.kind === "room" && isIn && meaning.room === room;
      });
      const heard = await heardBy(ear);
      if (heard.join() !== expected.join())
        wrong.push({ dialect: driver.dialect, name: name.slice(0, 80), heard, expected });
    }
    expect(wrong).toEqual([]);
  });

  test("SIO-16 WSE-07 whose id was named heard what backends said to it, and nobody else did", async () => {
    const { socketio } = drivers;
    await socketio.callAll(site, [victim], "(end)");
    const expected = expectedAt(
      "socketio",
      (meaning) => meaning.kind === "room" && meaning.room === victim.id,
    );
    expect(expected.length).toBeGreaterThan(0);
    expect(await heardBy(victim)).toEqual([...expected]);
  });

  test("WSE-04 T15 who left under any name hears no more, and nothing of a room remains", async () => {
    for (const { driver, ear } of guests) await driver.leave(site, ear);
    await sayEverything();
    const still = guests.filter(({ ear }) => !ear.socket.connection.hasEnded);
    for (const driver of allDrivers) {
      const own = still.filter((guest) => guest.driver === driver);
      await driver.callAll(
        site,
        own.map(({ ear }) => ear),
        "(end)",
      );
    }
    for (const { ear } of still) {
      expect(await heardBy(ear)).toEqual([]);
      ear[Symbol.dispose]();
    }
    victim[Symbol.dispose]();
    const deadline = performance.now() + 20_000;
    while ((await site.gateway.metric("belfry_rooms")) > 0) {
      if (performance.now() > deadline) throw new Error("Expected no rooms within 20 s");
      await Bun.sleep(10);
    }
  });

  const withVisitors = allDrivers.flatMap((driver) =>
    driver.visitors ? [{ ...driver, visitors: driver.visitors }] : [],
  );
  test.each(withVisitors)(
    "T15 SEC-03 HUB-02 DJS-09 the clients of $dialect go by these names, too, and each hears what is for that name alone",
    async ({ visitors, ...driver }) => {
      const { socketio } = drivers;
      const there: Ear[] = [];
      for (const who of names) {
        const answer = await visitors.enterAs(site, who);
        const isRight = visitors.isName(who) || visitors.withoutName === "nobody";
        expect({ who, isIn: answer instanceof Ear }).toEqual({ who, isIn: isRight });
        if (answer instanceof Ear) there.push(answer);
      }
      // Half surrogates have no bytes in Redis; each part of a room's name has 256 bytes.
      const isTold = (who: string): boolean => who.isWellFormed() && isInBounds(visitors.room?.(who) ?? "");
      for (const [index, who] of names.entries()) {
        if (!isTold(who)) continue;
        await visitors.tell(site, who, `<own ${index}>`);
        if (visitors.room) await socketio.redisDoor.say(site, visitors.room(who), `<queue ${index}>`);
      }
      await visitors.tellAll(site, there, "(end)");
      const wrong: object[] = [];
      for (const ear of there) {
        const index = names.indexOf(ear.name);
        const expected =
          visitors.isName(ear.name) && isTold(ear.name)
            ? [`<own ${index}>`, ...(visitors.room ? driver.hears("event", `<queue ${index}>`) : [])]
            : [];
        const heard = await ear.until("(end)");
        if (heard.join() !== expected.join()) wrong.push({ who: ear.name.slice(0, 80), heard, expected });
        ear[Symbol.dispose]();
      }
      expect(wrong).toEqual([]);
    },
  );

  const withPaths = allDrivers.flatMap((driver) =>
    driver.inPath ? [{ ...driver, inPath: driver.inPath }] : [],
  );
  test.each(withPaths)(
    "T15 W4R-01 WSC-01 WSC-04 $dialect reads a path once, and knows a room in every spelling",
    async (driver) => {
      const { socketio } = drivers;
      const wrong: object[] = [];
      for (const { path, text, isInvalid = false } of spellings) {
        const meaning = driver.meaning(text);
        const mayJoin = mayEnter(meaning) && (!isInvalid || driver.inPath.keepsInvalid);
        const socket = await tryOpen(site, driver.inPath.path(path));
        const hasJoined = socket instanceof RawWebSocket;
        if (hasJoined !== mayJoin) wrong.push({ path, hasJoined });
        if (!hasJoined || meaning.kind !== "room") continue;
        await socketio.redisDoor.say(site, meaning.room, "found");
        using ear = new Ear(socket, { name: text });
        expect({ path, heard: await ear.take(1) }).toEqual({ path, heard: driver.hears("event", "found") });
      }
      for (const path of ambiguous) {
        const socket = await tryOpen(site, driver.inPath.path(path));
        if (socket instanceof RawWebSocket || socket.status !== 400) wrong.push({ path });
      }
      expect(wrong).toEqual([]);
    },
  );

  test("T19 RTE-08 SEC-03 Redis was asked for nothing but the keys and channels that are ours", () => {
    const own = asked.filter(({ from }) => gatewayAddresses.has(from));
    expect(own.length).toBeGreaterThan(names.length);
    for (const { words } of own) {
      const [command = "", ...rest] = words;
      expect(Object.keys(allowed)).toContain(command.toUpperCase());
      const pattern = allowed[command.toUpperCase() as keyof typeof allowed];
      for (const place of placesIn(command.toUpperCase(), rest)) expect(place).toMatch(pattern);
    }
  });

  test("T20 the prototypes are as they were", () => {
    const plain: Record<string, unknown> = {};
    expect(plain["polluted"]).toBeUndefined();
    for (const key in plain) throw new Error(`Expected no member of every object, got ${key}`);
    expect(Object.getOwnPropertyNames(Object.prototype).sort()).toEqual(prototypeBefore);
  });

  test("T26 SEC-04 every line of the log is one record of printable characters, whatever the names", () => {
    const lines = site.gateway.log.trimEnd().split("\n");
    expect(lines.length).toBeGreaterThan(100);
    for (const line of lines) {
      const record = JSON.parse(line) as { readonly event: string };
      expect(record.event).not.toBe("forged");
      expect(line).toMatch(/^[\u0020-\u007e]+$/);
    }
  });
});

/** The names among the words of a command: what is published is none, nor what a script is given beside its keys. */
function placesIn(command: string, words: readonly string[]): readonly string[] {
  if (command === "PUBLISH") return words.slice(0, 1);
  if (command.startsWith("EVAL")) return words.slice(2, 2 + Number(words[1]));
  return words;
}

/** Commands of a gateway, and what may stand behind them. `belfry-peers` is its beat, every 5 s. */
const allowed = {
  MGET: /^(ws-emit::secret::|ws-emit::room_secret::|r2ws::room_secret::|broadcast:|user:[^:]+:inbox$|:1:django\.contrib\.sessions\.cache\w{32}$)/,
  PUBLISH:
    /^(belfry-broker(:[\w-]{36})?$|belfry-peers$|flask-socketio$|socketio$|socket\.io#\/belfry#|socket\.io-request#\/belfry-canary#$|ws-hub:client-new$|ws-hub:\S+\\x00belfry|websocket:|(broadcast|user|group|session):\\x00belfry:$|belfry:\\x00canary$)/,
  PSUBSCRIBE:
    /^(socket\.io#\*|socket\.io-request#\/\*|ws-hub:groups-new:\*|ws-hub:group-data:\*|(broadcast|user|group|session|websocket|belfry):\*)$/,
  SUBSCRIBE: /^(belfry-broker(:[\w-]{36})?|flask-socketio|socketio)$/,
  GET: /^belfry-revoked:version$/,
  XLEN: /^belfry:publish$/,
  EVAL: /^belfry:publish(:reader)?$/,
  EVALSHA: /^belfry:publish(:reader)?$/,
  PING: /^/,
  HELLO: /^/,
  CLIENT: /^/,
} as const;

interface Spelling {
  /** As it stands in the request line. */
  readonly path: string;
  /** What it says. */
  readonly text: string;
  /** Some of its bytes are no UTF-8. */
  readonly isInvalid?: boolean;
}

/** A proxy in front would read another path than the engine: refused before any dialect sees them (T22). */
const ambiguous =
  String.raw`x/../shop::orders x/%2e%2E/shop::orders ./shop::orders x/../news x/.%2e/news %2E/news
  x\..\news x\news news/.. news/.`.split(/\s+/);

const spellings: readonly Spelling[] = [
  ...["shop::orders", "shop%3a%3aorders", "shop%3A:orders", "shop:%3aorders", "%73hop::orders"].map(
    (path) => ({
      path,
      text: "shop::orders",
    }),
  ),
  { path: "shop%253a%253aorders", text: "shop%3a%3aorders" },
  { path: "n%65ws", text: "news" },
  { path: "%2fnews", text: "/news" },
  { path: "/news", text: "/news" },
  { path: "news%2F", text: "news/" },
  { path: "news/", text: "news/" },
  { path: "a%2fb", text: "a/b" },
  { path: "..%2fnews", text: "../news" },
  { path: "a+b", text: "a+b" },
  { path: "a%2Bb", text: "a+b" },
  { path: "a%20b", text: "a b" },
  { path: "caf%c3%a9", text: "caf\u00e9" },
  { path: "cafe%CC%81", text: "cafe\u0301" },
  { path: "%f0%9f%94%94", text: "\u{1f514}" },
  { path: "%ef%bb%bfnews", text: "\ufeffnews" },
  { path: "%00", text: "\0" },
  { path: "%0d%0a", text: "\r\n" },
  { path: "news%23x", text: "news#x" },
  { path: "news%3Fx", text: "news?x" },
  { path: "news;x=1", text: "news;x=1" },
  { path: "%", text: "%" },
  { path: "%4", text: "%4" },
  { path: "%zz", text: "%zz" },
  { path: "%%36%35", text: "%65" },
  { path: "%ef%bf%bd", text: "\ufffd" },
  ...["%ff", "%c0%ba%c0%ba", "shop%c0%ba%c0%baorders", "%ed%a0%80", "%f5%80%80%80", "%e2%82", "a%80b"].map(
    (path) => ({
      path,
      text: path,
      isInvalid: true,
    }),
  ),
  { path: "%ff%3a%3a", text: "%ff::", isInvalid: true },
];

const prototypeBefore = Object.getOwnPropertyNames(Object.prototype).sort();

function isBelow(room: string, path: string): boolean {
  return path === "" || room.startsWith(`${path}/`);
}
