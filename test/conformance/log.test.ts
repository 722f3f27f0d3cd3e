// What every driver's log must do, and what the one in Redis does when Redis forgets, refuses or starts anew.

import { describe, expect, test } from "bun:test";
import { useBackplanes } from "../support/backplanes.ts";
import type { Backplane } from "../../src/brokers/driver.ts";
import { formatPosition, readPosition } from "../../src/brokers/log-store.ts";
import type { Appended, Log, LogPage, LogPosition, NewEntry } from "../../src/brokers/log.ts";
import type { RoomName } from "../../src/core/publication.ts";
import { createRoomRules } from "../../src/config/room-rules.ts";
import { type RedisServer, startRedis } from "../support/redis.ts";
import { until } from "../support/until.ts";
import { Ear, errorOf } from "./bus-support.ts";

const history = { size: 5, seconds: 60 };
const channel = "log-test";

const backplanes = useBackplanes();

async function start(url: string | undefined): Promise<Backplane> {
  return backplanes.open(url, { rules: createRoomRules([{ match: "*", history }]) });
}

let rooms = 0;
/** A room that no other test has. */
function newRoom(): RoomName {
  rooms += 1;
  return { namespace: "/", room: `room::${rooms}` };
}

function entry(name: RoomName, body: unknown, more: Partial<NewEntry> = {}): NewEntry {
  return { name, history, channel, body: JSON.stringify({ body }), ...more };
}

/** With its place taken apart. */
interface Stored {
  readonly kind: Appended["kind"];
  readonly at: LogPosition;
  readonly version?: number;
}

async function store(log: Log, added: NewEntry): Promise<Stored> {
  const appended = await log.append(added);
  const at = readPosition(appended.at);
  if (!at) throw new Error(`Expected a position, got ${appended.at}`);
  return { ...appended, at };
}

async function append(log: Log, name: RoomName, ...bodies: readonly unknown[]): Promise<readonly Stored[]> {
  return Promise.all(bodies.map(async (body) => store(log, entry(name, body))));
}

const offsets = (page: LogPage | undefined): readonly number[] | undefined =>
  page?.entries.map(({ offset }) => offset);

const all = { from: { after: 0 }, limit: 1_000, bytes: 1_000_000 } as const;

