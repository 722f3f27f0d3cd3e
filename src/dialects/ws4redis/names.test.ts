import { expect, test } from "bun:test";
import { audiences } from "./query.ts";
import { currentName, legacyName, redisNames, roomOf } from "./names.ts";
import { ws4redisOptions } from "./options.ts";

const to = { name: "johndoe", facility: "a/b:c" };
const toAll = { name: undefined, facility: "a/b:c" };

test("W4R-03 the names of 0.3 and later, with and without a prefix", () => {
  expect(currentName("", "broadcast", toAll)).toBe("broadcast:a/b:c");
  expect(currentName("", "user", to)).toBe("user:johndoe:a/b:c");
  expect(currentName("", "group", to)).toBe("group:johndoe:a/b:c");
  expect(currentName("", "session", to)).toBe("session:johndoe:a/b:c");
  expect(currentName("ws", "broadcast", toAll)).toBe("ws:broadcast:a/b:c");
  expect(currentName("ws:1", "user", to)).toBe("ws:1:user:johndoe:a/b:c");
});

test("W4R-03 the names of 0.1 and 0.2: no prefix, no groups", () => {
  expect(legacyName("broadcast", toAll)).toBe("_broadcast_:a/b:c");
  expect(legacyName("user", to)).toBe("johndoe:a/b:c");
  expect(legacyName("session", to)).toBe("johndoe:a/b:c");
  expect(legacyName("group", to)).toBeUndefined();
});

test("RTE-09 the empty facility keeps its colon, which no key of redis_sessions has", () => {
  expect(currentName("", "session", { name: "k".repeat(32), facility: "" })).toBe(
    `session:${"k".repeat(32)}:`,
  );
  expect(currentName("", "broadcast", { name: undefined, facility: "" })).toBe("broadcast:");
});

test("RTE-08 its names in Redis are these and no others", () => {
  const own = redisNames({ prefix: "p" }).map(({ kind, name }) => `${kind} ${name}`);
  expect(own).toEqual([
    "prefix p:broadcast:",
    "prefix p:group:",
    "prefix p:user:",
    "prefix p:session:",
    "prefix _broadcast_:",
  ]);
});

test("SEC-16 the rooms: a facility's broadcasts are public, the others have a room-space each", () => {
  expect(audiences.map((audience) => roomOf(audience, to))).toEqual([
    "a/b:c",
    "group:johndoe::a/b:c",
    "user:johndoe::a/b:c",
    "session:johndoe::a/b:c",
  ]);
});

test("SEC-16 the empty room is shared with nobody", () => {
  expect(roomOf("broadcast", { name: undefined, facility: "" })).toBe("ws4redis::");
});

test("SEC-03 a prefix must not put the names of both generations under one another", () => {
  for (const prefix of ["_broadcast_", "_broadcast_:x"])
    expect(ws4redisOptions.safeParse({ prefix }).success).toBe(false);
  for (const prefix of ["", "app", "_broadcast", "_broadcast_x", "x:_broadcast_:"])
    expect(ws4redisOptions.safeParse({ prefix }).success).toBe(true);
});

test("W4R-04 W4R-05 W4R-09 W4R-17 W4R-18 the defaults", () => {
  expect(ws4redisOptions.parse({})).toEqual({
    path: "/ws/",
    keepLeadingSlash: false,
    prefix: "",
    naming: "current",
    expire: 3_600,
    publish: [],
    allowedChannels: {},
    maxMessage: 1_048_576,
    takeBare: false,
  });
});
