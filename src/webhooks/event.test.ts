import { expect, test } from "bun:test";
import { eventFields, eventsQueue } from "../brokers/room-event.ts";
import type { RoomEvent } from "../brokers/room-event.ts";
import { eventBody, readEvent } from "./event.ts";

const joined: RoomEvent = {
  type: "user_joined",
  namespace: "/",
  room: "é::1",
  user: "ann",
  epoch: "Jk3",
  seq: 7,
  at: 1_764_400_000_123,
};
const vacated: RoomEvent = {
  type: "room_vacated",
  namespace: "/chat",
  room: "",
  user: undefined,
  epoch: "",
  seq: 1,
  at: 0,
};

function entry(fields: readonly (readonly [string, string])[]) {
  return {
    id: "1-0",
    bytes: 0,
    ageMs: 0,
    fields: fields.map(([name, value]) => [name, Buffer.from(value)] as const),
  };
}

test("the queue has the name that scripts on Redis write to", () => {
  expect(eventsQueue).toBe("belfry:events");
});

test("what is written into the queue is read from it", () => {
  for (const event of [joined, vacated]) expect(readEvent(entry(eventFields(event)))).toEqual(event);
});

test("a receiver gets what is there", () => {
  expect(JSON.stringify(eventBody("1-0", joined))).toBe(
    '{"id":"1-0","type":"user_joined","room":"é::1","user":"ann","epoch":"Jk3","seq":7,"at":1764400000123}',
  );
  expect(JSON.stringify(eventBody("2-0", vacated))).toBe(
    '{"id":"2-0","type":"room_vacated","room":"","namespace":"/chat","seq":1,"at":0}',
  );
});

test("an entry that is no event is none", () => {
  const without = (name: string) => entry(eventFields(joined).filter(([key]) => key !== name));
  for (const name of ["event", "room", "seq", "at"])
    expect([name, readEvent(without(name))]).toEqual([name, undefined]);
  for (const [name, value] of [
    ["event", "room_closed"],
    ["seq", "1.5"],
    ["seq", "-1"],
    ["at", ""],
    ["at", "99999999999999999999"],
  ] as const) {
    const fields = eventFields(joined).map(([key, old]) => [key, key === name ? value : old] as const);
    expect([name, value, readEvent(entry(fields))]).toEqual([name, value, undefined]);
  }
  expect(readEvent({ fields: undefined })).toBeUndefined();
  // An older gateway wrote none.
  expect(readEvent(without("epoch"))).toEqual({ ...joined, epoch: "" });
});