for (const [driver, urlOf] of Object.entries(backplanes.urls)) {
  describe(`log: ${driver}`, () => {
    test("entries have offsets without a gap, in one epoch, and stand as they were written", async () => {
      const { log } = await start(urlOf());
      const name = newRoom();
      const bodies = ["a", { n: 12_345 }, 'é😀\u0000"', ""];
      const appended = await append(log, name, ...bodies);
      expect(appended.map(({ kind, at }) => [kind, at.offset])).toEqual(
        bodies.map((_, index) => ["stored", index + 1]),
      );
      const epoch = appended[0]?.at.epoch ?? "";
      expect(new Set(appended.map(({ at }) => at.epoch))).toEqual(new Set([epoch]));
      const page = await log.read(name, all);
      expect(page).toEqual({
        top: { epoch, offset: 4, tag: appended[3]?.at.tag ?? "" },
        entries: bodies.map((body, index) => ({
          offset: index + 1,
          tag: appended[index]?.at.tag ?? "",
          body: JSON.stringify({ body }),
        })),
        hasMore: false,
      });
    });

    test("each entry is heard on its channel in the order of offsets, with its position in front", async () => {
      const { bus, log } = await start(urlOf());
      const ear = await Ear.open(bus, { kind: "exact", name: channel });
      const name = newRoom();
      const appended = await append(log, name, ...Array.from({ length: 200 }, (_, index) => index));
      await ear.waitFor(200);
      expect(ear.texts).toEqual(
        appended.map(({ at }, index) => JSON.stringify({ at: formatPosition(at), body: index })),
      );
      expect(appended.map(({ at }) => at.offset)).toEqual(appended.map((_, index) => index + 1));
    });

    test("the same key is the same entry: stored once, said once, answered with its position", async () => {
      const { bus, log } = await start(urlOf());
      const ear = await Ear.open(bus, { kind: "exact", name: channel });
      const [name, other] = [newRoom(), newRoom()];
      const first = await store(log, entry(name, "a", { key: "k" }));
      await append(log, name, "b");
      expect(await store(log, entry(name, "a again", { key: "k" }))).toEqual({
        kind: "repeated",
        at: first.at,
      });
      const [elsewhere, another] = await Promise.all([
        store(log, entry(other, "c", { key: "k" })),
        store(log, entry(name, "d", { key: "K" })),
      ]);
      expect([elsewhere.kind, another.kind]).toEqual(["stored", "stored"]);
      await ear.waitFor(4);
      expect(offsets(await log.read(name, all))).toEqual([1, 2, 3]);
    });

    test("I8 one key on many publishers at once is one offset", async () => {
      const first = await start(urlOf());
      const second = urlOf() === undefined ? first : await start(urlOf());
      const name = newRoom();
      const appended = await Promise.all(
        Array.from({ length: 40 }, async (_, index) =>
          store((index % 2 === 0 ? first : second).log, entry(name, index, { key: "once" })),
        ),
      );
      expect(appended.filter(({ kind }) => kind === "stored")).toHaveLength(1);
      expect(new Set(appended.map(({ at }) => at.offset))).toEqual(new Set([1]));
      expect(offsets(await first.log.read(name, all))).toEqual([1]);
    });

    test("a version that is not above the last is refused with what stands there", async () => {
      const { log } = await start(urlOf());
      const name = newRoom();
      const version = async (number: number, key?: string) =>
        store(log, entry(name, number, { version: number, key }));
      const { at } = await version(7);
      expect(await version(7)).toEqual({ kind: "outdated", at, version: 7 });
      expect(await version(3)).toEqual({ kind: "outdated", at, version: 7 });
      const top = (await append(log, name, "without a version"))[0]?.at ?? at;
      expect(top.offset).toBe(2);
      expect(await version(6)).toEqual({ kind: "outdated", at: top, version: 7 });
      const largest = await version(Number.MAX_SAFE_INTEGER, "k");
      expect(largest).toMatchObject({ kind: "stored", at: { epoch: at.epoch, offset: 3 } });
      expect(await version(Number.MAX_SAFE_INTEGER - 1)).toMatchObject({ version: Number.MAX_SAFE_INTEGER });
      // A publisher that tries again hears of its own entry, not that it is outdated.
      expect(await version(Number.MAX_SAFE_INTEGER, "k")).toEqual({ kind: "repeated", at: largest.at });
      expect(offsets(await log.read(name, all))).toEqual([1, 2, 3]);
    });

    test("version 0 is a version", async () => {
      const { log } = await start(urlOf());
      const name = newRoom();
      expect((await store(log, entry(name, "a", { version: 0 }))).kind).toBe("stored");
      expect((await store(log, entry(name, "b", { version: 0 }))).kind).toBe("outdated");
    });

    test("the last entries are kept, the older ones are gone and their offsets are not given again", async () => {
      const { log } = await start(urlOf());
      const name = newRoom();
      await append(log, name, 1, 2, 3, 4, 5, 6, 7, 8);
      const page = await log.read(name, all);
      expect([page?.top.offset, offsets(page)]).toEqual([8, [4, 5, 6, 7, 8]]);
      await store(log, entry(name, 9, { history: { size: 2, seconds: 60 } }));
      expect(offsets(await log.read(name, all))).toEqual([8, 9]);
    });

    test("pages: forwards and newest first, bounded in number and in bytes", async () => {
      const { log } = await start(urlOf());
      const name = newRoom();
      await append(log, name, 1, 2, 3, 4, 5);
      const page = async (
        from: { after: number } | { before: number | undefined },
        limit = 2,
        bytes = 1_000,
      ) => offsets(await log.read(name, { from, limit, bytes }));
      expect(await page({ after: 0 })).toEqual([1, 2]);
      expect(await page({ after: 2 })).toEqual([3, 4]);
      expect(await page({ after: 4 })).toEqual([5]);
      expect(await page({ after: 5 })).toEqual([]);
      expect(await page({ after: 9 })).toEqual([]);
      expect(await page({ before: undefined })).toEqual([5, 4]);
      expect(await page({ before: 4 })).toEqual([3, 2]);
      expect(await page({ before: 2 })).toEqual([1]);
      expect(await page({ before: 1 })).toEqual([]);
      expect(await page({ before: 0 })).toEqual([]);
      expect(await page({ before: undefined }, 0)).toEqual([]);
      const more = async (
        from: { after: number } | { before: number | undefined },
        limit: number,
        bytes = 1_000,
      ) => (await log.read(name, { from, limit, bytes }))?.hasMore;
      expect([await more({ after: 0 }, 4), await more({ after: 0 }, 5)]).toEqual([true, false]);
      expect([await more({ before: undefined }, 4), await more({ before: undefined }, 5)]).toEqual([
        true,
        false,
      ]);
      expect([await more({ after: 0 }, 5, 30), await more({ after: 2 }, 5, 30)]).toEqual([true, false]);
      expect(await more({ after: 0 }, 0)).toBe(false);
      // `{"body":1}` has 10 bytes.
      expect(await page({ after: 0 }, 5, 30)).toEqual([1, 2, 3]);
      expect(await page({ before: undefined }, 5, 29)).toEqual([5, 4]);
      expect(await page({ after: 1 }, 5, 1)).toEqual([2]);
    });

    test("a room without a log has none, until it is made for the first client", async () => {
      const { log } = await start(urlOf());
      const name = newRoom();
      expect(await log.read(name, all)).toBeUndefined();
      const top = await log.top(name, history);
      expect(top.offset).toBe(0);
      expect(await log.top(name, history)).toEqual(top);
      expect(await log.read(name, all)).toEqual({ top, entries: [], hasMore: false });
      const first = await store(log, entry(name, 1));
      expect(first).toMatchObject({ kind: "stored", at: { epoch: top.epoch, offset: 1 } });
      expect(await log.top(name, history)).toEqual(first.at);
    });

    test("rooms have logs of their own, in each namespace, whatever their names", async () => {
      const { log } = await start(urlOf());
      const odd = ["a{b}c", "{", "}", "a,b", '"]', "\u0000", "x".repeat(60_000), "x".repeat(60_001), ""];
      const names = odd.flatMap((room) => [
        { namespace: "/", room },
        { namespace: "/n", room },
      ]);
      for (const [index, name] of names.entries()) await append(log, name, index);
      const pages = await Promise.all(names.map(async (name) => log.read(name, all)));
      expect(pages.map((page) => page?.entries.map(({ body }) => body))).toEqual(
        names.map((_, index) => [JSON.stringify({ body: index })]),
      );
      expect(new Set(pages.map((page) => page?.top.epoch)).size).toBe(names.length);
    });

    test("entries go some seconds after the last one, the epoch and the top stay", async () => {
      const { log } = await start(urlOf());
      const name = newRoom();
      const { at } = await store(log, entry(name, 1, { history: { size: 5, seconds: 1 } }));
      await until(async () => (await log.read(name, all))?.entries.length === 0);
      expect(await log.read(name, all)).toEqual({ top: at, entries: [], hasMore: false });
      expect((await store(log, entry(name, 2))).at).toMatchObject({ epoch: at.epoch, offset: 2 });
      expect(offsets(await log.read(name, all))).toEqual([2]);
    });

    test("a closed log refuses", async () => {
      const { log, close } = await start(urlOf());
      await close();
      const name = newRoom();
      for (const call of [store(log, entry(name, 1)), log.read(name, all), log.top(name, history)]) {
        expect(await errorOf(call)).toMatchObject({ code: "bus_unavailable" });
      }
    });
  });
}

