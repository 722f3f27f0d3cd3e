import { describe, expect, setDefaultTimeout, test } from "bun:test";
import fc from "fast-check";
import { officialDecode, officialEncode } from "../../../test/support/official-parsers.ts";
import type { ClientVersion } from "../../../test/support/official-parsers.ts";
import type { Packet } from "./packet.ts";
import {
  encodeAck,
  encodeConnect,
  encodeConnectError,
  encodeDisconnect,
  encodeEvent,
  isPayloadAllowed,
  parseAck,
  parseEvent,
  parsePacket,
} from "./packet.ts";

// For a machine that does much else besides.
setDefaultTimeout(60_000);

const runs = 100_000;
const clientVersions: readonly ClientVersion[] = ["4", "3", "2"];

const plain = { namespace: "/", id: undefined, attachments: 0, json: undefined };

describe("parsePacket", () => {
  const good: readonly (readonly [string, Packet])[] = [
    ["0", { ...plain, type: 0 }],
    ["0{}", { ...plain, type: 0, json: "{}" }],
    ['0/chat,{"token":"1"}', { ...plain, type: 0, namespace: "/chat", json: '{"token":"1"}' }],
    ["0/chat", { ...plain, type: 0, namespace: "/chat" }],
    ["0/chat?a=b", { ...plain, type: 0, namespace: "/chat" }],
    ["0/chat?a=b,", { ...plain, type: 0, namespace: "/chat" }],
    ["0/?a=b", { ...plain, type: 0 }],
    ["1", { ...plain, type: 1 }],
    ["1/chat,", { ...plain, type: 1, namespace: "/chat" }],
    ['2["a"]', { ...plain, type: 2, json: '["a"]' }],
    ['20["a"]', { ...plain, type: 2, id: "0", json: '["a"]' }],
    ['2/chat,12["a",1]', { ...plain, type: 2, namespace: "/chat", id: "12", json: '["a",1]' }],
    ["3007[]", { ...plain, type: 3, id: "007", json: "[]" }],
    ['50-["a"]', { ...plain, type: 5, json: '["a"]' }],
    ['510-["a"]', { ...plain, type: 5, attachments: 10, json: '["a"]' }],
    ['52-/chat,7["a"]', { ...plain, type: 5, namespace: "/chat", id: "7", attachments: 2, json: '["a"]' }],
    ["61-3[]", { ...plain, type: 6, id: "3", attachments: 1, json: "[]" }],
    [`2${"9".repeat(100)}[]`, { ...plain, type: 2, id: "9".repeat(100), json: "[]" }],
  ];
  test.each(good)("SIO-07 SIO-09 %s is read", (text, packet) => {
    expect(parsePacket(text)).toEqual(packet);
  });

  const bad: readonly string[] = [
    "",
    "abc",
    "7[]",
    "[]",
    "-1",
    '5["a"]',
    '5-["a"]',
    '5x-["a"]',
    '5-1-["a"]',
    '51.5-["a"]',
    "511-[]",
    "59999-[]",
    "5999999-[]",
    "459999-[]",
    "6[]",
    '21-["a"]',
    `2${"9".repeat(101)}["a"]`,
  ];
  test.each(bad)("SIO-12 SIO-07 SIO-09 %j is no packet", (text) => {
    const packet = parsePacket(text);
    // A minus after a type without attachments is left to the payload, which then is no JSON.
    expect(packet === undefined || parseEvent(packet) === undefined).toBe(true);
    if (packet) expect(isPayloadAllowed(packet)).toBe(false);
  });
});

