// The queue of the Python backends: what each encoding means, what is skipped and why, and noise.

import type { SkipReason } from "../../../vocabulary/reasons.ts";
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { BackendMessage, Publication } from "../../../core/publication.ts";
import { pythonFeed } from "./queue.ts";

const channel = "flask-socketio";
const feed = pythonFeed({ channel, gatewayId: "ours", pickle: true });

function decodeBytes(payload: Buffer): BackendMessage {
  return feed.decode({ channel, payload });
}

function decode(message: unknown): BackendMessage {
  return decodeBytes(Buffer.from(typeof message === "string" ? message : JSON.stringify(message)));
}

function decodePickle(base64: string): BackendMessage {
  return decodeBytes(Buffer.from(base64, "base64"));
}

/** Pickle text, characters up to U+00FF standing for bytes. */
function decodeLatin1(pickle: string): BackendMessage {
  return decodeBytes(Buffer.from(pickle, "latin1"));
}

const emit = { method: "emit", event: "x", data: 1, namespace: "/", room: null, host_id: "h" };

const published: Publication = {
  kind: "publication",
  namespace: "/",
  rooms: undefined,
  except: [],
  skip: [],
  event: "x",
  args: ["1"],
  attachments: [],
  volatile: false,
};

function publication(message: unknown): Publication {
  const decoded = decode(message);
  if (decoded.kind !== "publication")
    throw new Error(`Expected a publication, got ${JSON.stringify(decoded)}`);
  return decoded;
}

const junk = (reason: string, detail?: string): BackendMessage => ({
  kind: "skipped",
  reason: reason as SkipReason,
  detail,
  isJunk: true,
});
const notForUs = (reason: string): BackendMessage => ({ kind: "skipped", reason, isJunk: false });

const vectors = {
  protocol3:
    "gAN9cQAoWAYAAABtZXRob2RxAVgEAAAAZW1pdHECWAUAAABldmVudHEDWAYAAAB1cGRhdGVxBFgEAAAAZGF0YXEFfXEGWAQAAAB0aW1lcQdLAXNYCQAAAG5hbWVzcGFjZXEIWAEAAAAvcQlYBAAAAHJvb21xCmgHWAgAAABza2lwX3NpZHELTlgIAAAAY2FsbGJhY2txDE5YBwAAAGhvc3RfaWRxDVgBAAAAaHEOdS4=",
  protocol4:
    "gASVeAAAAAAAAAB9lCiMBm1ldGhvZJSMBGVtaXSUjAVldmVudJSMBnVwZGF0ZZSMBGRhdGGUfZSMBHRpbWWUSwFzjAluYW1lc3BhY2WUjAEvlIwEcm9vbZRoB4wIc2tpcF9zaWSUTowIY2FsbGJhY2uUTowHaG9zdF9pZJSMAWiUdS4=",
  tuple:
    "gASVhwAAAAAAAAB9lCiMBm1ldGhvZJSMBGVtaXSUjAVldmVudJSMAXiUjARkYXRhlIwBYZRDAgD/lIaUjAluYW1lc3BhY2WUjAEvlIwEcm9vbZRdlCiMAnIxlIwCcjKUZYwIc2tpcF9zaWSUTowIY2FsbGJhY2uUjAFylGgKSweHlIwHaG9zdF9pZJSMAWiUdS4=",
  function: "gASVFAAAAAAAAACMBXBvc2l4lIwGc3lzdGVtlJOULg==",
};

