import { describe, expect, test } from "bun:test";
import type { BackendMessage } from "../core/publication.ts";
import { junk, notForUs } from "../core/publication.ts";
import { concerns, jsonLine, textLine } from "./tail-line.ts";
import { publicationWith } from "../../test/support/publication.ts";

const publication = publicationWith({
  rooms: ["time"],
  event: "update",
  args: ['{"time": 12345678901234567890}'],
});

function line(message: BackendMessage, write = textLine): string {
  return write({
    dialect: "socketio",
    channel: "flask-socketio",
    payload: Buffer.alloc(34, "x"),
    at: new Date(0),
    message,
  });
}

const start = "00:00:00.000  socketio  flask-socketio  ";

describe("belfry tail, a line for people", () => {
  test.each<[string, BackendMessage]>([
    ['update -> time  {"time": 12345678901234567890}', publication],
    [
      "update -> (everyone)  1 +1 binary",
      { ...publication, rooms: undefined, args: ["1"], attachments: [new Uint8Array(1)] },
    ],
    ["update -> (no room)  ", { ...publication, rooms: [], args: [] }],
    [
      "update -> /chat,a + /chat,b without x + y  1",
      { ...publication, namespace: "/chat", rooms: ["a", "b"], except: ["x"], skip: ["y"], args: ["1"] },
    ],
    [`junk: not_json  "${"x".repeat(34)}"`, junk("not_json")],
    ["skipped: own_message", notForUs("own_message")],
    [
      "join z: r",
      { kind: "join", target: { namespace: "/", rooms: ["r"], except: [], skip: [] }, rooms: ["z"] },
    ],
    ["leave z: /chat,sid", { kind: "leave", target: { namespace: "/chat", id: "sid" }, rooms: ["z"] }],
    [
      "disconnect (everyone)",
      {
        kind: "disconnect",
        target: { namespace: "/", rooms: undefined, except: [], skip: [] },
        closeClient: true,
      },
    ],
    ["close-room r", { kind: "close-room", namespace: "/", room: "r" }],
  ])("PSQ-06 %s", (shown, message) => {
    expect(line(message)).toBe(`${start}${shown}  (34 B)`);
  });

  test("T26 hostile names and values stay on their line", () => {
    const text = line({
      ...publication,
      event: "\u001b[2J",
      rooms: ["a\nb", "-> (everyone)"],
      args: ['"\u202e"'],
    });
    expect(text).toBe(`${start}${String.raw`"\u001b[2J" -> "a\nb" + "-> (everyone)"  "\u{202e}"`}  (34 B)`);
    expect(line({ ...publication, args: [`"${"x".repeat(10_000)}"`] }).length).toBeLessThan(500);
  });
});

describe("belfry tail --json", () => {
  test("PSQ-06 SIO-15 one object per line, digits as they came", () => {
    const json = line({ ...publication, args: ['{\n"time": 12345678901234567890}', "null"] }, jsonLine);
    expect(json).toContain('"args":[{ "time": 12345678901234567890},null]');
    expect(JSON.parse(json)).toMatchObject({
      time: "1970-01-01T00:00:00.000Z",
      dialect: "socketio",
      channel: "flask-socketio",
      bytes: 34,
      kind: "publication",
      namespace: "/",
      rooms: ["time"],
      event: "update",
      attachments: 0,
    });
    expect(JSON.parse(line({ ...publication, rooms: undefined }, jsonLine))).toMatchObject({ rooms: null });
  });

  test.each<[Record<string, unknown>, BackendMessage]>([
    [{ kind: "junk", reason: "pickle_global" }, junk("pickle_global")],
    [{ kind: "skipped", reason: "no_method" }, notForUs("no_method")],
    [
      { kind: "join", target: { namespace: "/", id: "s" }, rooms: ["z"] },
      { kind: "join", target: { namespace: "/", id: "s" }, rooms: ["z"] },
    ],
    [
      { kind: "disconnect", closeClient: false },
      { kind: "disconnect", target: { namespace: "/", id: "s" }, closeClient: false },
    ],
    [
      { kind: "close-room", namespace: "/", rooms: ["r"] },
      { kind: "close-room", namespace: "/", room: "r" },
    ],
  ])("PSQ-12 PSQ-13 PSQ-14 %j", (fields, message) => {
    expect(JSON.parse(line(message, jsonLine))).toMatchObject(fields);
  });

  test("T26 control characters are escaped, the text is the same", () => {
    const json = line({ ...publication, event: "\u009b\u202e\n" }, jsonLine);
    expect(json).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect(JSON.parse(json)).toMatchObject({ event: "\u009b\u202e\n" });
  });
});

describe("belfry tail --room", () => {
  const isDir = (name: string): boolean => name.startsWith("dir");

  test("PSQ-07 what reaches such a room, and nothing else", () => {
    expect(concerns({ ...publication, rooms: ["time", "dir::a"] }, isDir)).toBe(true);
    expect(concerns({ ...publication, rooms: ["time"] }, isDir)).toBe(false);
    expect(concerns({ ...publication, rooms: [] }, isDir)).toBe(false);
    expect(concerns({ ...publication, rooms: undefined }, isDir)).toBe(true);
    expect(concerns({ ...publication, namespace: "/chat", rooms: ["dir"] }, isDir)).toBe(false);
    expect(concerns({ kind: "join", target: { namespace: "/", id: "s" }, rooms: ["dir"] }, isDir)).toBe(true);
    expect(concerns({ kind: "close-room", namespace: "/", room: "dir" }, isDir)).toBe(true);
    expect(concerns(junk("not_json"), isDir)).toBe(false);
  });
});

describe("what cannot be read, and who hears", () => {
  const shown = (payload: Buffer, by?: number, write = textLine): string =>
    write({ dialect: "bus", channel: "c", payload, at: new Date(0), message: junk("not_json"), by });

  test.each<[string, Buffer]>([
    ['"text \\"quoted\\" \\u{a} é"', Buffer.from('text "quoted" \n é')],
    [String.raw`\x80\x04A\x5c\xff`, Buffer.from([0x80, 0x04, 0x41, 0x5c, 0xff])],
    [`"${"a".repeat(80)}"`, Buffer.from("a".repeat(80))],
    [`"${"a".repeat(80)}"...`, Buffer.from("a".repeat(81))],
    [`"${"a".repeat(79)}"...`, Buffer.from(`${"a".repeat(79)}é`)],
    [`\\xff${"a".repeat(79)}...`, Buffer.from(`\xff${"a".repeat(90)}`, "latin1")],
    ['""', Buffer.alloc(0)],
  ])("T26 junk is shown by its first 80 bytes: %s", (text, payload) => {
    expect(shown(payload)).toBe(`00:00:00.000  bus  c  junk: not_json  ${text}  (${payload.length} B)`);
    expect(JSON.parse(shown(payload, undefined, jsonLine))).toMatchObject({ kind: "junk", excerpt: text });
  });

  test("by how many it is heard, where a gateway told", () => {
    const heard = {
      dialect: "socketio",
      channel: "c",
      payload: Buffer.alloc(2),
      at: new Date(0),
      message: publication,
    };
    expect(textLine({ ...heard, by: 0 })).toEndWith("(2 B, delivered to 0)");
    expect(JSON.parse(jsonLine({ ...heard, by: 7 }))).toMatchObject({ heard: 7 });
    expect(jsonLine(heard)).not.toContain("heard");
  });
});
