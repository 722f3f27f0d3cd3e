import { describe, expect, test } from "bun:test";
import { opensRoom } from "./ways.ts";
import { anonymous } from "../core/identity.ts";
import type { Identity } from "../core/identity.ts";

const key = "0123456789abcdef0123456789abcdef";
const john: Identity = { kind: "identity", user: "john", groups: ["staff", "a:b", "x::y"], session: key };

describe("whose rooms these are", () => {
  test.each<[string, boolean]>([
    ["news", true],
    ["", true],
    ["a:b", true],
    ["user:john", true], // no room-space: public like any other
    ["user:john::orders", true],
    ["user:john::", true],
    ["user:john::a::b", true],
    ["group:staff::news", true],
    ["group:a:b::news", true],
    [`session:${key}::cart`, true],
    ["user:mary::orders", false],
    ["user:John::orders", false],
    ["user:john ::orders", false],
    ["user:::orders", false],
    ["user::orders", false],
    ["user:::john::orders", false],
    ["group:::news", false],
    ["group:admins::news", false],
    ["group:staf::news", false],
    ["group:john::news", false],
    ["user:staff::news", false],
    ["session:john::cart", false],
    [`user:${key}::cart`, false],
    ["broadcast:john::x", false],
    ["users:john::x", false],
    ["USER:john::x", false],
    ["shop::orders", false],
    ["john::orders", false],
    ["::orders", false],
    [":john::x", false],
    ["group:x::y::news", false], // the room-space ends at the first `::`
    ["__proto__:john::x", false],
    ["constructor::x", false],
  ])("SEC-10 T15 T20 %p opens to john: %p", (room, expected) => {
    expect(opensRoom(john, room)).toBe(expected);
  });

  test("W4R-14 SEC-10 nobody has rooms of their own, whatever they are called", () => {
    expect(opensRoom(anonymous, "news")).toBe(true);
    for (const space of ["user:", "user:undefined", "user:null", "group:", "session:", "session:None"])
      expect(opensRoom(anonymous, `${space}::x`)).toBe(false);
  });

  test("SEC-10 an empty name has none, either", () => {
    const empty: Identity = { kind: "identity", user: "", groups: [""], session: "" };
    for (const space of ["user:", "group:", "session:"]) expect(opensRoom(empty, `${space}::x`)).toBe(false);
  });
});