describe("test vectors of compat.md", () => {
  test.each([vectors.protocol3, vectors.protocol4])(
    "PSQ-02 PSQ-04 PSQ-06 an emit of protocol 3 or 4",
    (pickle) => {
      expect(decodePickle(pickle)).toEqual({
        ...published,
        event: "update",
        args: ['{"time":1}'],
        rooms: ["time"],
      });
    },
  );

  test("PSQ-09 PSQ-10 SIO-09 two arguments, one binary, two rooms, a callback", () => {
    const decoded = decodePickle(vectors.tuple) as Publication;
    expect(decoded).toEqual({
      ...published,
      args: ['"a"', '{"_placeholder":true,"num":0}'],
      attachments: [Buffer.of(0, 255)],
      rooms: ["r1", "r2"],
      onAck: expect.any(Function),
    });
    expect(decoded.onAck?.(['"ok"', "2"], false)).toEqual({
      channel,
      payload: '{"method":"callback","host_id":"h","sid":"r","namespace":"/","id":7,"args":["ok",2]}',
    });
  });

  test("PSQ-04 SEC-01 a bare reference to a function is refused", () => {
    expect(decodePickle(vectors.function)).toEqual(junk("pickle_global", "posix.system"));
  });

  test("PSQ-02 PSQ-09 SIO-09 JSON with binary, as 5.15.1 writes it", () => {
    const message =
      '{"method":"emit","event":"x","data":[["a",{"_placeholder":true,"num":0}],"AP8="],"binary":true,"namespace":"/","room":null,"skip_sid":null,"callback":null,"host_id":"h"}';
    expect(decode(message)).toEqual({
      ...published,
      args: ['"a"', '{"_placeholder":true,"num":0}'],
      attachments: [Buffer.of(0, 255)],
    });
  });

  test("PSQ-09 a list is one argument without `binary`, and all of them with it", () => {
    expect(publication({ ...emit, data: [1, 2] }).args).toEqual(["[1,2]"]);
    expect(publication({ ...emit, data: [1, 2], binary: false }).args).toEqual(["1", "2"]);
  });
});

describe("encodings", () => {
  test("PSQ-03 PSQ-06 a byte order mark in front of JSON is no part of it, as in Python", () => {
    expect(decode(`\ufeff${JSON.stringify(emit)}`)).toEqual(published);
    expect(decode(`\ufeff\r\n ${JSON.stringify(emit)}`)).toEqual(published);
  });

  test("SIO-15 PSQ-09 as deep as Python nests, by JSON and by pickle, and never deep enough to end us", () => {
    const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);
    const json = (depth: number): string =>
      `{"method":"emit","event":"x","data":${nested(depth)},"namespace":"/"}`;
    expect(decode(json(1_000))).toMatchObject({ kind: "publication", args: [nested(1_000)] });
    expect(decode(json(100_000))).toEqual(junk("not_json"));
    const pickle = (depth: number): string =>
      `\x80\x04}(\x8c\x06method\x8c\x04emit\x8c\x05event\x8c\x01x\x8c\x04data${"]".repeat(depth)}${"a".repeat(depth - 1)}u.`;
    expect(decodeLatin1(pickle(1_000))).toMatchObject({ kind: "publication", args: [nested(1_000)] });
    expect(decodeLatin1(pickle(100_000))).toEqual(junk("pickle_limit"));
  });

  const skips: readonly [string, string][] = [
    ["", "unknown_encoding"],
    ["   ", "unknown_encoding"],
    ["\0", "unknown_encoding"],
    ["[1]", "unknown_encoding"],
    ['"method"', "unknown_encoding"],
    ["7", "unknown_encoding"],
    ["\ufeff", "unknown_encoding"],
    ["\ufeff\ufeff{}", "unknown_encoding"],
    [" \ufeff{}", "unknown_encoding"],
    ["\ufeff{", "not_json"],
    ["{", "not_json"],
    ["{}}", "not_json"],
    ["{'method':'emit'}", "not_json"],
    [`{"a":${"[".repeat(1_100)}${"]".repeat(1_100)}}`, "not_json"],
    [`{${Array.from({ length: 1_001 }, (_, index) => `"${index}":1`).join(",")}}`, "not_json"],
  ];

  test.each(skips)("PSQ-03 %j is skipped as %s", (payload, reason) => {
    expect(decode(payload)).toEqual(junk(reason));
  });

  test("PSQ-03 bytes that are no UTF-8 are no JSON", () => {
    expect(decodeLatin1('{"method":"emit","event":"\xff"}')).toEqual(junk("not_json"));
  });

  test("PSQ-03 JSON may stand behind white space", () => {
    expect(decode(`\n\r\t ${JSON.stringify(emit)} `)).toEqual(published);
  });

  test("PSQ-03 PSQ-02 pickles of protocol 0 and 1, as Python 2 and text protocols write them", () => {
    const protocol0 =
      "(dp0\nS'method'\np1\nS'emit'\np2\nsS'event'\np3\nVx\np4\nsS'data'\np5\n(I1\nS'\\xff'\ntp6\nsS'room'\np7\nS'r'\ns.";
    const expected = {
      ...published,
      rooms: ["r"],
      args: ["1", '{"_placeholder":true,"num":0}'],
      attachments: [Buffer.of(255)],
    };
    expect(decodeLatin1(protocol0)).toEqual(expected);
    const protocol1 = "}(U\x06methodU\x04emitU\x05eventU\x01xU\x04data(K\x01U\x01\xfftU\x04roomU\x01ru.";
    expect(decodeLatin1(protocol1)).toEqual(expected);
  });

  test("PSQ-04 pickle can be refused altogether", () => {
    const strict = pythonFeed({ channel, gatewayId: "ours", pickle: false });
    const payload = Buffer.from(vectors.protocol4, "base64");
    expect(strict.decode({ channel, payload })).toEqual(junk("pickle_disabled"));
    expect(strict.decode({ channel, payload: Buffer.from(JSON.stringify(emit)) })).toEqual(published);
  });

  test("PSQ-04 T2 why a pickle is skipped", () => {
    expect(decodeLatin1("\x80\x04N.")).toEqual(junk("not_object"));
    expect(decodeLatin1("(lp0\n.")).toEqual(junk("not_object"));
    expect(decodeLatin1("\x80\x04}")).toEqual(junk("pickle_truncated"));
    expect(decodeLatin1("\x80\x04}\x8f.")).toEqual(junk("pickle_refused", "set"));
    expect(decodeLatin1("\x80\x04]\x94h\0a.")).toEqual(junk("pickle_limit"));
    expect(decodeLatin1("(?")).toEqual(junk("pickle_invalid"));
    expect(decodeLatin1("(S'id'\nios\nsystem\n.")).toEqual(junk("pickle_global", "os.system"));
  });

  test("T2 PSQ-04 cut off at any byte, an emit is skipped", () => {
    const whole = Buffer.from(vectors.tuple, "base64");
    for (let length = 1; length < whole.length; length++) {
      expect(decodeBytes(whole.subarray(0, length))).toEqual(junk("pickle_truncated"));
    }
  });
});

