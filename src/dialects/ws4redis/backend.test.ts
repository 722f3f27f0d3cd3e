import { describe, expect, test } from "bun:test";
import type { Feed } from "../../core/bus.ts";
import { compileGlob } from "../../base/glob.ts";
import { defaultLimits } from "../../vocabulary/limits.ts";
import { LastMessages } from "./last-messages.ts";
import { createBackendSide, createDecoder } from "./backend.ts";
import { ws4redisOptions } from "./options.ts";
import type { Ws4redisOptions } from "./options.ts";

function feedsOf(options: Partial<Ws4redisOptions> = {}): readonly Feed[] {
  const context = { limits: defaultLimits, isOpenRoom: () => false };
  const parsed = ws4redisOptions.parse(options);
  return createBackendSide(createDecoder(context, parsed, new LastMessages()), parsed).feeds;
}

const patterns = (options: Partial<Ws4redisOptions>): readonly string[] =>
  feedsOf(options).map(({ filter }) => `${filter.kind} ${filter.name}`);

describe("the patterns", () => {
  test("W4R-03 one for each audience, with the prefix; legacy names by pattern are the broadcasts alone", () => {
    const current = ["broadcast", "group", "user", "session"].map((audience) => `pattern ${audience}:*`);
    expect(patterns({})).toEqual(current);
    expect(patterns({ naming: "both" })).toEqual([...current, "pattern _broadcast_:*"]);
    expect(patterns({ naming: "legacy" })).toEqual(["pattern _broadcast_:*"]);
    expect(patterns({ naming: "legacy", prefix: "app" })).toEqual(["pattern _broadcast_:*"]);
    expect(patterns({ prefix: "app" })[0]).toBe("pattern app:broadcast:*");
  });

  test("T19 a prefix with the letters of globs means itself", () => {
    const [broadcasts] = feedsOf({ prefix: "a*[b]?\\" });
    const hears = compileGlob(broadcasts?.filter.name ?? "");
    expect(hears("a*[b]?\\:broadcast:x")).toBe(true);
    for (const other of ["axxb?:broadcast:x", "a*b?\\:broadcast:x", "a*[b]x\\:broadcast:x", "broadcast:x"])
      expect(hears(other)).toBe(false);
  });

  test("W4R-03 what follows the pattern is the facility, or name and facility", () => {
    const [broadcasts, , users] = feedsOf({ prefix: "app" });
    const payload = Buffer.from("x");
    expect(broadcasts?.decode({ channel: "app:broadcast:a:b", payload })).toMatchObject({ rooms: ["a:b"] });
    expect(users?.decode({ channel: "app:user:john:a:b", payload })).toMatchObject({
      rooms: ["user:john::a:b"],
    });
  });
});

describe("the canaries", () => {
  test("RTE-11 each goes to a name of its own pattern, and comes back as what it is", () => {
    for (const naming of ["current", "legacy", "both"] as const) {
      for (const { filter } of feedsOf({ naming, prefix: "p*" })) {
        const { canary } = filter;
        expect(compileGlob(filter.name)(canary.channel)).toBe(true);
        const payload = Buffer.from(canary.encode("abc123"));
        expect(canary.decode({ channel: canary.channel, payload })).toBe("abc123");
      }
    }
  });

  test("W4R-07 nothing else is taken for one", () => {
    const [broadcasts] = feedsOf();
    const canary = broadcasts?.filter.canary;
    const decode = (payload: string, channel = canary?.channel ?? ""): unknown =>
      canary?.decode({ channel, payload: Buffer.from(payload) });
    expect(decode("belfry-canary abc")).toBe("abc");
    expect(decode("belfry-canary abc", "broadcast:news")).toBeUndefined();
    for (const other of [
      "",
      "belfry-canary ",
      "belfry-canary a b",
      "belfry-canary é",
      `belfry-canary ${"a".repeat(99)}`,
    ])
      expect(decode(other)).toBeUndefined();
  });

  test("SEC-03 no user, group or session has the name that they go to, here or in the original", () => {
    const [, ...named] = feedsOf();
    for (const feed of named) {
      const message = { channel: feed.filter.canary.channel, payload: Buffer.from("x") };
      expect(feed.decode(message)).toMatchObject({ reason: "name_invalid" });
    }
  });
});
