import { describe, expect, test } from "bun:test";
import { suggest } from "./suggest.ts";

describe("did you mean", () => {
  const known = ["listeners", "redis", "drain", "socketio.pingInterval"];

  test("WSE-01 the nearest name is found", () => {
    expect(suggest("listner", known)).toBe("listeners");
    expect(suggest("REDIS", known)).toBe("redis");
    expect(suggest("drian", known)).toBe("drain");
    expect(suggest("drains", known)).toBe("drain");
    expect(suggest("socketio.pingIntervall", known)).toBe("socketio.pingInterval");
  });

  test("WSE-01 what is far from every name gets none", () => {
    expect(suggest("completely", known)).toBe(undefined);
    expect(suggest("x", known)).toBe(undefined);
    expect(suggest("listeners".repeat(10), known)).toBe(undefined);
  });
});