describe("fields of an emit", () => {
  test("PSQ-06 the fewest that third parties send", () => {
    expect(decode({ method: "emit", event: "x", data: 1, namespace: "/", room: "r" })).toEqual({
      ...published,
      rooms: ["r"],
    });
    expect(decode({ method: "emit", event: "x" })).toEqual({ ...published, args: [] });
  });

  test("PSQ-05 the namespace: null and none are `/`, anything else stays as it is", () => {
    for (const namespace of ["/chat", "chat", "", "/"]) {
      expect(publication({ ...emit, namespace }).namespace).toBe(namespace);
    }
    expect(publication({ ...emit, namespace: null }).namespace).toBe("/");
    expect(publication({ ...emit, namespace: undefined }).namespace).toBe("/");
    for (const namespace of [1, true, [], {}, ["/"]]) {
      expect(decode({ ...emit, namespace })).toEqual(junk("namespace_invalid"));
    }
  });

  test("PSQ-07 rooms: everybody, one, a union, nobody", () => {
    const rooms: readonly [unknown, readonly string[] | undefined][] = [
      [null, undefined],
      [undefined, undefined],
      ["r", ["r"]],
      ["", [""]],
      ["h\u00e9 \u20ac", ["h\u00e9 \u20ac"]],
      ["__proto__", ["__proto__"]],
      [
        ["a", "b"],
        ["a", "b"],
      ],
      [
        ["a", ""],
        ["a", ""],
      ],
      [[], []],
      [5, []],
      [true, []],
      [
        ["a", 5, "b", 1.5, false],
        ["a", "b"],
      ],
      [[5], []],
    ];
    for (const [room, expected] of rooms) expect(publication({ ...emit, room }).rooms).toEqual(expected);
  });

  test("PSQ-07 rooms that make no sense never become everybody", () => {
    for (const room of [{}, { a: 1 }, [null], ["a", null], [["a"]], [{}]]) {
      expect(decode({ ...emit, room })).toEqual(junk("room_invalid"));
    }
  });

  test("PSQ-07 a pickled room of bytes, a pickled tuple of rooms", () => {
    const room = (pickled: string): BackendMessage =>
      decodeLatin1(`\x80\x03}(U\x06methodU\x04emitU\x05eventU\x01xU\x04room${pickled}u.`);
    expect(room("C\x01a")).toEqual(junk("room_invalid"));
    expect(room("U\x01aU\x01b\x86")).toEqual({ ...published, args: [], rooms: ["a", "b"] });
    expect(room("K\x05")).toEqual({ ...published, args: [], rooms: [] });
  });

  test("PSQ-08 whom to leave out", () => {
    const skips: readonly [unknown, readonly string[]][] = [
      [null, []],
      [undefined, []],
      ["sid", ["sid"]],
      [
        ["a", "b"],
        ["a", "b"],
      ],
      [["a", 1, null], ["a"]],
      [5, []],
      [{}, []],
    ];
    for (const [skip_sid, expected] of skips)
      expect(publication({ ...emit, skip_sid }).skip).toEqual(expected);
  });

  test("PSQ-06 WSE-25 an event is a string", () => {
    for (const event of [undefined, null, 1, true, [], {}, ["x"]]) {
      expect(decode({ ...emit, event })).toEqual(junk("event_invalid"));
    }
    for (const event of ["", "my event", "__proto__", "\u20ac", "Connect"]) {
      expect(publication({ ...emit, event }).event).toBe(event);
    }
  });

  test.each(["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"])(
    "SIO-13 the reserved event %s is dropped",
    (event) => {
      expect(decode({ ...emit, event })).toEqual(junk("event_reserved"));
      expect(decodeLatin1(`}(U\x06methodU\x04emitU\x05eventV${event}\nu.`)).toEqual(junk("event_reserved"));
      expect(
        decode(`{"method":"emit","event":"\\u00${event.charCodeAt(0).toString(16)}${event.slice(1)}"}`),
      ).toEqual(junk("event_reserved"));
    },
  );
});

