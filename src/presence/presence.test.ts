// Presence of gateways on one store in memory: what those who watch are told, with hubs of their own and a clock of ours.

import { afterEach, expect, test } from "bun:test";
import { FakeSocket } from "../../test/support/fake-socket.ts";
import { until } from "../../test/support/until.ts";
import { MemoryBus } from "../brokers/memory/bus.ts";
import { MemoryPresence } from "../brokers/memory/presence.ts";
import { MemoryQueue } from "../brokers/memory/queue.ts";
import { eventsQueue } from "../brokers/room-event.ts";
import { Hub } from "../core/hub.ts";
import type { Frame, Topics } from "../core/carrier.ts";
import { anonymous } from "../core/identity.ts";
import type { Identity } from "../core/identity.ts";
import { Connection } from "../core/membership.ts";
import type { Format } from "../core/membership.ts";
import { silent } from "../core/observe.ts";
import type { PresenceNews, PresenceState } from "../vocabulary/presence-news.ts";
import { defaultLimits } from "../vocabulary/limits.ts";
import { GatewayPresence } from "./gateway-presence.ts";

const times = { leaseMs: 15_000, graceMs: 3_000 };
const room = { namespace: "/", room: "lobby" };
const tracking = { isTold: () => true, isReported: () => true };
const format: Format = {
  dialect: "test",
  name: "test",
  isPerRoom: true,
  encode: ({ presence }) => [JSON.stringify(presence)],
};

const open: (() => void)[] = [];
afterEach(() => {
  for (const close of open.splice(0)) close();
});

/** A store, its clock, and gateways on it. */
function setUp() {
  let now = 0;
  const bus = new MemoryBus({ observe: silent, limits: defaultLimits });
  const events = new MemoryQueue(() => 0);
  const store = new MemoryPresence({ bus, events, tracking, times, now: () => now });
  const gateways: GatewayPresence[] = [];
  open.push(() => store.close());
  const gateway = async (topics: Topics = { publish: () => false }) => {
    const hub = (): Hub => made;
    const parts = { store, bus, tracking, times, hub, observe: silent, now: () => now };
    const presence = new GatewayPresence(parts);
    const made = new Hub({
      limits: defaultLimits,
      observe: silent,
      topics,
      send: () => undefined,
      events: presence.events,
    });
    await presence.start();
    gateways.push(presence);
    await Bun.sleep(5);
    return { hub: made, presence };
  };
  /** Time passes in steps of ticks; gateways that are not in the list stand still. */
  const pass = async (ms: number, living = gateways) => {
    // Writes and batches go by real timers.
    await Bun.sleep(50);
    const end = now + ms;
    while (now < end) {
      now = Math.min(end, now + 250);
      for (const one of living) one.tick();
      await Bun.sleep(1);
    }
    await Bun.sleep(120);
  };
  const eventsOf = async () => {
    const bounds = { entries: 1_000, bytes: 1e6, maxEntryBytes: 1e6, leaseMs: 1 };
    const { entries } = await events.take(eventsQueue, bounds);
    return entries.map(({ fields = [] }) => {
      const read = new Map(fields.map(([name, value]) => [name, value.toString()]));
      return [read.get("seq"), read.get("event"), read.get("user")].filter(Boolean).join(" ");
    });
  };
  return { gateway, pass, store, eventsOf, gateways };
}

function connect(hub: Hub, identity: Partial<Identity> = {}) {
  const news: PresenceNews[] = [];
  const socket = Object.assign(new FakeSocket(), {
    isOnTopics: false,
    send: (frames: readonly (string | Uint8Array)[]) =>
      void news.push(...frames.map((frame) => JSON.parse(String(frame)) as PresenceNews)),
  });
  const agent = { disconnect() {}, request() {} };
  const connection = new Connection({
    namespace: "/",
    format,
    carrier: socket,
    agent,
    hearsEveryone: false,
    identity: { ...anonymous, ...identity },
  });
  hub.enter(connection);
  return { connection, news };
}

function member(hub: Hub, user?: string, info?: string) {
  const client = connect(hub, { user, ...(info !== undefined && { info }) });
  hub.join(client.connection, room.room);
  return client;
}

async function watch(presence: GatewayPresence, { connection }: ReturnType<typeof connect>) {
  return new Promise<PresenceState | undefined>((resolve) => {
    presence.watch(connection, room.room, resolve);
  });
}

const namesOf = (state: PresenceState | undefined) => state?.users?.map(({ user }) => user).sort();

