import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { isRoomName } from "../../core/room-name.ts";
import { errorMessage, isEventName, joinedMessage, readBase64, readCommand } from "./packet.ts";

const head = { id: 1, room: "time" };

describe("commands", () => {
  test.each([
    [
      '{"id":1,"type":"join","room":"time"}',
      { type: "join", ...head, secret: undefined, at: undefined, presence: false },
    ],
    [
      '{"id":1,"type":"join","room":"time","secret":"s","at":"a1.2","presence":true}',
      { type: "join", ...head, secret: "s", at: "a1.2", presence: true },
    ],
    ['{"id":1,"type":"leave","room":"time"}', { type: "leave", ...head }],
    ['{"type":"ping","id":0}', { type: "ping", id: 0 }],
    [
      '{"id":1,"type":"publish","room":"time","data":{"n":12345678901234567890}}',
      { type: "publish", ...head, event: undefined, content: '{"n":12345678901234567890}' },
    ],
    [
      '{"id":1,"type":"publish","room":"time","event":"said","data":null}',
      { type: "publish", ...head, event: "said", content: "null" },
    ],
    [
      '{"id":1,"type":"publish","room":"time","binary":"AP8="}',
      { type: "publish", ...head, event: undefined, content: Buffer.from([0, 255]) },
    ],
    [
      '{"id":1,"type":"history","room":"time","since":"e:1","limit":100}',
      { type: "history", ...head, since: "e:1", before: undefined, limit: 100 },
    ],
    // What a later version adds is ignored.
    ['{"id":1,"type":"leave","room":"time","soon":true}', { type: "leave", ...head }],
  ])("%s", (text, command) => {
    expect(readCommand(text)).toEqual(command as ReturnType<typeof readCommand>);
  });

  test.each([
    ["hello", undefined],
    ["[]", undefined],
    ['{"type":"ping"}', undefined],
    ['{"id":"1","type":"ping"}', undefined],
    ['{"id":1.5,"type":"ping"}', undefined],
    ['{"id":-1,"type":"ping"}', undefined],
    ['{"id":9007199254740992,"type":"ping"}', undefined],
    ['{"id":1,"type":7}', 1],
    ['{"id":1,"type":"join"}', 1],
    ['{"id":1,"type":"join","room":["time"]}', 1],
    ['{"id":1,"type":"join","room":"time","secret":{}}', 1],
    ['{"id":1,"type":"join","room":"time","at":7}', 1],
    ['{"id":1,"type":"publish","room":"time"}', 1],
    ['{"id":1,"type":"publish","room":"time","data":1,"binary":""}', 1],
    ['{"id":1,"type":"publish","room":"time","binary":"no base64!"}', 1],
    ['{"id":1,"type":"publish","room":"time","event":"e","binary":"AA=="}', 1],
    ['{"id":1,"type":"history","room":"time","limit":0}', 1],
    ['{"id":1,"type":"history","room":"time","limit":101}', 1],
    ['{"id":1,"type":"history","room":"time","since":"a","before":"b"}', 1],
    [`{"id":1,"type":"ping","x":${"[".repeat(100)}${"]".repeat(100)}}`, undefined],
  ])("%s is none", (text, id) => {
    expect(readCommand(text)).toEqual({ type: "fault", id, code: "bad_message" });
  });

  test("an unknown type is said to be one, also a name that every object has", () => {
    for (const type of ["subscribe", "toString", "__proto__", ""]) {
      const text = JSON.stringify({ id: 3, type });
      expect(readCommand(text)).toEqual({ type: "fault", id: 3, code: "unknown_command" });
    }
    expect(readCommand(Buffer.from('{"id":1,"type":"ping"}'))).toEqual({
      type: "fault",
      id: undefined,
      code: "bad_message",
    });
  });

  test("S1 T3 100,000 texts: each is a command of the specification or a fault, and none throws", () => {
    const field = fc.oneof(
      fc.string(),
      fc.nat(),
      fc.jsonValue(),
      fc.constantFrom("join", "leave", "publish", "history", "ping", "time", "AA==", 1, 100),
    );
    const packet = fc.dictionary(
      fc.constantFrom("id", "type", "room", "secret", "at", "event", "data", "binary", "since", "limit", "x"),
      field,
    );
    const cut = fc.tuple(packet, fc.double({ min: 0, max: 1, noNaN: true }));
    const text = fc.oneof(
      packet.map((value) => JSON.stringify(value)),
      cut.map(([value, part]) => JSON.stringify(value).slice(0, part * 80)),
      fc.string({ unit: "binary" }),
    );
    const types = new Set(["join", "leave", "publish", "history", "token", "ping", "fault"]);
    fc.assert(
      fc.property(text, (sent) => {
        const command = readCommand(sent);
        if (!types.has(command.type)) return false;
        if (command.id !== undefined && !Number.isSafeInteger(command.id)) return false;
        if (command.type === "fault" || command.type === "ping") return true;
        if (command.type === "token") return typeof command.token === "string";
        return typeof command.room === "string";
      }),
      { numRuns: 100_000, seed: 11 },
    );
  });
});

test("what may be the name of a room or an event", () => {
  for (const room of ["time", " ", "a::b", "a,b", "é"]) expect(isRoomName(room)).toBe(true);
  for (const room of ["", "\ud800", "x\ufffd", "\0", "time\n", "\u007f", "\u0085"])
    expect(isRoomName(room)).toBe(false);
  for (const event of ["update", ""]) expect(isEventName(event, 256)).toBe(true);
  for (const event of ["connect", "disconnect", "x".repeat(257)]) expect(isEventName(event, 256)).toBe(false);
});

test("base64 is with its padding, or none at all", () => {
  expect(readBase64("AP8=")).toEqual(Buffer.from([0, 255]));
  expect(readBase64("")).toEqual(Buffer.alloc(0));
  for (const text of ["A", "AP8", "AP_=", "AP8=\n", "====", " AP8="])
    expect(readBase64(text)).toBeUndefined();
});

test("SEC-05 what the gateway says repeats nothing but the room that was named", () => {
  expect(errorMessage("bad_message", undefined)).not.toContain('"id"');
  expect(JSON.parse(errorMessage("rate_limited", 7))).toMatchObject({
    id: 7,
    error: { code: "rate_limited", retry: true },
  });
  expect(joinedMessage({ room: 'a"\n' })).toBe('{"type":"joined","room":"a\\"\\n"}');
});