describe("arguments", () => {
  test("PSQ-09 without a `binary` key: one argument, or none", () => {
    const args = (data: unknown): readonly string[] => publication({ ...emit, data }).args;
    expect(args(null)).toEqual([]);
    expect(args(undefined)).toEqual([]);
    expect(args([null])).toEqual(["[null]"]);
    expect(args([])).toEqual(["[]"]);
    expect(args({ a: [1] })).toEqual(['{"a":[1]}']);
    expect(args(false)).toEqual(["false"]);
  });

  test("PSQ-09 with `binary: false`: a list is all of them", () => {
    const args = (data: unknown): readonly string[] => publication({ ...emit, data, binary: false }).args;
    expect(args(null)).toEqual([]);
    expect(args([null])).toEqual([]);
    expect(args([])).toEqual([]);
    expect(args([null, null])).toEqual(["null", "null"]);
    expect(args([[1, 2]])).toEqual(["[1,2]"]);
    expect(args({ a: 1 })).toEqual(['{"a":1}']);
    expect(publication({ ...emit, data: [1, 2], binary: null }).args).toEqual(["1", "2"]);
  });

  test("PSQ-09 SIO-15 a pickled tuple is several arguments, anything else one", () => {
    const args = (pickled: string): readonly string[] => {
      const decoded = decodeLatin1(`}(U\x06methodU\x04emitU\x05eventU\x01xU\x04data${pickled}u.`);
      return decoded.kind === "publication" ? decoded.args : [decoded.kind];
    };
    expect(args("N")).toEqual([]);
    expect(args(")")).toEqual([]);
    expect(args("(K\x01(K\x02tt")).toEqual(["1", "[2]"]);
    expect(args("(lI1\naI2\na")).toEqual(["[1,2]"]);
    expect(args("(Nt")).toEqual(["null"]);
    expect(args("}(K\x01G\x7f\xf8\0\0\0\0\0\0\x88\x8a\x09\0\0\0\0\0\0\0\0\x01u")).toEqual([
      '{"1":null,"true":18446744073709551616}',
    ]);
  });

  test("SIO-15 JSON arguments keep their digits, NaN becomes null", () => {
    const data = '{"id": 12345678901234567890, "f": 1.10, "n": NaN, "t": "\\u00e9 NaN"}';
    expect(publication(`{"method": "emit", "event": "x", "data": ${data}}`).args).toEqual([
      data.replace(": NaN", ": null"),
    ]);
    expect(
      publication(`{"method": "emit", "event": "x", "binary": false, "data": [${data}, -Infinity]}`).args,
    ).toEqual([data.replace(": NaN", ": null"), "null"]);
  });

  const binary = (data: string): BackendMessage =>
    decode(`{"method":"emit","event":"x","binary":true,"data":${data}}`);
  const mark = (number: number): string => `{"_placeholder":true,"num":${number}}`;
  const base64 = (text: string): string => JSON.stringify(Buffer.from(text).toString("base64"));

  test("PSQ-09 the value of 5.14.2: with `binary: true`, not a list of arguments", () => {
    expect(binary(`[{"f": {"_placeholder": true, "num": 0}}, ${base64("ab")}]`)).toEqual({
      ...published,
      args: [`{"f": ${mark(0)}}`],
      attachments: [Buffer.from("ab")],
    });
    expect(binary(`[${mark(0)}, ""]`)).toEqual({
      ...published,
      args: [mark(0)],
      attachments: [Buffer.alloc(0)],
    });
  });

  test("SIO-09 placeholders are numbered in their order, whatever they came with", () => {
    const [a, b, c] = [base64("a"), base64("b"), base64("c")];
    const decoded = binary(
      `[["x",{"l":[${mark(2)},{"num":0,"_placeholder":true}]},${mark(2)}],${a},${b},${c}]`,
    );
    expect(decoded).toEqual({
      ...published,
      args: ['"x"', `{"l":[${mark(0)},${mark(1)}]}`, mark(0)],
      attachments: [Buffer.from("c"), Buffer.from("a")],
    });
  });

  test("SIO-09 attachments that nothing refers to do not travel", () => {
    expect(binary(`[["x"],${base64("a")}]`)).toEqual({ ...published, args: ['"x"'] });
    expect(binary('[["x"]]')).toEqual({ ...published, args: ['"x"'] });
    expect(binary("[null]")).toEqual({ ...published, args: [] });
  });

  const forged = [
    mark(1),
    mark(-1),
    '{"_placeholder":true,"num":0.5}',
    '{"_placeholder":true,"num":1e0}',
    '{"_placeholder":true,"num":"0"}',
    '{"_placeholder":true,"num":null}',
    '{"_placeholder":true,"num":99999999999999999999}',
    '{"_placeholder":true,"num":[0]}',
    '{"_placeholder":true,"num":"__proto__"}',
    '{"_placeholder":true}',
    '{"_placeholder":1,"num":0}',
    '{"_placeholder":"true","num":0}',
    '{"_placeholder":false,"num":0}',
    '{"_placeholder":null,"num":0}',
    '{"_placeholder":{"toString":1},"num":0}',
    '{"_placeholder":true,"num":0,"more":1}',
    '{"_placeholder":true,"num":0,"num":7}',
    '{"_placeholder":true,"_placeholder":false,"num":0}',
    `{"_placeholder":true,"num":${mark(0)}}`,
    `{"_placeholder":true,"num":0,"x":${mark(0)}}`,
    '{"\\u005fplaceholder":true,"num":9}',
    '{"__proto__":{"_placeholder":true,"num":9}}',
  ];

  test.each(forged)("T4 %s is no placeholder", (value) => {
    for (const data of [value, `["a",{"b":[${value}]}]`, `[${mark(0)},${value}]`]) {
      expect(binary(`[${data},${base64("a")}]`)).toEqual(junk("placeholder_invalid"));
    }
  });

  test("T4 an escaped placeholder with an attachment is one", () => {
    expect(binary(`[["a",{"\\u005fplaceholder":true,"n\\u0075m":0}],${base64("a")}]`)).toEqual({
      ...published,
      args: ['"a"', mark(0)],
      attachments: [Buffer.from("a")],
    });
  });

  test("T4 a text that reads like a placeholder stays a text", () => {
    const text = JSON.stringify(`\\"${mark(7)}`);
    expect(binary(`[[${text},"_placeholder",${mark(0)}],${base64("a")}]`)).toEqual({
      ...published,
      args: [text, '"_placeholder"', mark(0)],
      attachments: [Buffer.from("a")],
    });
  });

  test("T4 without attachments, what looks like a placeholder is data", () => {
    expect(publication({ ...emit, data: { _placeholder: true, num: 0 } })).toEqual({
      ...published,
      args: [mark(0)],
    });
    const pickle = "}(U\x06methodU\x04emitU\x05eventU\x01xU\x04data}(U\x0c_placeholder\x88U\x03numK\0uu.";
    expect(decodeLatin1(pickle)).toEqual({ ...published, args: [mark(0)] });
  });

  test("T4 a pickled placeholder beside real binary is refused", () => {
    const pickle =
      "}(U\x06methodU\x04emitU\x05eventU\x01xU\x04data(}(U\x0c_placeholder\x88U\x03numK\x05uC\x01atu.";
    expect(decodeLatin1(pickle)).toEqual(junk("placeholder_invalid"));
  });

  test("PSQ-09 SEC-06 a list of more than a million arguments is refused, as one argument it is passed on", () => {
    const list = `[0${",0".repeat(1_000_000)}]`;
    expect(decode(`{"method":"emit","event":"x","binary":false,"data":${list}}`)).toEqual(
      junk("data_invalid"),
    );
    expect(publication(`{"method":"emit","event":"x","data":${list}}`).args).toEqual([list]);
  });

  test("PSQ-09 binary data of another shape is skipped", () => {
    for (const data of ["null", "1", '"a"', "{}", "[]"]) expect(binary(data)).toEqual(junk("data_invalid"));
    for (const encoded of ["1", "null", '"A"', '"AP8"', '"AP8=="', '"A*8="', '"===="', '"AP\\n8="', "[]"]) {
      expect(binary(`[${mark(0)},${encoded}]`)).toEqual(junk("data_invalid"));
    }
    expect(decode('{"method":"emit","event":"x","binary":true}')).toEqual(junk("data_invalid"));
  });

  test("SEC-06 attachments are bounded, and one that is used often travels once", () => {
    const many = (count: number): string => `[[${mark(0)}]${`,${base64("a")}`.repeat(count)}]`;
    expect(binary(many(1_000))).toHaveProperty("attachments.length", 1);
    expect(binary(many(1_001))).toEqual(junk("attachment_limit"));
    const often = `[[${Array.from({ length: 5_000 }, () => mark(0)).join(",")}],${base64("a".repeat(100_000))}]`;
    expect(binary(often)).toHaveProperty("attachments.length", 1);
    const pickle = `\x80\x03}(U\x06methodU\x04emitU\x05eventU\x01xU\x04data](${"C\x01a".repeat(1_001)}eu.`;
    expect(decodeLatin1(pickle)).toEqual(junk("attachment_limit"));
  });
});