test("who asks gets the users of all gateways, and then each change once, with versions without a gap", async () => {
  const { gateway, pass } = setUp();
  const [a, b] = [await gateway(), await gateway()];
  const ann = member(a.hub, "ann", '{"n":1}');
  member(b.hub, "bob");
  const state = await watch(a.presence, ann);
  expect(state?.users).toEqual([{ user: "ann", info: '{"n":1}' }, { user: "bob" }]);
  const cid = member(b.hub, "cid");
  await pass(100);
  b.hub.exit(cid.connection);
  await pass(3_500);
  const version = state?.version ?? 0;
  expect(ann.news).toMatchObject([
    { kind: "change", from: version, version: version + 1, joined: [{ user: "cid" }], left: [], total: 3 },
    { kind: "change", from: version + 1, version: version + 2, joined: [], left: ["cid"], total: 2 },
  ]);
});

test("SEC-06 each question of a connection is answered, but of more than 100 that wait the rest is not taken", async () => {
  const { gateway } = setUp();
  const { hub, presence } = await gateway();
  const { connection, news } = member(hub, "ann");
  const states: (PresenceState | undefined)[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const taken = Array.from({ length: 101 }, () =>
    presence.watch(connection, room.room, (state) => {
      if (states.push(state) === 100) resolve();
    }),
  );
  expect(taken.filter(Boolean)).toHaveLength(100);
  expect(taken.at(-1)).toBe(false);
  await promise;
  // They are one object, and nothing more comes before it changes.
  expect(new Set(states).size).toBe(1);
  expect(states[0]).toMatchObject({ users: [{ user: "ann" }] });
  expect(news).toEqual([]);
});

test("several connections of a user are one, and coming back within 3 s is no leave", async () => {
  const { gateway, pass, eventsOf } = setUp();
  const [a, b] = [await gateway(), await gateway()];
  const first = member(a.hub, "ann");
  await pass(100);
  const second = member(b.hub, "ann");
  await pass(100);
  a.hub.exit(first.connection);
  await pass(5_000);
  b.hub.exit(second.connection);
  await pass(2_000);
  const third = member(a.hub, "ann");
  await pass(5_000);
  expect(await eventsOf()).toEqual(["1 room_occupied", "2 user_joined ann"]);
  a.hub.exit(third.connection);
  await pass(3_500);
  expect((await eventsOf()).slice(2)).toEqual(["3 user_left ann", "4 room_vacated"]);
});

test("connections without a user are counted, not listed, and occupy a room", async () => {
  const { gateway, pass, eventsOf } = setUp();
  const { hub, presence } = await gateway();
  const guests = [member(hub), member(hub)];
  const state = await watch(presence, guests[0] ?? connect(hub));
  expect(state).toMatchObject({ users: [], total: 0, anonymous: 2 });
  for (const { connection } of guests) hub.exit(connection);
  await pass(3_500);
  expect(await eventsOf()).toEqual(["1 room_occupied", "2 room_vacated"]);
});

test("R10 a gateway that dies takes its users along within 20 s, and they are told to have left once", async () => {
  const { gateway, pass } = setUp();
  const [a, b] = [await gateway(), await gateway()];
  const ann = member(a.hub, "ann");
  for (let n = 0; n < 1_200; n++) member(b.hub, `b${n}`);
  await pass(12_000);
  expect((await watch(a.presence, ann))?.total).toBe(1_201);
  await pass(20_000, [a.presence]);
  expect(await a.presence.read(room)).toMatchObject({ users: [{ user: "ann" }], total: 1 });
  expect(ann.news.at(-1)).toMatchObject({ kind: "state", total: 1, users: [{ user: "ann" }] });
});

test("a gateway that others took for dead registers its members again", async () => {
  const { gateway, pass, eventsOf } = setUp();
  const [a, b] = [await gateway(), await gateway()];
  member(a.hub, "ann");
  member(b.hub, "bob");
  await pass(12_000);
  await pass(20_000, [a.presence]);
  expect(namesOf(await a.presence.read(room))).toEqual(["ann"]);
  await pass(1_000);
  expect(namesOf(await a.presence.read(room))).toEqual(["ann", "bob"]);
  await pass(40_000);
  expect(namesOf(await a.presence.read(room))).toEqual(["ann", "bob"]);
  expect((await eventsOf()).slice(-2)).toEqual(["4 user_left bob", "5 user_joined bob"]);
});

test("a gateway that ends takes its members out after the grace: those who come back meanwhile did not leave", async () => {
  const { gateway, pass, eventsOf } = setUp();
  const [a, b] = [await gateway(), await gateway()];
  const old = [member(b.hub, "bob"), member(b.hub, "cid")];
  await pass(1_000);
  for (const { connection } of old) b.hub.exit(connection);
  await b.presence.stop();
  await pass(1_000, [a.presence]);
  member(a.hub, "bob");
  await pass(5_000, [a.presence]);
  expect(namesOf(await a.presence.read(room))).toEqual(["bob"]);
  expect(await eventsOf()).toEqual([
    "1 room_occupied",
    "2 user_joined bob",
    "3 user_joined cid",
    "4 user_left cid",
  ]);
});

test("a room with more than 1,000 users is counted, and listed again when it is smaller", async () => {
  const { gateway, pass } = setUp();
  const { hub, presence } = await gateway();
  const ann = member(hub, "ann");
  await watch(presence, ann);
  const crowd = Array.from({ length: 1_500 }, (_, n) => member(hub, `u${n}`));
  await pass(500);
  expect(ann.news.at(-1)).toMatchObject({ kind: "state", version: 1_501, total: 1_501 });
  expect(ann.news.at(-1)).not.toHaveProperty("users");
  for (const { connection } of crowd.slice(100)) hub.exit(connection);
  await pass(8_000);
  const [last] = ann.news.slice(-1);
  expect(last).toMatchObject({ total: 101 });
  const listed = ann.news.findLast(({ kind }) => kind === "state");
  expect(listed).toMatchObject({ users: expect.anything() });
  expect(JSON.stringify(ann.news).length).toBeLessThan(100_000);
});

test("T16 a member that leaves the room is told nothing more of it, and others are not told at all", async () => {
  const { gateway, pass } = setUp();
  const { hub, presence } = await gateway();
  const ann = member(hub, "ann");
  const bob = member(hub, "bob");
  const stranger = connect(hub, { user: "eve" });
  await watch(presence, ann);
  expect(await watch(presence, stranger)).toBeUndefined();
  hub.leave(ann.connection, room.room);
  member(hub, "cid");
  await pass(5_000);
  expect([ann.news, bob.news, stranger.news]).toEqual([[], [], []]);
  expect(hub.room("/", room.room, "watchers")).toBeUndefined();
});

test("a connection that says who it is later becomes that user", async () => {
  const { gateway, pass } = setUp();
  const { hub, presence } = await gateway();
  const { connection } = member(hub);
  await pass(100);
  hub.identify(connection, { ...anonymous, user: "ann" });
  await until(async () => (await presence.read(room)).total === 1);
  expect(await presence.read(room)).toMatchObject({ users: [{ user: "ann" }], anonymous: 0 });
});

/** All of a crowd join, watch and leave. @returns what goes out to one of them, bytes */
async function stormBytes(crowd: number): Promise<number> {
  const { gateway, pass, store } = setUp();
  const audiences = new Map<string, number>();
  let bytes = 0;
  const { hub, presence } = await gateway({
    publish(topic: string, frame: Frame) {
      bytes += Buffer.byteLength(frame) * (audiences.get(topic) ?? 0);
      return false;
    },
  });
  const lengths = new WeakMap<PresenceState, number>();
  const lengthOf = (state: PresenceState): number => {
    const known = lengths.get(state) ?? JSON.stringify(state).length;
    lengths.set(state, known);
    return known;
  };
  const count = (topic: string, more: number) => audiences.set(topic, (audiences.get(topic) ?? 0) + more);
  const members: Connection[] = [];
  for (let n = 0; n < crowd; n++) {
    const carrier = Object.assign(new FakeSocket(), {
      subscribe: (topic: string) => void count(topic, 1),
      unsubscribe: (topic: string) => void count(topic, -1),
    });
    const agent = { disconnect() {}, request() {} };
    const identity = { ...anonymous, user: `user-${n}` };
    const parts = { namespace: "/", format, carrier, agent, hearsEveryone: false, identity };
    const connection = new Connection(parts);
    hub.enter(connection);
    hub.join(connection, room.room);
    presence.watch(connection, room.room, (state) => {
      if (state) bytes += lengthOf(state);
    });
    members.push(connection);
    if (n % (crowd / 20) === 0) await Bun.sleep(60);
  }
  await until(async () => (await store.read(room)).total === crowd);
  for (const [n, connection] of members.entries()) {
    hub.exit(connection);
    if (n % (crowd / 20) === 0) await pass(250);
  }
  await pass(8_000);
  expect((await store.read(room)).total).toBe(0);
  return bytes / crowd;
}

test("T29 a storm of 10,000 joins and leaves sends no more to each member than one of 2,000", async () => {
  const [few, many] = await Promise.all([stormBytes(2_000), stormBytes(10_000)]);
  console.log(
    `presence: a storm of 2,000 sends ${few.toFixed()} bytes to each member, of 10,000 ${many.toFixed()}`,
  );
  expect(many).toBeLessThanOrEqual(few);
}, 60_000);