describe("payloads", () => {
  const event = (text: string): ReturnType<typeof parseEvent> => {
    const packet = parsePacket(text);
    return packet && parseEvent(packet);
  };
  const ack = (text: string): ReturnType<typeof parseAck> => {
    const packet = parsePacket(text);
    return packet && parseAck(packet);
  };
  const holder = (num: string, mark = "true"): string => `{"_placeholder":${mark},"num":${num}}`;

  test("SIO-07 an event is a non-empty array that begins with its name", () => {
    expect(event('2["a",1,{"b":[]}]')).toEqual({ name: "a", args: [1, { b: [] }] });
    expect(event('2[""]')).toEqual({ name: "", args: [] });
    // Node takes numbers for names.
    expect(event("2[1,{}]")).toEqual({ name: "1", args: [{}] });
    for (const text of [
      "2",
      "2[]",
      "2{}",
      "2[true]",
      "2[null]",
      '2"a"',
      "2null",
      '2[["a"]]',
      '2["a"',
      '2["a"]x',
      '2x["a"]',
    ]) {
      expect(event(text)).toBeUndefined();
    }
  });

  test("SIO-09 placeholders name an attachment, by an own `true` and an integer in range", () => {
    expect(event(`51-["a",${holder("0")}]`)).toBeDefined();
    expect(event(`52-["a",{"b":[${holder("1")},${holder("0")}]}]`)).toBeDefined();
    expect(event(`51-["a",${holder("0")},${holder("0")}]`)).toBeDefined();
    const nums = [
      "1",
      "-1",
      "0.5",
      "1e99",
      '"0"',
      "null",
      "true",
      "[]",
      "{}",
      '"splice"',
      '"__proto__"',
      "9007199254740993",
    ];
    for (const num of nums) expect(event(`51-["a",${holder(num)}]`)).toBeUndefined();
    expect(event('51-["a",{"_placeholder":true}]')).toBeUndefined();
    expect(event(`51-["a",{"deep":[{"er":${holder("7")}}]}]`)).toBeUndefined();
    expect(event(`51-["a",{"__proto__":${holder("7")}}]`)).toBeUndefined();
    // A mark that is not `true` is data, to the official clients too.
    for (const mark of ["1", '"true"', "false", "null", "{}"]) {
      expect(event(`51-["a",${holder("0")},${holder("7", mark)}]`)).toBeDefined();
    }
    // Without attachments nothing is put together, so nothing is judged.
    expect(event(`2["a",${holder("7")}]`)).toBeDefined();
    expect(event(`50-["a",${holder("7")}]`)).toBeDefined();
  });

  test("SIO-09 SIO-10 binary acknowledgements are held to the same rule", () => {
    expect(ack(`61-3[${holder("0")}]`)).toEqual([holder("0")]);
    expect(ack(`61-3[${holder("1")}]`)).toBeUndefined();
    expect(ack(`60-3[${holder("1")}]`)).toEqual([holder("1")]);
  });

  test("SIO-10 SIO-15 acknowledgements keep their text, digit by digit", () => {
    expect(ack('31[ 12345678901234567890 ,"é",{"a":1.0}]')).toEqual([
      "12345678901234567890",
      '"é"',
      '{"a":1.0}',
    ]);
    expect(ack("31[]")).toEqual([]);
    // Without a payload, as node takes it; without an id it is nobody's answer.
    for (const text of ["31", "3", "3[]", "3/x,1", "61-1"]) expect(ack(text)).toEqual([]);
    for (const text of ["31{}", "31null", "31[", "31x[]", '31"a"']) expect(ack(text)).toBeUndefined();
  });

  test("SIO-01 CONNECT carries nothing or an object, DISCONNECT nothing", () => {
    const allowed = (text: string): boolean => {
      const packet = parsePacket(text);
      return packet !== undefined && isPayloadAllowed(packet);
    };
    for (const text of ["0", "0{}", '0{"token":{"a":[1]}}', "0/x", "0/x,{}", "1", "1/x,"])
      expect(allowed(text)).toBe(true);
    for (const text of ["0[]", "0null", '0"a"', "01[]", "0{", "0true", "1{}", "1null", "1[]"])
      expect(allowed(text)).toBe(false);
  });

  test("T3 T4 nesting is bounded where it is walked, and never throws", () => {
    for (const depth of [100, 10_000, 400_000]) {
      const nested = `${"[".repeat(depth)}${"]".repeat(depth)}`;
      expect(event(`51-["a",${nested}]`) !== undefined).toBe(depth === 100);
      expect(ack(`31[${nested}]`) !== undefined).toBe(depth === 100);
      const objects = `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`;
      expect(event(`51-["a",${objects}]`) !== undefined).toBe(depth === 100);
      expect(() => event(`2["a",${nested}]`)).not.toThrow();
    }
  });

  test("T20 names of the prototype are ordinary data", () => {
    expect(event('2["__proto__",{"__proto__":{"x":1},"constructor":{"prototype":{"x":1}}}]')?.name).toBe(
      "__proto__",
    );
    expect(({} as { x?: number }).x).toBeUndefined();
  });
});