describe("callbacks", () => {
  test("PSQ-10 each acknowledgement goes back with room, namespace and id as they came", () => {
    const { onAck } = publication(
      '{"method":"emit","event":"x","host_id":"h\\u00e9","callback":[ null , "/chat", 12345678901234567890 ]}',
    );
    expect(onAck?.([], false)).toEqual({
      channel,
      payload:
        '{"method":"callback","host_id":"hé","sid":null,"namespace":"/chat","id":12345678901234567890,"args":[]}',
    });
    expect(onAck?.(['{"_placeholder":true,"num":0}'], true)).toBe(undefined);
  });

  test("PSQ-10 what is no callback asks for no acknowledgement", () => {
    for (const callback of [null, [], ["r", "/"], ["r", "/", 1, 2], "abc", 3, {}, true]) {
      expect(decode({ ...emit, callback })).toEqual(published);
    }
    for (const host_id of [undefined, null, 5]) {
      expect(decode({ ...emit, host_id, callback: ["r", "/", 1] })).toEqual(published);
    }
  });
});

describe("other methods", () => {
  test("PSQ-11 WSE-26 our own emits are delivered, our other messages are not", () => {
    expect(decode({ ...emit, host_id: "ours" })).toEqual(published);
    for (const method of ["disconnect", "enter_room", "leave_room", "close_room", "callback", "ring"]) {
      expect(decode({ method, sid: "s", room: "r", host_id: "ours" })).toEqual(notForUs("own_message"));
    }
  });

  test("PSQ-11 PSQ-15 callbacks, unknown methods and messages without one are no junk", () => {
    expect(decode({ method: "callback", host_id: "h", sid: "s", id: 1, args: [] })).toEqual(
      notForUs("callback"),
    );
    expect(decode({ method: "ring" })).toEqual(notForUs("unknown_method"));
    expect(decode({ method: "__proto__" })).toEqual(notForUs("unknown_method"));
    expect(decode({ method: null })).toEqual(notForUs("unknown_method"));
    expect(decode({ method: ["emit"] })).toEqual(notForUs("unknown_method"));
    expect(decode({})).toEqual(notForUs("no_method"));
    expect(decode({ Method: "emit" })).toEqual(notForUs("no_method"));
    expect(decodeLatin1("}.")).toEqual(notForUs("no_method"));
  });

  test("PSQ-12 disconnect leaves the namespace; host_id and namespace may be absent", () => {
    expect(decode({ method: "disconnect", sid: "s", namespace: "/chat" })).toEqual({
      kind: "disconnect",
      target: { namespace: "/chat", id: "s" },
      closeClient: "root",
    });
    expect(decode({ method: "disconnect", sid: "s" })).toHaveProperty("target", { namespace: "/", id: "s" });
    for (const sid of [undefined, null, 5, ["s"]]) {
      expect(decode({ method: "disconnect", sid })).toEqual(junk("sid_invalid"));
    }
    expect(decode({ method: "disconnect", sid: "s", namespace: 1 })).toEqual(junk("namespace_invalid"));
  });

  test("PSQ-13 enter_room and leave_room", () => {
    const order = { sid: "s", room: "dir::a", namespace: "/", host_id: "h" };
    const target = { namespace: "/", id: "s" };
    expect(decode({ method: "enter_room", ...order })).toEqual({ kind: "join", target, rooms: ["dir::a"] });
    expect(decode({ method: "leave_room", ...order })).toEqual({ kind: "leave", target, rooms: ["dir::a"] });
    expect(decode({ method: "enter_room", ...order, sid: null })).toEqual(junk("sid_invalid"));
    for (const room of [undefined, null, 5, [], ["r"]]) {
      expect(decode({ method: "enter_room", ...order, room })).toEqual(junk("room_invalid"));
    }
  });

  test("PSQ-14 close_room", () => {
    expect(decode({ method: "close_room", room: "r", namespace: "/chat" })).toEqual({
      kind: "close-room",
      namespace: "/chat",
      room: "r",
    });
    expect(decode({ method: "close_room", room: "" })).toHaveProperty("room", "");
    for (const room of [undefined, null, 5]) {
      expect(decode({ method: "close_room", room })).toEqual(junk("room_invalid"));
    }
  });

  test("PSQ-12 PSQ-13 pickled orders", () => {
    expect(decodeLatin1("}(U\x06methodU\x0adisconnectU\x03sidU\x01sU\x09namespaceU\x01/u.")).toEqual({
      kind: "disconnect",
      target: { namespace: "/", id: "s" },
      closeClient: "root",
    });
  });
});

