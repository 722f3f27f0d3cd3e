import { describe, expect, test } from "bun:test";
import { createRoomRules } from "./room-rules.ts";

describe("rules of rooms", () => {
  test("SEC-10 the first rule that matches counts, what it leaves out is as without a rule", () => {
    const history = { size: 10, seconds: 60 };
    const rules = createRoomRules([
      { match: "orders::secret", join: ["grant"] },
      { match: "orders::*", join: ["secret"], history },
      { match: "*", publish: "members" },
    ]);
    expect(rules.ruleOf("orders::secret")).toEqual({
      index: 0,
      join: ["grant"],
      publish: "backends",
      history: undefined,
      presence: false,
    });
    expect(rules.ruleOf("orders::1")).toEqual({
      index: 1,
      join: ["secret"],
      publish: "backends",
      history,
      presence: false,
    });
    expect(rules.ruleOf("time")).toEqual({
      index: 2,
      join: undefined,
      publish: "members",
      history: undefined,
      presence: false,
    });
    expect([rules.hasHistory, rules.hasPresence]).toEqual([true, false]);
  });

  test("T16 presence is told where a rule says so, and nowhere else", () => {
    const rules = createRoomRules([
      { match: "a", presence: true },
      { match: "b", presence: false },
    ]);
    expect(rules.hasPresence).toBe(true);
    expect(["a", "b", "c"].map((room) => rules.ruleOf(room).presence)).toEqual([true, false, false]);
    expect(rules.ruleOf("a", "/chat").presence).toBe(false);
  });

  test("a room without a rule is as its name says", () => {
    const none = {
      index: undefined,
      join: undefined,
      publish: "backends",
      history: undefined,
      presence: false,
    } as const;
    expect(createRoomRules().ruleOf("time")).toEqual(none);
    expect(createRoomRules([{ match: "news" }]).ruleOf("time")).toEqual(none);
    expect(createRoomRules().hasHistory).toBe(false);
  });

  test("a room of a namespace has a name of its own, and none of a room in `/`", () => {
    const rules = createRoomRules([{ match: "/chat,lobby" }, { match: "lobby" }]);
    expect(rules.ruleOf("lobby").index).toBe(1);
    expect(rules.ruleOf("lobby", "/").index).toBe(1);
    expect(rules.ruleOf("lobby", "/chat").index).toBe(0);
    expect(rules.ruleOf("lobby", "/other").index).toBeUndefined();
  });

  test("SEC-16 openRooms opens what a rule says nothing of, and never widens who may join", () => {
    const rules = createRoomRules(
      [
        { match: "a", publish: "none" },
        { match: "b", join: ["grant"] },
      ],
      ["*"],
    );
    expect(rules.ruleOf("a").publish).toBe("none");
    expect(rules.ruleOf("b")).toMatchObject({ publish: "members", join: ["grant"] });
    expect(rules.ruleOf("c").publish).toBe("members");
  });

  test("SEC-06 what is remembered of names is bounded, and right after it was let go", () => {
    const rules = createRoomRules([{ match: "a*" }]);
    for (let n = 0; n < 25_000; n++) rules.ruleOf(`b${n}`);
    const long = `a${"x".repeat(10_000)}`;
    expect([rules.ruleOf("a").index, rules.ruleOf(long).index, rules.ruleOf("b1").index]).toEqual([
      0,
      0,
      undefined,
    ]);
  });
});
