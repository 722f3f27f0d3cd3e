import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { readCommand } from "./read-command.ts";

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

  const wrongId = "Expected `id` to be a whole number from 0 to 2^53 - 1";
  const noText = (name: string): string => `Expected \`${name}\` to be a string, where it is there`;

  test.each([
    ["hello", undefined, undefined],
    ["[]", undefined, undefined],
    ['{"type":"ping"}', undefined, wrongId],
    ['{"id":"1","type":"ping"}', undefined, wrongId],
    ['{"id":1.5,"type":"ping"}', undefined, wrongId],
    ['{"id":-1,"type":"ping"}', undefined, wrongId],
    ['{"id":9007199254740992,"type":"ping"}', undefined, wrongId],
    ['{"id":1}', 1, "Expected `type` to be a string"],
    ['{"id":1,"type":7}', 1, "Expected `type` to be a string"],
    ['{"id":1,"type":"join"}', 1, "Expected `room` to be a string"],
    ['{"id":1,"type":"leave","room":["time"]}', 1, "Expected `room` to be a string"],
    ['{"id":1,"type":"join","room":"time","secret":{}}', 1, noText("secret")],
    ['{"id":1,"type":"join","room":"time","secret":5}', 1, noText("secret")],
    ['{"id":1,"type":"join","room":"time","at":5}', 1, noText("at")],
    ['{"id":1,"type":"join","room":"time","presence":1}', 1, "Expected `presence` to be true or false"],
    ['{"id":1,"type":"token"}', 1, "Expected `token` to be a string"],
    ['{"id":1,"type":"publish","room":"time"}', 1, "Expected either `data` or `binary`"],
    ['{"id":1,"type":"publish","room":"time","data":1,"binary":""}', 1, "Expected either `data` or `binary`"],
    ['{"id":1,"type":"publish","room":"time","data":1,"event":[]}', 1, noText("event")],
    [
      '{"id":1,"type":"publish","room":"time","binary":"no base64!"}',
      1,
      "Expected `binary` to be base64 with its padding",
    ],
    [
      '{"id":1,"type":"publish","room":"time","event":"e","binary":"AA=="}',
      1,
      "Expected no `event` beside `binary`",
    ],
    ...["0", "101", '"5"', "1.5"].map(
      (limit) =>
        [
          `{"id":1,"type":"history","room":"time","limit":${limit}}`,
          1,
          "Expected `limit` to be a whole number from 1 to 100",
        ] as const,
    ),
    ['{"id":1,"type":"history","room":"time","since":7}', 1, noText("since")],
    [
      '{"id":1,"type":"history","room":"time","since":"a","before":"b"}',
      1,
      "Expected `since` or `before`, not both",
    ],
    [`{"id":1,"type":"ping","x":${"[".repeat(100)}${"]".repeat(100)}}`, undefined, undefined],
  ] as const)("%s is none, and is told what was expected", (text, id, sentence) => {
    expect(readCommand(text)).toEqual({
      type: "fault",
      id,
      code: "bad_message",
      ...(sentence !== undefined && { sentence }),
    });
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
