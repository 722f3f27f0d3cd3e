// How the hub's work grows: with the members of the rooms that are named, never with pairs of rooms. Steps are
// counted, not time.

import { expect, test } from "bun:test";
import type { Format } from "./membership.ts";
import { Connection } from "./membership.ts";
import { Hub } from "./hub.ts";
import { silent } from "./observe.ts";
import type { Publication } from "./publication.ts";

const size = 2_000;
/** For each room or connection; pairs would take a thousand. */
const mostSteps = 50;

const format: Format = { dialect: "d", name: "f", encode: () => ["frame"] };
const nothing = (): void => {};
const client = {
  isOnTopics: true,
  isWritable: true,
  bufferedBytes: 0,
  send: nothing,
  subscribe: nothing,
  unsubscribe: nothing,
  fallBehind: nothing,
};
const agent = { disconnect: nothing, request: nothing };

/** A hub with so many rooms of two members each: one of its own, and one that is in all of them. */
class House {
  readonly hub = new Hub({
    limits: { nameBytes: 256, roomsPerConnection: 1_000_000 },
    topics: { publish: () => false },
    observe: silent,
    send: nothing,
  });
  readonly rooms: readonly string[];
  readonly ids: readonly string[];
  readonly everywhere = this.#enter("everywhere");

  constructor(size: number) {
    this.rooms = Array.from({ length: size }, (_, index) => `room::${index}`);
    this.ids = this.rooms.map((room) => `id-of-${room}`);
    for (const [index, room] of this.rooms.entries()) {
      this.hub.join(this.#enter(this.ids[index] ?? ""), room);
      this.hub.join(this.everywhere, room);
    }
  }

  publish(fields: Partial<Publication>): void {
    const parts = { kind: "publication" as const, namespace: "/", rooms: [], except: [], skip: [] };
    this.hub.deliver({ ...parts, event: "e", args: [], attachments: [], volatile: false, ...fields });
  }

  #enter(id: string): Connection {
    const connection = new Connection({ id, namespace: "/", format, carrier: client, agent });
    this.hub.enter(connection);
    return connection;
  }
}

const works: readonly (readonly [string, (house: House) => void])[] = [
  ["an emit to many rooms", (house) => house.publish({ rooms: house.rooms })],
  [
    "an emit to many rooms except many",
    (house) => house.publish({ rooms: house.rooms, except: house.rooms.slice(1) }),
  ],
  [
    "an emit to many rooms that skips many ids",
    (house) => house.publish({ rooms: house.rooms, skip: house.ids }),
  ],
  ["an emit to many rooms and ids", (house) => house.publish({ rooms: [...house.rooms, ...house.ids] })],
  [
    "leaving one by one, the newest first",
    (house) => {
      for (const room of house.rooms.toReversed()) house.hub.leave(house.everywhere, room);
    },
  ],
  [
    "an order to leave many rooms",
    ({ hub, rooms }) => {
      hub.carryOut({
        kind: "leave",
        target: { namespace: "/", id: "everywhere" },
        rooms: rooms.toReversed(),
      });
    },
  ],
  [
    "an order that replaces many rooms",
    ({ hub, rooms }) => {
      const target = { namespace: "/", id: "everywhere" };
      hub.carryOut({ kind: "join", target, rooms: rooms.toReversed().slice(0, 10), replaces: "room" });
    },
  ],
  ["the end of a connection that is in many rooms", ({ hub, everywhere }) => hub.exit(everywhere)],
];

type Method = (this: Iterable<unknown>, ...args: never[]) => unknown;

/**
 * Counts what is looked at while `work` runs: one for each look-up in a set or a map, and all of an array that is
 * searched or copied. Every step of the hub over a pair does one of these.
 */
function stepsOf(work: () => void): number {
  let steps = 0;
  const restore: (() => void)[] = [];
  const count = (
    prototype: object,
    name: string,
    cost: (self: { readonly length?: number }) => number,
  ): void => {
    const original = Reflect.get(prototype, name) as Method;
    const counting: Method = function (...args) {
      steps += cost(this as { readonly length?: number });
      return Reflect.apply(original, this, args);
    };
    Reflect.set(prototype, name, counting);
    restore.push(() => Reflect.set(prototype, name, original));
  };
  for (const name of ["has", "add", "delete"]) count(Set.prototype, name, () => 1);
  for (const name of ["get", "has", "set", "delete"]) count(Map.prototype, name, () => 1);
  for (const name of ["indexOf", "includes", "some", "find", "filter", "slice", "splice"]) {
    count(Array.prototype, name, ({ length = 0 }) => length);
  }
  try {
    work();
  } finally {
    for (const undo of restore) undo();
  }
  return steps;
}

test.each(works)("SEC-06 T29 %s takes steps in proportion to them", (_name, work) => {
  const house = new House(size);
  expect(stepsOf(() => work(house))).toBeLessThan(mostSteps * size);
});
