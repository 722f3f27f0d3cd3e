// What was taken back, in the store of every driver, and the copy of it that a gateway keeps (auth/revocations.ts): while the
// store is away, when it lost its data, and beside other writers.

import { describe, expect, test } from "bun:test";
import { useBackplanes } from "../support/backplanes.ts";
import { RevocationBook, unlessRevoked, withRevocations } from "../../src/auth/revocations.ts";
import type { Lost } from "../../src/auth/revocations.ts";
import { MemoryRevocations } from "../../src/brokers/memory/revocations.ts";
import { anonymous } from "../../src/core/identity.ts";
import type { Identity } from "../../src/core/identity.ts";
import { silent } from "../../src/core/observe.ts";
import { maxRevocations } from "../../src/proofs/revocations.ts";
import type { Revocation, RevocationStore } from "../../src/proofs/revocations.ts";
import { GatewayError } from "../../src/vocabulary/errors.ts";
import { until } from "../support/until.ts";

const backplanes = useBackplanes({ users: ["mute on >p ~other* &* +@all"], isEmptied: true });

async function storeOf(url: string | undefined): Promise<RevocationStore> {
  return (await backplanes.open(url)).revocations;
}

function of(kind: Revocation["kind"], name: string, more: Partial<Revocation> = {}): Revocation {
  return { kind, name, before: 1_000, untilMs: Date.now() + 60_000, ...more };
}

describe.each(Object.entries(backplanes.urls))("the store of %s", (_, url) => {
  test("T28 what is added is read, and once it is known nothing is read again", async () => {
    const store = await storeOf(url());
    const empty = await store.read(undefined);
    expect(empty?.all).toEqual([]);
    expect(await store.read(empty?.version)).toBeUndefined();
    const added = [of("user", 'jø"hn'), of("token", "id 1"), of("space", "shop")];
    for (const one of added) expect(await store.add(one)).toBe(true);
    const kept = await store.read(empty?.version);
    expect(new Set(kept?.all)).toEqual(new Set(added));
    expect(await store.read(kept?.version)).toBeUndefined();
  });

  test("T28 one that is added again lives as long as the longer of them", async () => {
    const store = await storeOf(url());
    const [short, long] = [Date.now() + 10_000, Date.now() + 90_000];
    for (const untilMs of [short, long, short]) await store.add(of("user", "john", { untilMs }));
    expect((await store.read(undefined))?.all).toEqual([of("user", "john", { untilMs: long })]);
  });

  test("T28 it ends", async () => {
    const store = await storeOf(url());
    await store.add(of("user", "john", { untilMs: Date.now() + 50 }));
    await until(async () => (await store.read(undefined))?.all.length === 0);
  });

  test("SEC-06 their number is bounded, and what is known already is taken all the same", async () => {
    const store = await storeOf(url());
    const names = Array.from({ length: maxRevocations }, (_unused, index) => `user ${index}`);
    await Promise.all(names.map(async (name) => store.add(of("user", name))));
    expect(await store.add(of("user", "one more"))).toBe(false);
    expect(await store.add(of("user", "user 1"))).toBe(true);
    expect((await store.read(undefined))?.all).toHaveLength(maxRevocations);
  }, 30_000);
});

test("T28 the keys in Redis end with what they hold", async () => {
  const store = await storeOf(backplanes.server.url);
  await store.add(of("user", "john", { untilMs: Date.now() + 5_000_000 }));
  await store.add(of("user", "jane", { untilMs: Date.now() + 1_000_000 }));
  for (const key of ["belfry-revoked:list", "belfry-revoked:version"]) {
    const seconds = Number(await backplanes.server.command("TTL", key));
    expect(seconds).toBeGreaterThan(4_900);
    expect(seconds).toBeLessThanOrEqual(5_000);
  }
});

test("SEC-03 what others write into the list is left out", async () => {
  const store = await storeOf(backplanes.server.url);
  await store.add(of("user", "john"));
  const end = String(Date.now() + 60_000);
  for (const junk of ["", "x", "{}", "[]", '["user"]', '["group","a",1]', '["user",1,1]', '["user","a","1"]'])
    await backplanes.server.command("ZADD", "belfry-revoked:list", end, junk);
  expect((await store.read(undefined))?.all.map(({ name }) => name)).toEqual(["john"]);
});

/** A book over a store that can be switched off, with a clock of its own. */
function bookOf(store: RevocationStore) {
  const scene = { now: 0, isAway: false, carriedOut: [] as Lost[] };
  const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
    if (scene.isAway) throw new GatewayError("bus_unavailable", "away");
    return work();
  };
  const book = new RevocationBook({
    store: {
      add: async (one) => guarded(async () => store.add(one)),
      read: async (known) => guarded(async () => store.read(known)),
    },
    observe: silent,
    now: () => scene.now,
    nowMs: Date.now,
    carryOut: (lost) => scene.carriedOut.push(lost),
  });
  return { book, scene };
}

