import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { compileGlob } from "../../base/glob.ts";
import type { Feed } from "../../core/bus.ts";
import { defaultLimits } from "../../vocabulary/limits.ts";
import type { BackendMessage } from "../../core/publication.ts";
import { RawPublication } from "../../codec/raw-publication.ts";
import { createBackendSide } from "./backend.ts";
import { connectionId } from "./names.ts";

function sides(channelPrefix = "ws-hub:", groupsMode: "add" | "replace" = "add") {
  const { feeds } = createBackendSide({ limits: defaultLimits }, { channelPrefix, groupsMode });
  const hears = new Map(feeds.map((feed) => [feed, compileGlob(feed.filter.name)]));
  const matching = (channel: string): readonly Feed[] =>
    feeds.filter((feed) => feed.filter.kind === "pattern" && hears.get(feed)?.(channel));
  const decode = (channel: string, payload: string | Uint8Array): BackendMessage | undefined =>
    matching(channel)[0]?.decode({ channel, payload: Buffer.from(payload) });
  return { feeds, matching, decode };
}

function targetOf(key: string) {
  return { target: { namespace: "/", id: connectionId(key) } };
}

describe("groups-new", () => {
  const { decode } = sides();

  test("HUB-05 a list is taken without trimming; the rest of the channel's name is the key", () => {
    expect(decode("ws-hub:groups-new:a:b:c", "a, b,all")).toEqual({
      kind: "join",
      target: { namespace: "/", id: connectionId("a:b:c") },
      rooms: ["ws-hub::a", "ws-hub:: b", "ws-hub::all"],
    });
  });

  test("HUB-06 in replace mode the order says what it replaces", () => {
    const { decode } = sides("ws-hub:", "replace");
    expect(decode("ws-hub:groups-new:k", "a")).toMatchObject({ kind: "join", replaces: "ws-hub" });
    expect(sides().decode("ws-hub:groups-new:k", "a")).not.toHaveProperty("replaces");
  });

  test("HUB-07 an empty payload closes the client; empty names inside a list are ignored", () => {
    const target = { namespace: "/", id: connectionId("k") };
    const closing = { kind: "disconnect" as const, target, closeClient: true, reason: "no_groups" as const };
    expect(decode("ws-hub:groups-new:k", "")).toEqual(closing);
    expect(decode("ws-hub:groups-new:k", ",a,,b,")).toMatchObject({ rooms: ["ws-hub::a", "ws-hub::b"] });
    expect(decode("ws-hub:groups-new:k", ",")).toMatchObject({ kind: "join", rooms: [] });
  });

  test("HUB-14 the prefix is cut off as it stands, not as a set of characters", () => {
    const { decode } = sides("user:");
    expect(decode("user:groups-new:user1", "all")).toMatchObject({
      ...targetOf("user1"),
      rooms: ["ws-hub::all"],
    });
    expect(decode("user:groups-new:groups-new:x", "g")).toMatchObject(targetOf("groups-new:x"));
    expect(decode("user:group-data:group-data:", "g")).toMatchObject({ rooms: ["ws-hub::group-data:"] });
  });

  test("SEC-06 what is no text, or longer than any client may have groups, is junk", () => {
    expect(decode("ws-hub:groups-new:k", Buffer.of(0x61, 0xff))).toMatchObject({ reason: "groups_not_utf8" });
    const most = defaultLimits.roomsPerConnection * (defaultLimits.nameBytes + 1);
    expect(decode("ws-hub:groups-new:k", Buffer.alloc(most + 1, ","))).toMatchObject({
      kind: "skipped",
      isJunk: true,
      reason: "groups_too_long",
    });
    expect(decode("ws-hub:groups-new:k", Buffer.alloc(most, ","))).toMatchObject({ kind: "join" });
  });

  test("SEC-04 a key is not found in its connection's id, and no group reaches one", () => {
    expect(connectionId("s3cr3t-key")).not.toContain("s3cr3t");
    expect(connectionId("k")).toStartWith("ws-hub:key::");
    expect(connectionId("k")).not.toBe(connectionId("K"));
  });
});

describe("group-data", () => {
  const { decode } = sides();

  test("HUB-08 the payload goes on as it came, to the room of the group", () => {
    const payload = Buffer.from('{"a": 1.0}');
    const publication = decode("ws-hub:group-data:news:today", payload);
    expect(publication).toBeInstanceOf(RawPublication);
    expect(publication).toMatchObject({
      namespace: "/",
      rooms: ["ws-hub::news:today"],
      except: [],
      skip: [],
      raw: payload,
    });
  });

  test("HUB-08 a group whose name is no text is nobody's", () => {
    expect(decode("ws-hub:group-data:a\u{FFFD}", "x")).toMatchObject({ reason: "group_not_utf8" });
  });
});

describe("the feeds", () => {
  test("HUB-05 HUB-08 each channel is heard by one of them, others by none", () => {
    const { matching } = sides();
    for (const channel of ["ws-hub:groups-new:k", "ws-hub:group-data:g", "ws-hub:groups-new:"]) {
      expect(matching(channel)).toHaveLength(1);
    }
    for (const channel of [
      "ws-hub:client-new",
      "ws-hub:client-data:k",
      "ws-hub:groups-new",
      "x:groups-new:k",
    ]) {
      expect(matching(channel)).toEqual([]);
    }
  });

  test("T19 a prefix with signs of a pattern means itself", () => {
    const { matching } = sides(String.raw`h*[a]?\:`);
    expect(matching(String.raw`h*[a]?\:groups-new:k`)).toHaveLength(1);
    expect(matching("hxxaab:groups-new:k")).toEqual([]);
  });

  test("PSQ-17 canaries come back through their feed, and nothing else is taken for one", () => {
    for (const { filter } of sides().feeds) {
      const { canary } = filter;
      expect(compileGlob(filter.name)(canary.channel)).toBeTrue();
      const payload = Buffer.from(canary.encode("abc123"));
      expect(payload.length).toBeGreaterThan(0);
      expect(canary.decode({ channel: canary.channel, payload })).toBe("abc123");
      expect(canary.decode({ channel: "ws-hub:groups-new:k", payload })).toBeUndefined();
      expect(
        canary.decode({ channel: canary.channel, payload: Buffer.from("belfry-canary a b") }),
      ).toBeUndefined();
      expect(canary.decode({ channel: canary.channel, payload: Buffer.alloc(10_000, "a") })).toBeUndefined();
    }
  });

  test("100,000 messages: always a decision, and never a room outside the groups", () => {
    const { decode } = sides();
    const channel = fc
      .tuple(
        fc.constantFrom("ws-hub:groups-new:", "ws-hub:group-data:"),
        fc.string({ unit: "binary", maxLength: 20 }),
      )
      .map((parts) => parts.join(""));
    const payload = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.string({ unit: fc.constantFrom(",", " ", "a", ":", "\0", "é"), maxLength: 20 }),
    );
    fc.assert(
      fc.property(channel, payload, (name, bytes) => {
        const message = decode(name, bytes);
        if (message?.kind === "join" || message?.kind === "publication") {
          for (const room of message.rooms ?? ["everyone"]) expect(room).toStartWith("ws-hub::");
        } else {
          expect(["disconnect", "skipped"]).toContain(message?.kind ?? "none");
        }
      }),
      { numRuns: 100_000 },
    );
  }, 60_000);
});