describe("the feed", () => {
  const { canary } = feed.filter;

  test("PSQ-01 it listens to its channel exactly", () => {
    expect(feed.filter).toMatchObject({ kind: "exact", name: channel });
    expect(canary.channel).toBe(channel);
  });

  test("PSQ-17 a canary is an object without `method`, and known again", () => {
    const payload = Buffer.from(canary.encode("t0Ken"));
    const message: unknown = JSON.parse(payload.toString());
    expect(message).toEqual({ belfry: "canary", token: "t0Ken" });
    expect(payload.toString()).not.toContain("method");
    expect(canary.decode({ channel, payload })).toBe("t0Ken");
    expect(feed.decode({ channel, payload })).toEqual(notForUs("no_method"));
  });

  test("PSQ-17 nothing else is taken for a canary", () => {
    const others = [
      JSON.stringify(emit),
      "{}",
      "",
      '{"belfry":"canary","token":""}',
      '{"belfry":"canary","token":"a b"}',
      '{"belfry":"canary","token":"a","method":"emit"}',
      `{"belfry":"canary","token":"${"a".repeat(200)}"}`,
      ' {"belfry":"canary","token":"a"}',
    ];
    for (const text of others) expect(canary.decode({ channel, payload: Buffer.from(text) })).toBe(undefined);
  });
});

