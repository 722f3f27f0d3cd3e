// What every driver's store of presence must do: which users are in a room by which gateway, what is said of each change, and
// what is left when a gateway dies. The clocks are the stores' own, so leases and graces are short here.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { useBackplanes } from "../support/backplanes.ts";
import type { Backplane } from "../../src/brokers/driver.ts";
import { presenceChannel } from "../../src/brokers/presence.ts";
import type { PresenceStore, RoomUpdate } from "../../src/brokers/presence.ts";
import { decodeChange } from "../../src/brokers/presence-message.ts";
import type { RoomChange } from "../../src/brokers/presence-message.ts";
import { silent } from "../../src/core/observe.ts";
import { Hub } from "../../src/core/hub.ts";
import { anonymous } from "../../src/core/identity.ts";
import { Connection } from "../../src/core/membership.ts";
import { GatewayPresence } from "../../src/presence/gateway-presence.ts";
import type { PresenceNews, PresenceState } from "../../src/vocabulary/presence-news.ts";
import type { RoomName } from "../../src/core/publication.ts";
import { eventsQueue } from "../../src/brokers/room-event.ts";
import { defaultLimits } from "../../src/vocabulary/limits.ts";
import { FakeSocket } from "../support/fake-socket.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { startRedis } from "../support/redis.ts";
import { until } from "../support/until.ts";

const presenceTimes = { leaseMs: 600, graceMs: 100 };
const tracking = { isTold: () => true, isReported: ({ room }: RoomName) => room.startsWith("reported") };

const backplanes = useBackplanes();

async function start(url: string | undefined, times = presenceTimes): Promise<Backplane> {
  return backplanes.open(url, { tracking, presenceTimes: times });
}
let numbers = 0;
function newName(prefix: string): string {
  numbers += 1;
  return `${prefix}${numbers}`;
}
const newRoom = (prefix = "room"): RoomName => ({ namespace: "/", room: newName(prefix) });

async function enrolled(store: PresenceStore): Promise<string> {
  const gateway = newName("gateway");
  await store.enroll(gateway);
  return gateway;
}

function says(name: RoomName, more: Partial<RoomUpdate> = {}): RoomUpdate {
  return { name, here: [], gone: [], anonymous: 0, ...more };
}

const users = (...names: readonly string[]) => names.map((user) => ({ user }));
const namesOf = (state: PresenceState) => state.users?.map(({ user }) => user).sort();

/** What is said of a room. */
async function listen({ bus }: Backplane, { room }: RoomName): Promise<RoomChange[]> {
  const heard: RoomChange[] = [];
  await bus.subscribe({ kind: "exact", name: presenceChannel }, ({ payload }) => {
    const change = decodeChange(payload.toString());
    if (change?.name.room === room) heard.push(change);
  });
  return heard;
}

/** These gateways live on, and do what falls to them, for so long: also what falls to them at its end. */
async function work(store: PresenceStore, gateways: string | readonly string[], ms: number): Promise<void> {
  const end = performance.now() + ms;
  for (let isOver = false; !isOver; await Bun.sleep(10)) {
    isOver = performance.now() >= end;
    for (const gateway of [gateways].flat()) {
      const duties = await store.beat(gateway);
      if (duties === "lost") throw new Error("Expected a lease, got none");
      for (const name of duties.due) await store.settle(name);
      for (const dead of duties.dead) while (!(await store.drop(dead, 0)));
    }
  }
}

async function eventsOf({ events }: Backplane, { room }: RoomName): Promise<readonly string[]> {
  const bounds = { entries: 10_000, bytes: 1e7, maxEntryBytes: 1e6, leaseMs: 1 };
  const taken = await events.take(eventsQueue, bounds);
  if (taken.kind === "refused") throw new Error(taken.text);
  await events.settle(
    eventsQueue,
    taken.entries.map(({ id }) => ({ id, refusal: undefined })),
  );
  return taken.entries
    .map(({ fields = [] }) => new Map(fields.map(([name, value]) => [name, value.toString()])))
    .filter((fields) => fields.get("room") === room)
    .map((fields) => ["seq", "event", "user"].map((name) => fields.get(name) ?? "").join(" "));
}

