import { expect, test } from "bun:test";
import type { Bus } from "../../core/bus.ts";
import type { Connection } from "../../core/membership.ts";
import { silent } from "../../core/observe.ts";
import type { RawConnection } from "../raw/raw-connection.ts";
import { Announcer } from "./announcer.ts";
import { Roster } from "./roster.ts";

function setUp() {
  const published: string[] = [];
  const bus = {
    isReady: true,
    takes: true,
    outages: 0,
    losses: 0,
    state: () => (bus.isReady ? { isReady: true as const } : { isReady: false as const, reason: "away" }),
    async publish(channel: string, payload: string | Uint8Array) {
      if (!bus.takes) throw new Error("away");
      published.push(`${channel} ${String(payload)}`);
    },
  };
  const refused: string[] = [];
  const observe = { ...silent, refused: (_dialect: string, reason: string) => void refused.push(reason) };
  const roster = new Roster();
  const announcer = new Announcer({
    context: { bus: bus as unknown as Bus, observe },
    channelPrefix: "p:",
    roster,
  });
  const add = (key: string, groups: readonly string[] = []): void => {
    const rooms = groups.map((group) => ({ name: `ws-hub::${group}` }));
    roster.add(key, { connection: { rooms } as unknown as Connection } as RawConnection);
  };
  return { announcer, bus, published, refused, add };
}

test("HUB-15 after an outage, when the bus is ready, those without groups are announced once, some each turn", () => {
  const { announcer, bus, published, add } = setUp();
  for (let index = 0; index < 2_500; index++) add(`k${index}`);
  add("served", ["g"]);
  bus.outages++;
  bus.isReady = false;
  announcer.tick(0);
  expect(published).toEqual([]);
  bus.isReady = true;
  announcer.tick(250);
  expect(published).toHaveLength(1_000);
  for (let turn = 2; turn < 10; turn++) announcer.tick(turn * 250);
  expect(published.toSorted()).toEqual(
    Array.from({ length: 2_500 }, (_, index) => `p:client-new k${index}`).sort(),
  );
});

test("HUB-15 a second outage during the announcements starts them again", () => {
  const { announcer, bus, published, add } = setUp();
  for (let index = 0; index < 1_500; index++) add(`k${index}`);
  bus.outages++;
  announcer.tick(0);
  bus.outages++;
  for (let turn = 1; turn < 5; turn++) announcer.tick(turn * 250);
  expect(published).toHaveLength(2_500);
});

test("HUB-04 HUB-15 an announcement that a ready bus did not take is tried again after 5 s, not at once", async () => {
  const { announcer, bus, published, refused, add } = setUp();
  add("k");
  bus.takes = false;
  announcer.came("k");
  await Promise.resolve();
  expect(refused).toEqual(["bus_unavailable"]);
  bus.takes = true;
  announcer.tick(1_000);
  announcer.tick(5_900);
  expect(published).toEqual([]);
  announcer.tick(6_000);
  announcer.tick(20_000);
  expect(published).toEqual(["p:client-new k"]);
});

test("HUB-09 what a client says is not tried again", async () => {
  const { announcer, bus, published, refused, add } = setUp();
  add("k");
  bus.takes = false;
  announcer.said("k", "lost");
  announcer.gone("k");
  await Promise.resolve();
  bus.takes = true;
  for (let turn = 0; turn < 10; turn++) announcer.tick(turn * 5_000);
  expect(refused).toHaveLength(2);
  expect(published).toEqual([]);
});