describe("positions", () => {
  test("what is no position of a log is none", () => {
    const place = { epoch: "abc", offset: 12, tag: "x1" };
    expect(readPosition("abc:12.x1")).toEqual(place);
    expect(readPosition(formatPosition({ ...place, offset: 0 }))).toEqual({ ...place, offset: 0 });
    const others = [
      "",
      ":",
      "abc",
      "abc:",
      ":1.a",
      "abc:-1.a",
      "abc:01.a",
      "abc:1",
      "abc:1.",
      "a b:1.a",
      "abc:1:2.a",
    ];
    const more = [
      "abc:1.a ",
      "abc:1.a.b",
      "abc:9007199254740993.a",
      `${"a".repeat(65)}:1.a`,
      `a:1.${"a".repeat(17)}`,
    ];
    for (const text of [...others, ...more]) expect(readPosition(text)).toBeUndefined();
  });
});

describe("the log in Redis", () => {
  const keysOf = async (redis: RedisServer): Promise<readonly string[]> => {
    const keys = await redis.command("KEYS", "belfry-log:*");
    return Array.isArray(keys) ? keys.map(String).toSorted() : [];
  };

  test("key names are of one length, with one hash tag per room, and each key has an end", async () => {
    await using redis = await startRedis();
    const { log } = await start(redis.url);
    for (const room of ["a", "x".repeat(10_000)]) {
      await store(log, entry({ namespace: "/", room }, 1, { key: "y".repeat(10_000) }));
    }
    await log.top({ namespace: "/", room: "empty" }, history);
    const keys = await keysOf(redis);
    expect(keys).toHaveLength(7);
    for (const key of keys) {
      expect(key).toMatch(/^belfry-log:\{[\w-]{43}\}:(?:meta|stream|key:[\w-]{43})$/);
      const ttl = Number(await redis.command("TTL", key));
      expect(ttl).toBeGreaterThan(0);
    }
    const all = await redis.command("KEYS", "*");
    expect(all).toHaveLength(keys.length);
  });

  test("F1 a Redis that forgot its scripts is given them again, by two gateways at once", async () => {
    await using redis = await startRedis();
    const gateways = [await start(redis.url), await start(redis.url)];
    const name = newRoom();
    for (let round = 1; round <= 3; round++) {
      await redis.command("SCRIPT", "FLUSH");
      const appended = await Promise.all(gateways.map(async ({ log }) => store(log, entry(name, round))));
      expect(new Set(appended.map(({ at }) => at.offset))).toEqual(new Set([2 * round - 1, 2 * round]));
      await redis.command("SCRIPT", "FLUSH");
      expect(offsets(await gateways[0]?.log.read(name, all))?.at(-1)).toBe(2 * round);
      await redis.command("SCRIPT", "FLUSH");
      expect((await gateways[1]?.log.top(name, history))?.offset).toBe(2 * round);
    }
  });

  test("a Redis that does not run its scripts ends the start, where a room has a history", async () => {
    const less = ["hset", "xrevrange", "set"].map(
      (command) => `${command} on >${command} ~* &* +@all -${command}`,
    );
    const users = ["mute on >mute ~* &* +@all -@scripting", "keys on >keys ~other* &* +@all", ...less];
    await using redis = await startRedis({ users });
    const kept = createRoomRules([{ match: "a", history }]);
    for (const user of ["mute", "keys", "hset", "xrevrange", "set"]) {
      const url = redis.urlFor(user, user);
      const refused = await errorOf(backplanes.open(url, { rules: kept }));
      expect(refused.code).toBe("start_failed");
      expect(refused.message).toMatch(/^Rooms with a history need Redis 7\.0 or later .*NOPERM/);
      await backplanes.open(url);
    }
  });

  test("rights that are taken while it runs: refused for now, not for good, until they are given back", async () => {
    await using redis = await startRedis({ users: ["some on >some ~* &* +@all"] });
    const { log } = await start(redis.urlFor("some", "some"));
    const name = newRoom();
    await append(log, name, 1);
    const queued = { queue: "belfry:publish", id: "1-1" };
    await redis.command("XADD", queued.queue, queued.id, "room", "a");
    const storeQueued = async () => log.appendQueued?.(queued, entry(name, "queued"));
    for (const command of ["get", "hset", "expire"]) {
      await redis.command("ACL", "SETUSER", "some", `-${command}`);
      const refused = await errorOf(store(log, entry(name, 2, { key: command })));
      expect(refused).toMatchObject({ code: "bus_unavailable", message: expect.stringContaining("NOPERM") });
      expect(await errorOf(storeQueued())).toMatchObject({ code: "bus_unavailable" });
      await redis.command("ACL", "SETUSER", "some", `+${command}`);
      await store(log, entry(name, 2, { key: command }));
    }
    expect(await storeQueued()).toMatchObject({ kind: "stored" });
    // One of each key, and of the entry, also where it was refused between two steps.
    expect(offsets(await log.read(name, { ...all, limit: 10 }))).toEqual([1, 2, 3, 4, 5]);
  });

  test("F8 I10 an evicted meta key is a new epoch, although the stream stands", async () => {
    await using redis = await startRedis();
    const { log } = await start(redis.url);
    const name = newRoom();
    const [{ at } = { at: undefined }] = await append(log, name, 1, 2, 3);
    const meta = (await keysOf(redis)).find((key) => key.endsWith(":meta")) ?? "";
    await redis.command("DEL", meta);
    expect(await log.read(name, all)).toBeUndefined();
    const after = await store(log, entry(name, "anew"));
    expect(after).toMatchObject({ kind: "stored", at: { offset: 1 } });
    expect(after.at.epoch).not.toBe(at?.epoch);
    expect(await log.read(name, all)).toEqual({
      top: after.at,
      entries: [{ offset: 1, tag: after.at.tag, body: '{"body":"anew"}' }],
      hasMore: false,
    });
    await redis.command("DEL", meta);
    const made = await log.top(name, history);
    expect([made.offset, (await log.read(name, all))?.entries]).toEqual([0, []]);
  });

  test("F8 an evicted stream is a hole: the epoch and the top stay", async () => {
    await using redis = await startRedis();
    const { log } = await start(redis.url);
    const name = newRoom();
    const at = (await append(log, name, 1, 2, 3)).at(-1)?.at;
    await redis.command("DEL", (await keysOf(redis)).find((key) => key.endsWith(":stream")) ?? "");
    expect(await log.read(name, all)).toEqual({ top: at as never, entries: [], hasMore: false });
    await append(log, name, 4);
    expect(offsets(await log.read(name, all))).toEqual([4]);
  });

  test("F6 a meta key behind its stream, or a stream that is none, is a log that was lost: a new epoch", async () => {
    await using redis = await startRedis();
    const { log } = await start(redis.url);
    const name = newRoom();
    const before = (await append(log, name, 1, 2, 3)).at(-1)?.at;
    const keys = await keysOf(redis);
    await redis.command("HSET", keys.find((key) => key.endsWith(":meta")) ?? "", "offset", "1");
    const behind = await store(log, entry(name, "a"));
    expect([behind.at.offset, behind.at.epoch === before?.epoch]).toEqual([1, false]);
    const stream = keys.find((key) => key.endsWith(":stream")) ?? "";
    await redis.command("SET", stream, "no stream");
    const none = await store(log, entry(name, "b"));
    expect([none.at.offset, none.at.epoch === behind.at.epoch]).toEqual([1, false]);
    expect(offsets(await log.read(name, all))).toEqual([1]);
  });

  test("F1 after an empty restart the epoch is another", async () => {
    await using redis = await startRedis();
    const { log, bus } = await start(redis.url);
    const name = newRoom();
    const first = await store(log, entry(name, 1));
    const { losses } = bus;
    await redis.restart();
    // It may not have noticed yet.
    await until(() => bus.losses > losses && bus.state().isReady, 10_000);
    expect(await log.read(name, all)).toBeUndefined();
    const second = await store(log, entry(name, 1));
    expect([second.at.offset, second.at.epoch === first.at.epoch]).toEqual([1, false]);
  });

  test("F8 out of memory: a publish is refused, nothing of it is stored or said, and what is there can be read", async () => {
    await using redis = await startRedis();
    const { log, bus } = await start(redis.url);
    const ear = await Ear.open(bus, { kind: "exact", name: channel });
    const name = newRoom();
    await append(log, name, 1);
    await redis.command("CONFIG", "SET", "maxmemory", "1mb");
    const refused = await errorOf(store(log, entry(name, 2, { key: "k", version: 2 })));
    expect([refused.code, refused.status]).toEqual(["bus_unavailable", 503]);
    expect(refused.message).toContain("OOM");
    expect(offsets(await log.read(name, all))).toEqual([1]);
    await redis.command("CONFIG", "SET", "maxmemory", "0");
    expect(await store(log, entry(name, 2, { key: "k", version: 2 }))).toMatchObject({
      kind: "stored",
      at: { offset: 2 },
    });
    await ear.waitFor(2);
    expect(ear.texts).toHaveLength(2);
  });

  test("F8 a Redis that cannot save takes no publish (MISCONF), and a replica none (READONLY); both are read", async () => {
    await using redis = await startRedis({ args: ["--enable-protected-configs", "yes"] });
    const { log } = await start(redis.url);
    const name = newRoom();
    await append(log, name, 1);
    await redis.command("CONFIG", "SET", "save", "1 1");
    await redis.command("CONFIG", "SET", "dir", "/proc");
    await redis.command("BGSAVE").catch(() => undefined);
    await until(async () => String(await redis.command("INFO", "persistence")).includes("bgsave_status:err"));
    const misconf = await errorOf(store(log, entry(name, 2)));
    expect(misconf.code).toBe("bus_unavailable");
    expect(misconf.message).toContain("MISCONF");
    expect(offsets(await log.read(name, all))).toEqual([1]);
    await redis.command("CONFIG", "SET", "stop-writes-on-bgsave-error", "no");
    expect((await store(log, entry(name, 2))).at.offset).toBe(2);
    await redis.command("REPLICAOF", "127.0.0.1", "1");
    const replica = await errorOf(store(log, entry(name, 3)));
    expect(replica.code).toBe("bus_unavailable");
    await redis.command("REPLICAOF", "NO", "ONE");
    expect((await store(log, entry(name, 3))).at.offset).toBe(3);
    await redis.command("CONFIG", "SET", "save", "");
  });

  test("publishes of two gateways at once are one order of offsets, and heard in it by both", async () => {
    await using redis = await startRedis();
    const gateways = [await start(redis.url), await start(redis.url)];
    const ears = await Promise.all(
      gateways.map(async ({ bus }) => Ear.open(bus, { kind: "exact", name: channel })),
    );
    const name = newRoom();
    const roomy = { size: 1_000, seconds: 60 };
    await Promise.all(
      Array.from({ length: 400 }, async (_, index) =>
        gateways[index % 2]?.log.append(entry(name, index, { history: roomy })),
      ),
    );
    for (const ear of ears) await ear.waitFor(400);
    const page = await gateways[0]?.log.read(name, all);
    expect(offsets(page)).toEqual(Array.from({ length: 400 }, (_, index) => index + 1));
    const epoch = page?.top.epoch ?? "";
    const heard = page?.entries.map(
      ({ offset, tag, body }) => `{"at":"${epoch}:${offset}.${tag}",${body.slice(1)}`,
    );
    for (const ear of ears) expect<readonly string[] | undefined>(ear.texts).toEqual(heard);
  });
});