/** What a client knows that had this state and applied what it heard since. */
function applied(state: PresenceState, heard: readonly RoomChange[]) {
  const known = new Map(state.users?.map(({ user, info }) => [user, info]));
  let { version } = state;
  for (const change of heard) {
    if (change.epoch !== state.epoch || change.version <= version) continue;
    if (change.from > version) throw new Error(`Expected the change after ${version}, got ${change.from}`);
    for (const { user, info } of change.users?.joined ?? []) known.set(user, info);
    for (const user of change.users?.left ?? []) known.delete(user);
    version = change.version;
    expect(known.size).toBe(change.total);
  }
  return { version, users: [...known.keys()].sort() };
}

/** A hub and its presence, without clients or a clock of ours. */
async function gatewayOn({ presence: store, bus }: Backplane) {
  const now = (): number => performance.now();
  const made = (): Hub => hub;
  const parts = { store, bus, tracking, times: presenceTimes, hub: made, observe: silent, now };
  const presence = new GatewayPresence(parts);
  const topics = { publish: () => false };
  const { events } = presence;
  const hub = new Hub({ limits: defaultLimits, observe: silent, topics, send: () => undefined, events });
  await presence.start();
  const ticker = setInterval(() => {
    presence.tick();
  }, 10);
  const stop = async () => {
    clearInterval(ticker);
    await presence.stop();
  };
  return { hub, presence, stop };
}

function enter({ hub }: { readonly hub: Hub }, { room }: RoomName, user: string) {
  const news: PresenceNews[] = [];
  const carrier = Object.assign(new FakeSocket(), {
    isOnTopics: false,
    send: (frames: readonly (string | Uint8Array)[]) =>
      void news.push(...frames.map((frame) => JSON.parse(String(frame)) as PresenceNews)),
  });
  const connection = new Connection({
    namespace: "/",
    format: { dialect: "test", name: "test", encode: ({ presence }) => [JSON.stringify(presence)] },
    carrier,
    agent: { disconnect() {}, request() {} },
    hearsEveryone: false,
    identity: { ...anonymous, user },
  });
  hub.enter(connection);
  hub.join(connection, room);
  return { connection, news };
}