const john: Identity = { ...anonymous, user: "john", issuedAt: 900, tokenId: "1" };

describe("the copy of a gateway", () => {
  test("T28 a user: what was issued before, and without a time; not what came after", async () => {
    const { book } = bookOf(new MemoryRevocations());
    await book.read();
    expect(book.isRevoked(john)).toBe(false);
    await book.obey(of("user", "john"));
    expect([0, 999, 1_000, 1_001].map((issuedAt) => book.isRevoked({ ...john, issuedAt }))).toEqual([
      true,
      true,
      true,
      false,
    ]);
    expect(book.isRevoked({ ...john, user: "jane" })).toBe(false);
    await book.obey(of("user", "john", { before: 500 }));
    expect(book.isRevoked(john)).toBe(true);
  });

  test("T28 one token: by its id, whatever its user", async () => {
    const { book } = bookOf(new MemoryRevocations());
    await book.read();
    await book.obey(of("token", "1"));
    expect(book.isRevoked({ ...john, issuedAt: 5_000 })).toBe(true);
    expect(book.isRevoked({ ...john, tokenId: "2" })).toBe(false);
    // A user with the name of a token.
    expect(book.isRevoked({ ...john, user: "1", tokenId: "2" })).toBe(false);
  });

  test("T28 an order that never came is read from the store, and carried out", async () => {
    const store = new MemoryRevocations();
    const { book, scene } = bookOf(store);
    await book.read();
    await store.add(of("user", "john"));
    await store.add(of("space", "shop"));
    scene.now = 1_999;
    book.tick(scene.now);
    expect(scene.carriedOut).toEqual([]);
    scene.now = 2_000;
    book.tick(scene.now);
    await until(() => scene.carriedOut.length === 1);
    const [lost] = scene.carriedOut;
    expect(lost?.spaces).toEqual(["shop"]);
    expect([lost?.isOut(john), lost?.isOut({ ...john, user: "jane" })]).toEqual([true, false]);
    await book.read();
    expect(scene.carriedOut).toHaveLength(1);
  });

  test("SEC-02 while the store is away: proofs are taken where nothing was taken back, and wait where something was", async () => {
    const { book, scene } = bookOf(new MemoryRevocations());
    const verdict = () => unlessRevoked(book, { ...john, user: "jane" });
    // It does not know yet.
    expect(verdict()).toEqual({ kind: "unavailable", reason: "revocations_unknown" });
    await book.read();
    scene.isAway = true;
    scene.now = 3_600_000;
    await book.read();
    expect(verdict()).toMatchObject({ user: "jane" });
    scene.isAway = false;
    await book.obey(of("user", "john"));
    await book.read();
    expect(verdict()).toMatchObject({ user: "jane" });
    scene.isAway = true;
    scene.now += 10_001;
    await book.read();
    expect(verdict()).toEqual({ kind: "unavailable", reason: "revocations_unknown" });
    // A visitor that its source is asked about is not concerned.
    expect(unlessRevoked(book, anonymous)).toBe(anonymous);
    scene.isAway = false;
    await book.read();
    expect(verdict()).toMatchObject({ user: "jane" });
  });

  test("T28 a Redis that lost its data has it again from a gateway that knows it", async () => {
    const store = await storeOf(backplanes.server.url);
    const { book } = bookOf(store);
    await book.read();
    await store.add(of("token", "1"));
    await book.read();
    await backplanes.server.command("FLUSHALL");
    await book.read();
    await until(async () => (await store.read(undefined))?.all.length === 1);
    const later = bookOf(store).book;
    await later.read();
    expect(later.isRevoked(john)).toBe(true);
  });

  test("SEC-02 a Redis that does not let it read: nothing is known", async () => {
    const url = backplanes.server.url.replace("redis://", "redis://mute:p@");
    const { book } = bookOf(await storeOf(url));
    await book.read();
    expect(book.isUnknown).toBe(true);
  });

  test("T28 a source that was asked before the order, and answers after it", async () => {
    const { book } = bookOf(new MemoryRevocations());
    await book.read();
    const answer = Promise.withResolvers<Identity>();
    const source = withRevocations(
      { readsCookies: false, recheckMs: undefined, identify: () => answer.promise },
      { revocations: book, nowMs: () => 1_000_000 },
    );
    const ask = async () => source.identify(new Request("http://h/"), {} as never);
    const asked = ask();
    await book.obey(of("user", "john", { before: 1_000 }));
    answer.resolve({ ...anonymous, user: "john" });
    expect(await asked).toEqual({ kind: "denied", reason: "revoked" });
  });
});