describe("encoding", () => {
  const event = { namespace: "/", event: "update", args: ['{"time":1}'], attachments: [] };
  const binary = [Uint8Array.of(0, 255)];

  test("SIO-02 SIO-03 CONNECT in both generations", () => {
    expect(encodeConnect("/", { sid: "abc" })).toBe('40{"sid":"abc"}');
    expect(encodeConnect("/chat", { sid: "abc" })).toBe('40/chat,{"sid":"abc"}');
    expect(encodeConnect("/", { sid: "abc", pid: "def" })).toBe('40{"sid":"abc","pid":"def"}');
    expect(encodeConnect("/", undefined)).toBe("40");
    expect(encodeConnect("/chat", undefined)).toBe("40/chat");
  });

  test("SIO-05 SIO-11 refusals and the end of a namespace", () => {
    expect(encodeConnectError("/", "Unable to connect")).toBe('44"Unable to connect"');
    expect(encodeConnectError("/x", { message: "Invalid namespace" })).toBe(
      '44/x,{"message":"Invalid namespace"}',
    );
    expect(encodeDisconnect("/")).toBe("41");
    expect(encodeDisconnect("/x")).toBe("41/x,");
  });

  test("SIO-07 SIO-09 SIO-10 events and acknowledgements", () => {
    expect(encodeEvent(event)).toBe('42["update",{"time":1}]');
    expect(encodeEvent({ ...event, namespace: "/chat", args: [] }, { id: "3" })).toBe('42/chat,3["update"]');
    expect(
      encodeEvent(
        { ...event, args: ['"a"', '{"_placeholder":true,"num":0}'], attachments: binary },
        { id: "7" },
      ),
    ).toBe('451-7["update","a",{"_placeholder":true,"num":0}]');
    expect(encodeEvent({ ...event, event: 'a"\n\u2028' })).toBe('42["a\\"\\n\u2028",{"time":1}]');
    expect(encodeAck("/", "0")).toBe("430[]");
    expect(encodeAck("/chat", "12")).toBe("43/chat,12[]");
  });

  test("EIO-09 an event in ASCII: its name and its arguments are escaped, a namespace has no form for that", () => {
    const text = encodeEvent(
      { namespace: "/é", event: "é", args: ['{"ü":"😀"}', '"\\u00e9"'], attachments: [] },
      { isAscii: true },
    );
    expect(text).toBe('42/é,["\\u00e9",{"\\u00fc":"\\ud83d\\ude00"},"\\u00e9"]');
  });
});

// Namespaces as clients may have them: no comma, no question mark.
const namespaceText = fc
  .string({ unit: "grapheme", maxLength: 20 })
  .map((text) => `/${text.replaceAll(/[,?]/g, "")}`);
const idText = fc.option(fc.nat({ max: Number.MAX_SAFE_INTEGER }), { nil: undefined });
const jsonValues = fc.array(fc.jsonValue({ noUnicodeString: false, maxDepth: 3 }), { maxLength: 4 });
const eventName = fc
  .string({ unit: "grapheme", maxLength: 20 })
  .filter((name) => !/^(connect|disconnect)/.test(name));

describe("against the official parsers", () => {
  test("SIO-07 SIO-10 what clients encode is read as they meant it", () => {
    const inputs = fc.tuple(
      fc.constantFrom(...clientVersions),
      fc.constantFrom(2, 3),
      namespaceText,
      idText,
      eventName,
      jsonValues,
    );
    fc.assert(
      fc.property(inputs, ([version, type, nsp, id, name, values]) => {
        const data = type === 2 ? [name, ...values] : values;
        const [frame] = officialEncode(version, { type, nsp, data, ...(id === undefined ? {} : { id }) });
        const packet = parsePacket(String(frame));
        const expected = id === undefined ? undefined : String(id);
        expect(packet).toMatchObject({ type, namespace: nsp, id: expected, attachments: 0 });
        if (!packet) return;
        if (type === 2)
          expect(parseEvent(packet)).toEqual({ name, args: JSON.parse(JSON.stringify(values)) });
        else
          expect(parseAck(packet)?.map((text) => JSON.parse(text) as unknown)).toEqual(
            JSON.parse(JSON.stringify(values)),
          );
      }),
      { numRuns: 5_000 },
    );
  });

  test("SIO-07 SIO-09 SIO-10 what we encode is what every client reads", () => {
    const inputs = fc.record({
      version: fc.constantFrom(...clientVersions),
      namespace: namespaceText,
      id: idText,
      event: eventName,
      values: jsonValues,
      binary: fc.array(fc.uint8Array({ maxLength: 10 }), { maxLength: 3 }),
      isAscii: fc.boolean(),
    });
    fc.assert(
      fc.property(inputs, ({ version, namespace, id, event, values, binary, isAscii }) => {
        const holders = binary.map((_, num) => `{"_placeholder":true,"num":${num}}`);
        const args = [...values.map((value) => JSON.stringify(value)), ...holders];
        const text = encodeEvent(
          { namespace, event, args, attachments: binary },
          { id: id === undefined ? undefined : String(id), isAscii },
        );
        const frames = [text.slice(1), ...binary.map((bytes) => Buffer.from(bytes))];
        const decoded = officialDecode(version, frames);
        expect(decoded).toMatchObject({ nsp: namespace });
        expect(decoded?.id).toBe(id);
        const expected = [
          event,
          ...JSON.parse(JSON.stringify(values)),
          ...binary.map((bytes) => Buffer.from(bytes)),
        ];
        expect(decoded?.data).toEqual(expected);
      }),
      { numRuns: 5_000 },
    );
  });

  test("SIO-12 nothing that a client's own parser refuses is taken for a packet", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const packet = parsePacket(text);
        if (!packet || !isTaken(packet)) return;
        // Our own additions: zero attachments (SIO-09), and Python's bare words, which only ever go back as `null`.
        if (/^[56]0+-/.test(text) || /NaN|Infinity/.test(text)) return;
        const attachments = Array.from({ length: packet.attachments }, () => Buffer.of(1));
        expect(() => officialDecode("4", [text, ...attachments])).not.toThrow();
      }),
      { numRuns: runs },
    );
  });
});