for (const [driver, urlOf] of Object.entries(backplanes.urls)) {
  describe(`presence: ${driver}`, () => {
    test("a room that nobody was in is empty, at version 0", async () => {
      const { presence } = await start(urlOf());
      const none = { kind: "state", epoch: "", version: 0, users: [], total: 0, anonymous: 0 } as const;
      expect(await presence.read(newRoom())).toEqual(none);
    });

    test("each user is a version, and what is said brings a client from one state to the next", async () => {
      const backplane = await start(urlOf());
      const { presence } = backplane;
      const name = newRoom();
      const heard = await listen(backplane, name);
      const gateway = await enrolled(presence);
      const info = '{"n":"é\\"😀"}';
      await presence.update(gateway, [says(name, { here: [{ user: 'a"é😀', info }, { user: "b" }] })]);
      const first = await presence.read(name);
      expect(first).toMatchObject({ version: 2, total: 2, anonymous: 0 });
      expect(first.users?.toSorted((x, y) => (x.user < y.user ? -1 : 1))).toEqual([
        { user: 'a"é😀', info },
        { user: "b" },
      ]);
      await presence.update(gateway, [says(name, { here: [{ user: "b", info: "1" }] })]);
      await presence.update(gateway, [says(name, { here: users("c") })]);
      await until(() => heard.length === 3);
      expect(heard.map(({ from, version }) => [from, version])).toEqual([
        [0, 2],
        [2, 3],
        [3, 4],
      ]);
      expect(heard[1]?.users).toEqual({ joined: [{ user: "b", info: "1" }], left: [] });
      expect(applied(first, heard)).toEqual({ version: 4, users: ['a"é😀', "b", "c"] });
    });

    test("what is written twice changes nothing", async () => {
      const { presence } = await start(urlOf());
      const name = newRoom();
      const gateway = await enrolled(presence);
      const update = [says(name, { here: users("a"), anonymous: 3 })];
      await presence.update(gateway, update);
      await presence.update(gateway, update);
      expect(await presence.read(name)).toMatchObject({ version: 1, total: 1, anonymous: 3 });
    });

    test("a user who is on two gateways leaves with the last of them, after the grace, and is told once", async () => {
      const backplane = await start(urlOf());
      const { presence } = backplane;
      const name = newRoom("reported");
      const [one, two] = [await enrolled(presence), await enrolled(presence)];
      for (const gateway of [one, two]) await presence.update(gateway, [says(name, { here: users("a") })]);
      await presence.update(one, [says(name, { gone: ["a"] })]);
      await work(presence, two, 200);
      expect(namesOf(await presence.read(name))).toEqual(["a"]);
      await presence.update(two, [says(name, { gone: ["a"] })]);
      expect(namesOf(await presence.read(name))).toEqual(["a"]);
      await work(presence, two, 300);
      expect(await presence.read(name)).toMatchObject({ users: [], version: 2 });
      expect(await eventsOf(backplane, name)).toEqual([
        "1 room_occupied ",
        "2 user_joined a",
        "3 user_left a",
        "4 room_vacated ",
      ]);
    });

    test("who is back within the grace did not leave", async () => {
      const backplane = await start(urlOf());
      const { presence } = backplane;
      const name = newRoom("reported");
      const gateway = await enrolled(presence);
      await presence.update(gateway, [says(name, { here: users("a") })]);
      await presence.update(gateway, [says(name, { gone: ["a"] })]);
      await presence.update(gateway, [says(name, { here: users("a") })]);
      await work(presence, gateway, 300);
      expect(await presence.read(name)).toMatchObject({ total: 1, version: 1 });
      expect(await eventsOf(backplane, name)).toEqual(["1 room_occupied ", "2 user_joined a"]);
    });

    test("connections without a user occupy a room, and leave it after the grace", async () => {
      const backplane = await start(urlOf());
      const { presence } = backplane;
      const name = newRoom("reported");
      const gateway = await enrolled(presence);
      await presence.update(gateway, [says(name, { anonymous: 2 })]);
      expect(await presence.read(name)).toMatchObject({ version: 0, total: 0, anonymous: 2 });
      expect(await presence.rooms()).toContainEqual(name);
      await presence.update(gateway, [says(name, { anonymous: 0 })]);
      await work(presence, gateway, 300);
      expect(await eventsOf(backplane, name)).toEqual(["1 room_occupied ", "2 room_vacated "]);
      expect(await presence.rooms()).not.toContainEqual(name);
    });

    test("R10 the users of a gateway that died leave when its lease ends, each told by one of the others", async () => {
      const backplane = await start(urlOf());
      const { presence } = backplane;
      const name = newRoom("reported");
      const [dead, one, two] = [await enrolled(presence), await enrolled(presence), await enrolled(presence)];
      const crowd = Array.from({ length: 499 }, (_, n) => `u${n}`);
      await presence.update(one, [says(name, { here: users("a", "both") })]);
      const heard = await listen(backplane, name);
      const before = await presence.read(name);
      await presence.update(dead, [says(name, { here: users(...crowd, "both"), anonymous: 1 })]);
      await Promise.all([work(presence, one, 1_200), work(presence, two, 1_200)]);
      const after = await presence.read(name);
      expect(after).toMatchObject({ total: 2, anonymous: 0, version: 2 + 2 * 499 });
      expect(namesOf(after)).toEqual(["a", "both"]);
      await until(() => heard.at(-1)?.version === after.version);
      expect(applied(before, heard)).toEqual({ version: after.version, users: ["a", "both"] });
      const left = (await eventsOf(backplane, name)).filter((event) => event.includes("user_left"));
      expect(left.length).toBe(499);
      expect(new Set(left.map((event) => event.split(" ")[2])).size).toBe(499);
      expect(await presence.beat(dead)).toBe("lost");
    });

    test("a gateway that ends leaves its users the grace to come back", async () => {
      const { presence } = await start(urlOf());
      const name = newRoom();
      const [old, young] = [await enrolled(presence), await enrolled(presence)];
      await presence.update(old, [says(name, { here: users("a", "b"), anonymous: 1 })]);
      while (!(await presence.drop(old, presenceTimes.graceMs)));
      expect(namesOf(await presence.read(name))).toEqual(["a", "b"]);
      await presence.update(young, [says(name, { here: users("b") })]);
      await work(presence, young, 300);
      expect(await presence.read(name)).toMatchObject({ users: [{ user: "b" }], version: 3, anonymous: 0 });
    });

    test("a room with more than 1,000 users says how many they are, and gives them in pages", async () => {
      const backplane = await start(urlOf());
      const { presence } = backplane;
      const name = newRoom();
      const heard = await listen(backplane, name);
      const gateway = await enrolled(presence);
      const crowd = Array.from({ length: 1_250 }, (_, n) => `u${n}`);
      for (let at = 0; at < crowd.length; at += 500) {
        await presence.update(gateway, [says(name, { here: users(...crowd.slice(at, at + 500)) })]);
      }
      await until(() => heard.length === 3);
      expect(heard.map(({ total, users: some }) => [total, some?.joined.length])).toEqual([
        [500, 500],
        [1_000, 500],
        [1_250, undefined],
      ]);
      expect(await presence.read(name)).toMatchObject({ total: 1_250, users: undefined });
      const found: string[] = [];
      let from: string | undefined;
      do {
        const page = await presence.users(name, from, 200);
        found.push(...page.users.map(({ user }) => user));
        from = page.next;
      } while (from !== undefined);
      expect(new Set(found)).toEqual(new Set(crowd));
    });

    test("whatever gateways do, they agree with the truth in the end, and clients with them: 30 histories", async () => {
      // The crashes are those of the histories: a machine that stands still for a moment makes no others.
      const backplane = await start(urlOf(), { ...presenceTimes, leaseMs: 30_000 });
      const { presence } = backplane;
      const step = fc.oneof(
        { weight: 6, arbitrary: fc.record({ kind: fc.constant("join"), g: fc.nat(2), user: fc.nat(4) }) },
        { weight: 6, arbitrary: fc.record({ kind: fc.constant("leave"), g: fc.nat(2), user: fc.nat(4) }) },
        { weight: 1, arbitrary: fc.record({ kind: fc.constant("guests"), g: fc.nat(2), user: fc.nat(3) }) },
        { weight: 1, arbitrary: fc.record({ kind: fc.constant("crash"), g: fc.nat(2), user: fc.nat(0) }) },
        { weight: 1, arbitrary: fc.record({ kind: fc.constant("drain"), g: fc.nat(2), user: fc.nat(0) }) },
        { weight: 1, arbitrary: fc.record({ kind: fc.constant("wait"), g: fc.nat(2), user: fc.nat(0) }) },
      );
      const keeper = await enrolled(presence);
      // The janitor of the test before has its lease still, a fifth of its gateway's. From then on it is the keeper, which outlives
      // the histories: a gateway that ends with one of them would leave the next ones without a janitor for seconds.
      await work(presence, keeper, presenceTimes.leaseMs / 3);
      const history = async (steps: readonly { kind: string; g: number; user: number }[]) => {
        const name = newRoom("reported");
        const heard = await listen(backplane, name);
        const start = await presence.read(name);
        const gateways = await Promise.all([0, 1, 2].map(async () => enrolled(presence)));
        const truth = [0, 1, 2].map(() => ({ users: new Set<string>(), guests: 0 }));
        for (const { kind, g, user: number } of steps) {
          const [gateway = "", here] = [gateways[g], truth[g]];
          if (!here) continue;
          const user = `u${number}`;
          if (kind === "join") here.users.add(user);
          if (kind === "leave") here.users.delete(user);
          if (kind === "guests") here.guests = number;
          if (["join", "leave", "guests"].includes(kind)) {
            const isHere = here.users.has(user);
            const what = isHere ? { here: users(user) } : { gone: [user] };
            await presence.update(gateway, [says(name, { ...what, anonymous: here.guests })]);
          } else if (kind === "wait") await work(presence, [keeper, ...gateways], presenceTimes.graceMs + 20);
          else {
            // A crash is what the others do once its lease has ended.
            const graceMs = kind === "crash" ? 0 : presenceTimes.graceMs;
            while (!(await presence.drop(gateway, graceMs)));
            truth[g] = { users: new Set(), guests: 0 };
            gateways[g] = await enrolled(presence);
          }
        }
        await work(presence, [keeper, ...gateways], presenceTimes.graceMs + 40);
        const all = [...new Set(truth.flatMap((one) => [...one.users]))].sort();
        const guests = truth.reduce((sum, one) => sum + one.guests, 0);
        const state = await presence.read(name);
        expect([namesOf(state), state.anonymous]).toEqual([all, guests]);
        await until(() => (heard.at(-1)?.version ?? 0) === state.version);
        const base = { ...start, epoch: state.epoch };
        expect(applied(base, heard)).toEqual({ version: state.version, users: all });
        checkEvents(await eventsOf(backplane, name), { all, isOccupied: all.length + guests > 0 });
        for (const gateway of gateways) while (!(await presence.drop(gateway, 0)));
      };
      const property = fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), history);
      await fc.assert(property, { numRuns: 30, endOnFailure: true });
    }, 120_000);
  });
}

