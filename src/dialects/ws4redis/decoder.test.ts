import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { compileGlobs } from "../../base/glob.ts";
import { defaultLimits } from "../../vocabulary/limits.ts";
import type { BackendMessage } from "../../core/publication.ts";
import { audiences } from "./query.ts";
import { createDecoder, legacyAudiences } from "./backend.ts";
import type { Decoder } from "./backend.ts";
import { LastMessages } from "./last-messages.ts";
import { roomOf } from "./names.ts";

/** @param openRooms globs of rooms that are open to what browsers say. */
function decoder(publish: readonly string[] = [], openRooms: readonly string[] = []): Decoder {
  const context = { limits: defaultLimits, isOpenRoom: compileGlobs(openRooms) };
  return createDecoder(context, { publish: [...publish] }, new LastMessages());
}

const hello = Buffer.from("hello");
const rooms = (message: BackendMessage): unknown =>
  message.kind === "publication" ? message.rooms : message.kind === "skipped" ? message.reason : message.kind;

describe("where a message goes", () => {
  test("W4R-03 by its audience and the facility behind the name, which may have colons", () => {
    const reader = decoder();
    expect(rooms(reader.decode(["broadcast"], "a:b/c", hello))).toEqual(["a:b/c"]);
    expect(rooms(reader.decode(["user"], "john:a:b/c", hello))).toEqual(["user:john::a:b/c"]);
    expect(rooms(reader.decode(["group"], "staff:", hello))).toEqual(["group:staff::"]);
    expect(rooms(reader.decode(["session"], "key:x", hello))).toEqual(["session:key::x"]);
    expect(rooms(reader.decode(["broadcast"], "", hello))).toEqual(["ws4redis::"]);
  });

  test("W4R-03 nothing tells a user of 0.2 from a session: both are addressed", () => {
    expect(rooms(decoder().decode(legacyAudiences, "john:a:b", hello))).toEqual([
      "user:john::a:b",
      "session:john::a:b",
    ]);
  });

  test.each([
    ["no colon", "john"],
    ["an empty name", ":news"],
    ["a control character", "jo\u0000hn:news"],
    ["the old broadcasts", "_broadcast_:news"],
    ["too long a name", `${"x".repeat(151)}:news`],
    ["nothing", ""],
  ])("SEC-03 %s is nobody's name", (_, rest) => {
    for (const audience of ["user", "group", "session"] as const)
      expect(decoder().decode([audience], rest, hello)).toMatchObject({
        reason: "name_invalid",
        isJunk: true,
      });
    expect(decoder().decode(legacyAudiences, rest, hello)).toMatchObject({
      reason: "name_invalid",
      isJunk: true,
    });
  });

  test("SEC-06 T19 facilities out of bounds, or that stand for several, are junk", () => {
    for (const facility of ["x".repeat(257), "\uFFFD", "\ud800"]) {
      expect(rooms(decoder().decode(["broadcast"], facility, hello))).toBe("facility_invalid");
      expect(rooms(decoder().decode(["user"], `john:${facility}`, hello))).toBe("facility_invalid");
    }
  });
});

describe("what is in it", () => {
  test("W4R-07 the bytes as they came", () => {
    for (const bytes of ["text", "\uFEFFbom", "{", "\0"]) {
      const payload = Buffer.from(bytes);
      expect(decoder().decode(["broadcast"], "x", payload)).toMatchObject({
        raw: payload,
        except: [],
        skip: [],
      });
    }
    const binary = Buffer.from([0xff, 0x00]);
    expect(decoder().decode(["broadcast"], "x", binary)).toMatchObject({ raw: binary });
  });

  test("W4R-07 an empty message is sent to nobody, and is no junk", () => {
    expect(decoder().decode(["broadcast"], "x", Buffer.alloc(0))).toEqual({
      kind: "skipped",
      reason: "empty",
      isJunk: false,
    });
  });
});

describe("SEC-16 who may hear it", () => {
  test("SEC-16 W4R-17 where browsers may publish it stays in the dialect, elsewhere every dialect hears it", () => {
    const reader = decoder(["chat*"]);
    expect(reader.decode(["broadcast"], "news", hello)).toMatchObject({ only: undefined });
    expect(reader.decode(["broadcast"], "chat/1", hello)).toMatchObject({ only: "ws4redis" });
    expect(reader.decode(["user"], "john:chat/1", hello)).toMatchObject({ only: "ws4redis" });
    // It is the facility that browsers may publish at, not the name.
    expect(reader.decode(["user"], "chat:news", hello)).toMatchObject({ only: undefined });
  });

  test("SEC-16 open rooms are heard by all; a user's room is another than the facility's", () => {
    const reader = decoder(["*"], ["open", "user:john::*"]);
    expect(reader.decode(["broadcast"], "open", hello)).toMatchObject({ only: undefined });
    expect(reader.decode(["broadcast"], "shut", hello)).toMatchObject({ only: "ws4redis" });
    expect(reader.decode(["user"], "john:shut", hello)).toMatchObject({ only: undefined });
    expect(reader.decode(["user"], "mary:open", hello)).toMatchObject({ only: "ws4redis" });
    // All of the rooms have to be.
    expect(reader.decode(legacyAudiences, "john:shut", hello)).toMatchObject({ only: "ws4redis" });
  });
});

test("S1 100,000 names and payloads: a publication to its own rooms, or a reason; never an exception", () => {
  const reader = decoder(["a*"]);
  const text = fc.oneof(
    fc.string({ unit: "binary", maxLength: 8 }),
    fc.constantFrom("a:b", "a:\uFFFD", ":", "john:", "_broadcast_:x"),
  );
  const reasons = new Map<string, number>();
  fc.assert(
    fc.property(
      fc.constantFrom(...audiences),
      text,
      fc.uint8Array({ maxLength: 8 }),
      (audience, rest, payload) => {
        const bytes = Buffer.from(payload);
        for (const message of [
          reader.decode([audience], rest, bytes),
          reader.decode(legacyAudiences, rest, bytes),
        ]) {
          const reason = message.kind === "skipped" ? message.reason : message.kind;
          reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
        }
        const message = reader.decode([audience], rest, bytes);
        if (message.kind !== "publication" || audience === "broadcast") return;
        const [name, ...facility] = rest.split(":");
        expect(message.rooms).toEqual([roomOf(audience, { name, facility: facility.join(":") })]);
      },
    ),
    { numRuns: 100_000 },
  );
  expect([...reasons.keys()].sort()).toEqual(["empty", "facility_invalid", "name_invalid", "publication"]);
}, 60_000);

test("W4R-08 a message leaves those out that said it last", () => {
  const lastMessages = new LastMessages();
  const context = { limits: defaultLimits, isOpenRoom: () => false };
  const reader = createDecoder(context, { publish: [] }, lastMessages);
  lastMessages.add("id", hello);
  expect(reader.decode(["broadcast"], "news", hello)).toMatchObject({ skip: ["id"] });
  expect(reader.decode(["broadcast"], "news", Buffer.from("other"))).toMatchObject({ skip: [] });
});