/** What must hold of every message, whatever it is made of. */
function expectSound(payload: Buffer): void {
  const message = decodeBytes(payload);
  if (message.kind === "skipped") {
    if (!/^[a-z_]{5,24}$/.test(message.reason)) throw new Error(`reason ${message.reason}`);
    return;
  }
  if (message.kind !== "publication") return;
  const { args, attachments } = message;
  JSON.parse(`[${args.join(",")}]`);
  if (attachments.length === 0) return;
  // In a binary event clients follow every placeholder: each must lead somewhere, in order and once or more.
  const numbers = [...args.join(",").matchAll(/\{"_placeholder":true,"num":(\d+)\}/g)].map(
    ([, number]) => number,
  );
  expect([...new Set(numbers)]).toEqual(attachments.map((_, index) => String(index)));
}

describe("S1 fuzz", () => {
  const field = fc.oneof(
    fc.constantFrom<unknown>(
      "emit",
      "x",
      "/",
      "r",
      null,
      [],
      ["r", 1],
      true,
      "disconnect",
      "enter_room",
      "ours",
    ),
    fc.constantFrom<unknown>(
      { _placeholder: true, num: 0 },
      [{ _placeholder: true, num: 1 }],
      "AP8=",
      "connect",
    ),
    fc.jsonValue({ maxDepth: 2 }),
  );

  test("PSQ-03 PSQ-06 T4 50,000 objects of likely fields", () => {
    const message = fc.record(
      {
        method: fc.oneof(
          { weight: 4, arbitrary: fc.constant<unknown>("emit") },
          { weight: 1, arbitrary: field },
        ),
        event: fc.oneof({ weight: 4, arbitrary: fc.constant<unknown>("x") }, { weight: 1, arbitrary: field }),
        data: fc.oneof(field, fc.array(field, { maxLength: 4 })),
        binary: fc.constantFrom<unknown>(true, true, false, null, 1),
        namespace: field,
        room: field,
        skip_sid: field,
        callback: field,
        host_id: field,
        sid: field,
      },
      { requiredKeys: ["method", "event", "data"] },
    );
    const payload = message.map((value) => Buffer.from(JSON.stringify(value)));
    fc.assert(fc.property(payload, expectSound), { numRuns: 50_000 });
  }, 60_000);

  test("PSQ-03 PSQ-04 60,000 damaged messages of every encoding", () => {
    const originals = [
      ...Object.values(vectors).map((pickle) => Buffer.from(pickle, "base64")),
      Buffer.from(JSON.stringify({ ...emit, skip_sid: ["a"], callback: ["r", "/", 1], room: ["a", "b"] })),
      Buffer.from(
        '{"method":"emit","event":"x","data":[["a",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}],"AP8=","AA=="],"binary":true}',
      ),
      Buffer.from(
        "(dp0\nS'method'\np1\nS'emit'\np2\nsS'event'\np3\nVx\np4\nsS'data'\np5\n(I1\nS'\\xff'\ntp6\ns.",
      ),
    ];
    const damage = fc.record({
      which: fc.nat(originals.length - 1),
      at: fc.nat(),
      cut: fc.nat(3),
      put: fc.oneof(
        fc.uint8Array({ maxLength: 3 }),
        fc.constantFrom(...['"', "{", "}", ",", "1", "\\"].map(utf8)),
      ),
    });
    const payload = damage.map(({ which, at, cut, put }) => {
      const whole = originals[which] ?? Buffer.alloc(0);
      const where = at % (whole.length + 1);
      return Buffer.concat([whole.subarray(0, where), put, whole.subarray(where + cut)]);
    });
    fc.assert(fc.property(payload, expectSound), { numRuns: 60_000 });
  }, 60_000);
});

function utf8(text: string): Uint8Array {
  return Buffer.from(text);
}