/** Carried out by client.ts and namespace-socket.ts, rather than answered by closing; reserved names are theirs. */
function isTaken(packet: Packet): boolean {
  if (packet.type === 0 || packet.type === 1) return isPayloadAllowed(packet);
  if (packet.type === 4) return false;
  if (packet.type === 3 || packet.type === 6) return parseAck(packet) !== undefined;
  const event = parseEvent(packet);
  return (
    event !== undefined &&
    !/^(connect|connect_error|disconnect|disconnecting|newListener|removeListener)$/.test(event.name)
  );
}

/** Texts near the grammar: pieces of packets in any order. */
const piece = fc.oneof(
  fc.constantFrom(
    "0",
    "1",
    "2",
    "3",
    "4",
    "5",
    "6",
    "7",
    "-",
    "1-",
    "10-",
    "11-",
    "/",
    "/chat",
    ",",
    "?a=b",
    " ",
  ),
  fc.constantFrom(
    "[",
    "]",
    "{",
    "}",
    '"',
    "null",
    "true",
    "NaN",
    "1e400",
    '["a"]',
    '["connect"]',
    "[]",
    "{}",
    '{"a":1}',
  ),
  fc.constantFrom(
    '{"_placeholder":true,"num":0}',
    '{"_placeholder":true,"num":1}',
    '["a",{"_placeholder":true,"num":0}]',
  ),
  fc.string({ unit: "binary", maxLength: 8 }),
  fc.nat().map(String),
);
const anyText = fc.oneof(
  { weight: 5, arbitrary: fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join("")) },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 60 }) },
);

test("T3 SIO-12 no text makes the parser throw, or keeps it busy", () => {
  const started = performance.now();
  fc.assert(
    fc.property(anyText, (text) => {
      const packet = parsePacket(text);
      if (!packet) return;
      parseEvent(packet);
      parseAck(packet);
      isPayloadAllowed(packet);
      expect(packet.namespace.startsWith("/")).toBe(true);
      expect(packet.attachments).toBeLessThanOrEqual(10);
      expect(packet.id ?? "0").toMatch(/^\d{1,100}$/);
    }),
    { numRuns: runs },
  );
  // Some 10 microseconds each; the bound is for a busy machine.
  expect(performance.now() - started).toBeLessThan(50_000);
});

test("T3 T7 a megabyte of anything is judged in linear time", () => {
  const size = 1_000_000;
  const texts = [
    "2",
    "5",
    "2/",
    "0/?",
    "21",
    "2[",
    '2["',
    '2["a",',
    "3[",
    "2-",
    "5-",
    "2 ",
    "2\n",
    '2"\\',
    "2[",
  ].flatMap((head) =>
    ["1", "[", "/", ",", "?", '"', "\\", "{", "-", " "].map((filler) => head + filler.repeat(size)),
  );
  for (const text of texts) {
    const started = performance.now();
    const packet = parsePacket(text);
    if (packet) {
      parseEvent(packet);
      parseAck(packet);
      isPayloadAllowed(packet);
    }
    // A few milliseconds; minutes if it were quadratic.
    expect(performance.now() - started).toBeLessThan(10_000);
  }
});
