import { expect, test } from "bun:test";
import { createClientId } from "../base/client-id.ts";
import { Connection } from "./membership.ts";
import { Hub } from "./hub.ts";
import { defaultLimits } from "../vocabulary/limits.ts";
import { silent } from "./observe.ts";
import { createRawFormat, toRooms, toTree } from "../dialects/raw/format.ts";
import { RawPublication } from "../codec/raw-publication.ts";
import type { Frame } from "./carrier.ts";

const format = createRawFormat("tree-speaker");

function setUp(limits = defaultLimits) {
  const refused: string[] = [];
  const observe = { ...silent, refused: (_dialect: string, reason: string) => void refused.push(reason) };
  const topics = { publish: () => false };
  const hub = new Hub({ limits, topics, observe, send: () => undefined });
  const connect = ({ hearsEveryone = true } = {}) => {
    const heard: Frame[] = [];
    const client = {
      isOnTopics: false,
      isWritable: true,
      bufferedBytes: 0,
      send: (frames: readonly Frame[]) => void heard.push(...frames),
      subscribe: () => undefined,
      unsubscribe: () => undefined,
      fallBehind: () => undefined,
    };
    const agent = { disconnect: () => undefined, request: () => undefined };
    const parts = { id: createClientId(), namespace: "/", format, carrier: client, agent, hearsEveryone };
    const connection = new Connection(parts);
    hub.enter(connection);
    return { connection, heard };
  };
  const say = (target: ReturnType<typeof toTree>): void => {
    hub.deliver(new RawPublication(target, Buffer.from(`${target.isTree === true ? "tree" : "room"} x`)));
  };
  return { hub, refused, connect, say };
}

test("SEC-16 a tree and a room of one name are two: neither is reached or left by the other's name", () => {
  const { hub, connect, say } = setUp();
  const below = connect();
  const inside = connect();
  hub.join(below.connection, "x", "trees");
  hub.join(inside.connection, "x");
  say(toTree("x"));
  say(toRooms(["x"]));
  expect([below.heard, inside.heard]).toEqual([["tree x"], ["room x"]]);
  expect(hub.leave(below.connection, "x")).toBe(false);
  hub.carryOut({ kind: "close-room", namespace: "/", room: "x" });
  say(toTree("x"));
  say(toRooms(["x"]));
  expect([below.heard, inside.heard]).toEqual([["tree x", "tree x"], ["room x"]]);
  expect([...hub.select(toTree("x"))]).toEqual([below.connection]);
  expect([...hub.select(toRooms(["x"]))]).toEqual([]);
});

test("SEC-16 a tree is no connection's id", () => {
  const { connect, say } = setUp();
  const { connection, heard } = connect();
  say(toTree(connection.id ?? ""));
  expect(heard).toEqual([]);
});

test("SEC-06 a connection is in as many rooms as it may be, whether it hears everyone in the namespace or not", () => {
  for (const hearsEveryone of [true, false]) {
    const { hub, connect } = setUp({ ...defaultLimits, roomsPerConnection: 2 });
    const { connection } = connect({ hearsEveryone });
    expect(["x", "y", "z", "x"].map((room) => hub.join(connection, room))).toEqual([
      true,
      true,
      false,
      false,
    ]);
    expect(["x", "z"].map((room) => hub.joinRefusal(connection, room))).toEqual([
      undefined,
      "too_many_rooms",
    ]);
  }
});

test("SEC-06 a room whose presence a member watches counts once", () => {
  const { hub, connect } = setUp({ ...defaultLimits, roomsPerConnection: 2 });
  const { connection } = connect({ hearsEveryone: false });
  for (const room of ["x", "y"]) {
    expect(hub.join(connection, room)).toBe(true);
    expect(hub.join(connection, room, "watchers")).toBe(true);
  }
  expect(hub.join(connection, "z")).toBe(false);
  hub.leave(connection, "x");
  expect(hub.join(connection, "z")).toBe(true);
});

test("SEC-06 trees are not counted as rooms, are bounded like them, and go with their last member", () => {
  const { hub, refused, connect, say } = setUp({ ...defaultLimits, roomsPerConnection: 2, nameBytes: 8 });
  const { connection, heard } = connect();
  expect(hub.join(connection, "x", "trees")).toBe(true);
  expect(hub.join(connection, "x", "trees")).toBe(false);
  expect(hub.join(connection, "x")).toBe(true);
  expect(hub.roomCount).toBe(1);
  expect(hub.join(connection, "y", "trees")).toBe(false);
  expect(hub.join(connect().connection, "too long a name", "trees")).toBe(false);
  expect(refused).toEqual(["too_many_rooms", "room_name_too_long"]);
  hub.exit(connection);
  say(toTree("x"));
  expect(heard).toEqual([]);
  expect(hub.roomCount).toBe(0);
  hub.enter(connection);
  hub.join(connection, "x", "trees");
  say(toTree("x"));
  expect(heard).toEqual(["tree x"]);
});
