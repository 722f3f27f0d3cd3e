import { describe, expect, test } from "bun:test";
import { skips } from "../../vocabulary/reasons.ts";
import { publicationMessage } from "../../codec/publication-json.ts";
import { readEntry } from "./entry.ts";
import { Random } from "../../../test/support/random.ts";

const maxNameBytes = 256;

/** As XADD takes them: name, value, name, value, ... */
function entry(...parts: readonly (string | Buffer)[]) {
  const fields = Array.from({ length: parts.length / 2 }, (_, index) => {
    return [String(parts[2 * index]), Buffer.from(parts[2 * index + 1] ?? "")] as const;
  });
  return readEntry(fields, maxNameBytes);
}

/** What native clients in the room get of it. */
function heard(...parts: readonly (string | Buffer)[]): unknown {
  const order = entry(...parts);
  if (order.kind === "refused") throw new Error(`Expected an order, got ${order.reason}`);
  return JSON.parse(publicationMessage(order.publication, order.publication.rooms?.[0]));
}

describe("entries of belfry:publish", () => {
  test("data is a bare payload, text or JSON or bytes, as with PUBLISH", () => {
    expect(heard("room", "time", "data", "12:00")).toEqual({ room: "time", data: "12:00" });
    expect(heard("data", '{"now":1}', "room", "time")).toEqual({ room: "time", data: { now: 1 } });
    expect(heard("room", "time", "data", "")).toEqual({ room: "time", data: "" });
    expect(heard("room", "time", "data", Buffer.from([0xff]))).toEqual({ room: "time", binary: "/w==" });
  });

  test("with an event, data is its argument", () => {
    expect(heard("room", "time", "event", "update", "data", "[1]")).toEqual({
      room: "time",
      event: "update",
      data: [1],
    });
    expect(heard("room", "time", "event", "update", "data", "text")).toEqual({
      room: "time",
      event: "update",
      data: "text",
    });
  });

  test("key and version are the publisher's", () => {
    expect(entry("room", "a", "data", "1", "key", "k", "version", "0")).toMatchObject({
      options: { key: "k", version: 0 },
    });
  });

  test.each([
    ["room_missing", ["data", "1"]],
    ["data_missing", ["room", "a"]],
    ["field_unknown", ["room", "a", "data", "1", "secret", "s"]],
    ["field_unknown", ["room", "a", "data", "1", "namespace", "/chat"]],
    ["field_unknown", ["room", "a", "data", "1", "data", "2"]],
    ["field_unknown", ["room", "a", "data", "1", "__proto__", "2"]],
    ["room_name_invalid", ["room", "", "data", "1"]],
    ["room_name_invalid", ["room", Buffer.from([0xff]), "data", "1"]],
    ["room_name_too_long", ["room", "x".repeat(257), "data", "1"]],
    ["event_invalid", ["room", "a", "data", "1", "event", "disconnect"]],
    ["event_invalid", ["room", "a", "data", "1", "event", "x".repeat(257)]],
    ["data_invalid", ["room", "a", "event", "e", "data", Buffer.from([0xff])]],
    ["key_invalid", ["room", "a", "data", "1", "key", ""]],
    ["key_invalid", ["room", "a", "data", "1", "key", "x".repeat(257)]],
    ["version_invalid", ["room", "a", "data", "1", "version", "-1"]],
    ["version_invalid", ["room", "a", "data", "1", "version", "9007199254740992"]],
    ["version_invalid", ["room", "a", "data", "1", "version", ""]],
  ] as const)("%s", (reason, parts) => {
    expect(entry(...parts)).toMatchObject({ kind: "refused", reason });
  });

  test("100,000 random entries are each an order or refused for a listed reason, which repeats nothing of them", () => {
    const random = new Random(20_261_129);
    const reasons: ReadonlySet<string> = new Set(skips.flatMap(([listed]): readonly string[] => listed));
    const names = ["room", "room", "data", "data", "event", "event", "key", "version", "", "__proto__"];
    const values = [
      "",
      "a",
      "shop::orders",
      "0",
      "7",
      "1e3",
      "connect",
      "[1,{}]",
      "{",
      "x".repeat(300),
      "\0",
    ];
    const counts = new Map<string, number>();
    for (let run = 0; run < 100_000; run++) {
      const fields = Array.from({ length: random.below(7) }, () => {
        const value =
          random.below(3) === 0 ? random.bytes(random.below(12)) : Buffer.from(random.pick(values));
        return [random.pick(names), value] as const;
      });
      const read = readEntry(fields, maxNameBytes);
      const outcome = read.kind === "queued" ? "queued" : read.reason;
      counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
      if (read.kind === "refused") {
        if (!reasons.has(read.reason) || !read.text.startsWith("Expected ")) throw new Error(read.text);
        continue;
      }
      const { publication } = read;
      const [room = ""] = publication.rooms ?? [];
      if (room !== Object.fromEntries(fields)["room"]?.toString())
        throw new Error(`Expected its room, got ${room}`);
      JSON.parse(publicationMessage(publication, room));
    }
    // Every way was gone often enough to mean something.
    expect(counts.size).toBe(10);
    expect([...counts].filter(([, count]) => count < 50)).toEqual([]);
  });
});
