// Formats whose frames name the room, what the hub tells of rooms and members, and what it can be asked.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { FakeSocket } from "../../test/support/fake-socket.ts";
import { Connection } from "./membership.ts";
import type { Format } from "./membership.ts";
import { Hub } from "./hub.ts";
import type { HubEvents } from "./hub.ts";
import { defaultLimits } from "../vocabulary/limits.ts";
import { silent } from "./observe.ts";
import type { Publication } from "./publication.ts";
import type { Frame } from "./carrier.ts";
import { publicationWith } from "../../test/support/publication.ts";

const union: Format = { dialect: "union", name: "u", encode: () => ["union"] };
const perRoom: Format = {
  dialect: "per-room",
  name: "p",
  isPerRoom: true,
  encode: (_publication, room) => [`in ${room}`],
};
const agent = { disconnect() {}, request() {} };

function publication(rooms: readonly string[] | undefined, more: Partial<Publication> = {}): Publication {
  return publicationWith({ rooms, ...more });
}

/** A hub whose topics reach fake sockets, and what each of them heard. */
function setUp(events: HubEvents = {}) {
  const topics = new Map<string, Set<string[]>>();
  const publish = (topic: string, frame: Frame): boolean => {
    for (const heard of topics.get(topic) ?? []) heard.push(String(frame));
    return false;
  };
  const hub = new Hub({
    limits: defaultLimits,
    observe: silent,
    topics: { publish },
    send: () => undefined,
    events,
  });
  const enter = (format: Format, isOnTopics: boolean) => {
    const heard: string[] = [];
    const client = Object.assign(new FakeSocket(), {
      isOnTopics,
      send: (frames: readonly Frame[]) => void heard.push(...frames.map(String)),
      subscribe: (topic: string) => void topics.set(topic, (topics.get(topic) ?? new Set()).add(heard)),
      unsubscribe: (topic: string) => void topics.get(topic)?.delete(heard),
    });
    const connection = new Connection({
      namespace: "/",
      format,
      carrier: client,
      agent,
      hearsEveryone: false,
    });
    hub.enter(connection);
    return { connection, heard };
  };
  return { hub, enter };
}

test("a format that names the room gets a frame for each room, any other one for all of them: 2,000 times", () => {
  const names = ["a", "b", "c"];
  const member = fc.record({
    isPerRoom: fc.boolean(),
    isOnTopics: fc.boolean(),
    rooms: fc.subarray(names),
  });
  const property = fc.property(
    fc.array(member, { maxLength: 8 }),
    fc.subarray(names),
    fc.subarray(names),
    (members, rooms, except) => {
      const { hub, enter } = setUp();
      const all = members.map((parts) => {
        const client = enter(parts.isPerRoom ? perRoom : union, parts.isOnTopics);
        for (const room of parts.rooms) hub.join(client.connection, room);
        return { ...parts, ...client };
      });
      const count = hub.deliver(publication(rooms, { except }));
      let expected = 0;
      for (const { isPerRoom, rooms: joined, heard } of all) {
        const isLeftOut = joined.some((room) => except.includes(room));
        const reached = isLeftOut ? [] : joined.filter((room) => rooms.includes(room));
        const frames = isPerRoom
          ? reached.map((room) => `in ${room}`)
          : reached.slice(0, 1).map(() => "union");
        expect(heard.toSorted()).toEqual(frames.toSorted());
        expected += frames.length;
      }
      expect(count).toBe(expected);
    },
  );
  fc.assert(property, { numRuns: 2_000 });
});

test("rooms and members are told as they come and go; trees and the room of everyone are not", () => {
  const told: string[] = [];
  const { hub, enter } = setUp({
    opened: ({ name }) => void told.push(`opened ${name}`),
    closed: ({ name }) => void told.push(`closed ${name}`),
    joined: (_connection, { name, size }) => void told.push(`joined ${name} ${size}`),
    left: (_connection, { name, size }) => void told.push(`left ${name} ${size}`),
  });
  const [one, two] = [enter(union, true).connection, enter(perRoom, false).connection];
  hub.join(one, "tree", "trees");
  hub.join(one, "a");
  hub.join(one, "a");
  hub.join(two, "a");
  hub.leave(one, "a");
  hub.exit(two);
  hub.exit(one);
  expect(told).toEqual(["opened a", "joined a 1", "joined a 2", "left a 1", "left a 0", "closed a"]);
});

test("the hub can be asked for its rooms, their members, and a connection by its id", () => {
  const { hub, enter } = setUp();
  const { connection, heard } = enter(union, true);
  hub.join(connection, "a");
  expect([...hub.rooms()].map(({ name, size }) => [name, size])).toEqual([["a", 1]]);
  expect([...(hub.room("/", "a")?.members() ?? [])]).toEqual([connection]);
  expect([hub.room("/", "b"), hub.room("/chat", "a")]).toEqual([undefined, undefined]);
  expect(connection.id).toBeUndefined();
  const id = hub.idOf(connection);
  expect([hub.idOf(connection), hub.connection("/", id)]).toEqual([id, connection]);
  hub.deliver(publication([id]));
  expect(heard).toEqual(["union"]);
  hub.exit(connection);
  expect([[...hub.rooms()], hub.connection("/", id)]).toEqual([[], undefined]);
});

test("a connection has an identity; without a word, a visitor's", () => {
  const { enter } = setUp();
  expect(enter(union, true).connection.identity.user).toBeUndefined();
  const identity = { kind: "identity", user: "john", session: undefined, groups: [] } as const;
  const client = new FakeSocket();
  expect(new Connection({ namespace: "/", format: union, carrier: client, agent, identity }).identity).toBe(
    identity,
  );
});