describe("presence on Redis", () => {
  const page = readFileSync(join(import.meta.dir, "../../docs/presence.md"), "utf8");
  const [, commands = ""] = /needs `([A-Z\s]+)` on these keys/.exec(page) ?? [];
  const few = commands.trim().split(/\s+/);
  const user = (names: readonly string[]) =>
    `few on >pass resetkeys resetchannels ~belfry-presence:* ~belfry:events &belfry-presence -@all ${names
      .map((name) => `+${name.toLowerCase()}`)
      .join(" ")} +xadd +publish +subscribe +ping +hello +client +info +select`;

  test("the rights that docs/presence.md lists are enough", async () => {
    expect(few.length).toBeGreaterThan(20);
    await using limited = await startRedis({ users: [user(few)] });
    const backplane = await start(limited.urlFor("few", "pass"));
    const { presence } = backplane;
    const name = newRoom("reported");
    const [one, two] = [await enrolled(presence), await enrolled(presence)];
    await presence.update(one, [says(name, { here: users("a", "b"), anonymous: 1 })]);
    await presence.update(two, [says(name, { here: users("c") })]);
    await presence.update(two, [says(name, { gone: ["c"] })]);
    await work(presence, [one, two], 200);
    expect(await presence.read(name)).toMatchObject({ total: 2, anonymous: 1 });
    expect((await presence.users(name, undefined, 10)).users.length).toBe(2);
    expect(await presence.rooms()).toEqual([name]);
    while (!(await presence.drop(one, 0)));
    expect(await presence.read(name)).toMatchObject({ total: 0, anonymous: 0 });
  });

  test("users of a gateway that is cut off leave, and are there again when it is back", async () => {
    const proxy = await TcpProxy.start(backplanes.server.port);
    const [near, far] = [await start(backplanes.server.url), await start(`redis://127.0.0.1:${proxy.port}`)];
    const name = newRoom();
    const [one, two] = [await gatewayOn(near), await gatewayOn(far)];
    const ann = enter(one, name, "ann");
    const bob = enter(two, name, "bob");
    const isThere = async (total: number) => (await one.presence.read(name)).total === total;
    await until(async () => isThere(2));
    const state = Promise.withResolvers<PresenceState | undefined>();
    one.presence.watch(ann.connection, name.room, state.resolve);
    expect((await state.promise)?.total).toBe(2);

    proxy.cut();
    await until(async () => isThere(1), 10_000);
    proxy.heal();
    await until(async () => isThere(2), 20_000);
    await Bun.sleep(2 * presenceTimes.leaseMs);
    expect(await isThere(2)).toBe(true);
    two.hub.exit(bob.connection);
    await until(async () => isThere(1), 10_000);
    await until(() => ann.news.length === 3);
    expect(ann.news).toMatchObject([
      { kind: "change", left: ["bob"], joined: [] },
      { kind: "change", left: [], joined: [{ user: "bob" }] },
      { kind: "change", left: ["bob"], joined: [] },
    ]);
    for (const { stop } of [one, two]) await stop();
    await proxy.stop();
  }, 60_000);

  test("a user without the right to run scripts ends the start with a sentence", async () => {
    await using limited = await startRedis({ users: [user(["get"])] });
    const failure = await start(limited.urlFor("few", "pass")).catch((error: unknown) => String(error));
    expect(failure).toContain("Rooms with presence, and webhooks, need Redis 6.2 or later");
  });
});

/** Numbers without a gap, and each event says what was not so before. */
function checkEvents(
  events: readonly string[],
  { all, isOccupied }: { readonly all: readonly string[]; readonly isOccupied: boolean },
): void {
  const present = new Set<string>();
  let wasOccupied = false;
  for (const [index, event] of events.entries()) {
    const [seq, type, user = ""] = event.split(" ");
    expect(Number(seq)).toBe(index + 1);
    if (type === "user_joined") expect(present.has(user)).toBe(false);
    if (type === "user_left") expect(present.has(user)).toBe(true);
    if (type === "room_occupied") expect(wasOccupied).toBe(false);
    if (type === "room_vacated") expect([wasOccupied, present.size]).toEqual([true, 0]);
    if (type === "user_joined") present.add(user);
    if (type === "user_left") present.delete(user);
    if (type?.startsWith("room_") === true) wasOccupied = type === "room_occupied";
  }
  expect([[...present].sort(), wasOccupied]).toEqual([[...all], isOccupied]);
}
