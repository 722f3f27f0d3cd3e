import type { SkipReason } from "../../../vocabulary/reasons.ts";
import { describe, expect, test } from "bun:test";
import { encode } from "@msgpack/msgpack";
import fc from "fast-check";
import type { BackendMessage } from "../../../core/publication.ts";
import { decodeRequest } from "./requests.ts";

const parts = { key: "socket.io", gatewayId: "own" };

function decode(payload: string | Buffer, channel = "socket.io-request#/#"): BackendMessage {
  return decodeRequest(parts, { channel, payload: Buffer.from(payload) });
}

function request(fields: unknown, channel?: string): BackendMessage {
  return decode(JSON.stringify(fields), channel);
}

const all = { namespace: "/", rooms: undefined, except: [], skip: [] };
const junk = (reason: string): BackendMessage => ({
  kind: "skipped",
  reason: reason as SkipReason,
  isJunk: true,
});
const notForUs = (reason: string): BackendMessage => ({ kind: "skipped", reason, isJunk: false });

describe("orders about rooms", () => {
  test("NRE-06 redis-emitter 5.1: socketsJoin", () => {
    expect(decode('{"type":2,"opts":{"rooms":["r"],"except":[]},"rooms":["z"]}')).toEqual({
      kind: "join",
      target: { ...all, rooms: ["r"] },
      rooms: ["z"],
    });
  });

  test("NRE-06 redis-adapter 8.3: socketsJoin, socketsLeave, disconnectSockets", () => {
    expect(decode('{"uid":"tvbf70","type":2,"opts":{"rooms":["r"],"except":[]},"rooms":["z","w"]}')).toEqual({
      kind: "join",
      target: { ...all, rooms: ["r"] },
      rooms: ["z", "w"],
    });
    expect(decode('{"uid":"tvbf70","type":3,"opts":{"rooms":[],"except":["q"]},"rooms":["z"]}')).toEqual({
      kind: "leave",
      target: { ...all, except: ["q"] },
      rooms: ["z"],
    });
    expect(
      decode('{"uid":"tvbf70","type":4,"opts":{"rooms":["r","q"],"except":["u"]},"close":true}'),
    ).toEqual({
      kind: "disconnect",
      target: { ...all, rooms: ["r", "q"], except: ["u"] },
      closeClient: true,
    });
  });

  test("NRE-06 without close only the namespace is left", () => {
    for (const close of [false, null, 0, 1, "true", undefined]) {
      expect(request({ type: 4, opts: {}, close })).toMatchObject({ kind: "disconnect", closeClient: false });
    }
  });

  test("NRE-02 NRE-06 numeric rooms are their decimal digits", () => {
    expect(request({ type: 2, opts: { rooms: [42], except: [-1] }, rooms: [7, 1.5] })).toEqual({
      kind: "join",
      target: { ...all, rooms: ["42"], except: ["-1"] },
      rooms: ["7", "1.5"],
    });
  });

  test("NRE-06 the channel names the namespace", () => {
    const order = { type: 2, opts: {}, rooms: ["z"], nsp: "/other" };
    expect(request(order, "socket.io-request#/chat#")).toMatchObject({ target: { namespace: "/chat" } });
    expect(request(order, "socket.io-request#/a#b#")).toMatchObject({ target: { namespace: "/a#b" } });
    for (const channel of ["socket.io-request#chat#", "socket.io-request#/chat", "other-request#/#", ""]) {
      expect(request(order, channel)).toEqual(notForUs("node_request_channel"));
    }
  });

  test("NRE-06 an order in MessagePack reads the same", () => {
    const order = { type: 2, opts: { rooms: ["r"], except: [] }, rooms: ["z"] };
    expect(decode(Buffer.from(encode(order)))).toEqual(request(order));
  });
});

describe("orders about one socket", () => {
  const done = { channel: "socket.io-response#/#", payload: '{"requestId":"AD1CKY"}' };
  const target = { namespace: "/", id: "s1" };

  test("NRE-07 the order is carried out and answered", () => {
    const order = { uid: "tvbf70", requestId: "AD1CKY", sid: "s1" };
    expect(request({ ...order, type: 2, room: "z" })).toEqual({ kind: "join", target, rooms: ["z"], done });
    expect(request({ ...order, type: 3, room: 5 })).toEqual({ kind: "leave", target, rooms: ["5"], done });
    expect(request({ ...order, type: 4, close: true })).toEqual({
      kind: "disconnect",
      target,
      closeClient: true,
      done,
    });
  });

  test("NRE-07 the answer goes to the namespace's channel", () => {
    const order = { requestId: '"\n', type: 4, sid: "s1" };
    expect(request(order, "socket.io-request#/chat#")).toMatchObject({
      target: { namespace: "/chat", id: "s1" },
      done: { channel: "socket.io-response#/chat#", payload: String.raw`{"requestId":"\"\n"}` },
    });
  });

  test("NRE-07 the requests of socket.io-redis 5, whose types mean something else, do nothing", () => {
    expect(request({ requestid: "a", type: 3, sid: "s1", room: "z" })).toEqual(junk("node_request"));
    expect(request({ requestid: "a", type: 2 })).toEqual(junk("node_request"));
  });
});

const ask = (packet: unknown): Buffer => Buffer.from(encode({ type: 7, packet, opts: { rooms: [] } }));

describe("a broadcast that wants acknowledgements", () => {
  const captured = Buffer.from(
    "85a3756964a6747662663730a9726571756573744964a64a645f664851a47479706507a67061636b657483a47479706502a46461746192a361736b01a36e7370a12fa46f70747383a5726f6f6d7391a172a665786365707490a5666c61677381a774696d656f7574cd012c",
    "hex",
  );

  test("NRE-07 redis-adapter 8.3: it is delivered as a plain one", () => {
    expect(decode(captured)).toEqual({
      kind: "publication",
      ...all,
      rooms: ["r"],
      event: "ask",
      args: ["1"],
      attachments: [],
      volatile: false,
    });
    expect(decode(captured, "socket.io-request#/chat#")).toMatchObject({ namespace: "/chat" });
  });

  test("NRE-03 SIO-13 its packet is judged like any other", () => {
    expect(decode(ask({ type: 2, data: ["x", Buffer.of(1)] }))).toMatchObject({
      attachments: [Buffer.of(1)],
    });
    expect(decode(ask({ type: 2, data: ["connect"] }))).toEqual(junk("event_reserved"));
    expect(decode(ask({ type: 3, data: ["x"] }))).toEqual(junk("node_packet"));
    expect(decode(Buffer.from(encode({ type: 7, packet: { type: 2, data: ["x"] } })))).toEqual(
      junk("node_target"),
    );
  });

  test("NRE-06 as JSON it is no broadcast", () => {
    expect(request({ type: 7, packet: { type: 2, data: ["x"] }, opts: {} })).toEqual(junk("node_packet"));
  });

  test("T3 cut at any byte it is junk", () => {
    for (let size = 0; size < captured.length; size++) {
      expect(decode(captured.subarray(0, size))).toEqual(junk("msgpack_truncated"));
    }
  });
});

describe("what is not answered", () => {
  test.each([0, 1, 5, 6, 8, 9, 10, -1, 2.5, "2", null, undefined])(
    "NRE-07 a request of type %p is not for us",
    (type) => {
      const question = { uid: "a", requestId: "AD1CKY", type, opts: { rooms: [], except: [] }, data: ["x"] };
      expect(request(question)).toEqual(notForUs("node_request_type"));
    },
  );

  test("NRE-10 our own requests are ignored", () => {
    expect(request({ uid: "own", type: 2, opts: {}, rooms: ["z"] })).toEqual(notForUs("own_message"));
  });

  test.each<readonly [string, unknown]>([
    ["no addressee", { type: 2, rooms: ["z"] }],
    ["options as text", { type: 2, opts: "r", rooms: ["z"] }],
    ["options as a list", { type: 2, opts: ["r"], rooms: ["z"] }],
    ["target rooms as text", { type: 2, opts: { rooms: "r" }, rooms: ["z"] }],
    ["a target room that is null", { type: 4, opts: { rooms: [null] } }],
    ["an exception that is an object", { type: 4, opts: { except: [{}] } }],
    ["rooms as text", { type: 2, opts: {}, rooms: "z" }],
    ["a room that is a list", { type: 3, opts: {}, rooms: [["z"]] }],
    ["one socket without a request", { type: 2, sid: "s1", room: "z" }],
    ["one socket without a room", { type: 2, requestId: "a", sid: "s1" }],
    ["one socket and a room that is a list", { type: 2, requestId: "a", sid: "s1", room: ["z"] }],
    ["a socket that is a number", { type: 4, requestId: "a", sid: 1 }],
    ["a request that is a number", { type: 4, requestId: 1, sid: "s1" }],
    ["a request as long as a parcel", { type: 4, requestId: "a".repeat(201), sid: "s1" }],
  ])("NRE-06 T3 %s is junk, never an order to all", (_name, fields) => {
    expect(request(fields)).toEqual(junk("node_request"));
    expect(decode(Buffer.from(encode(fields)))).toEqual(junk("node_request"));
  });

  test("T3 bytes that are no request are junk", () => {
    expect(decode("{")).toEqual(junk("not_json"));
    expect(decode('{"type":2,"opts":{},"rooms":["z"]')).toEqual(junk("not_json"));
    expect(decode("")).toEqual(junk("msgpack_truncated"));
    expect(decode("[1]")).toEqual(junk("msgpack_trailing"));
    expect(decode(Buffer.from(encode(["u", {}])))).toEqual(junk("node_request"));
    expect(decode(`{"a":${"[".repeat(4_000_000)}`)).toEqual(junk("not_json"));
  });

  test("T20 fields of prototypes are no fields", () => {
    expect(decode('{"__proto__":{"type":4,"opts":{}}}')).toEqual(notForUs("node_request_type"));
    expect(decode('{"type":2,"opts":{"__proto__":{"rooms":["r"]}},"rooms":["__proto__"]}')).toEqual({
      kind: "join",
      target: all,
      rooms: ["__proto__"],
    });
    expect(({} as Record<string, unknown>)["type"]).toBeUndefined();
    Reflect.defineProperty(Object.prototype, "opts", { value: {}, configurable: true });
    try {
      expect(request({ type: 4 })).toEqual(junk("node_request"));
    } finally {
      Reflect.deleteProperty(Object.prototype, "opts");
    }
  });

  test("T3 100,000 random and damaged requests give a message or a reason", () => {
    const kinds = new Set<BackendMessage["kind"]>(["skipped", "publication", "join", "leave", "disconnect"]);
    const order = fc.record(
      {
        type: fc.oneof(fc.integer({ min: -1, max: 10 }), fc.jsonValue()),
        opts: fc.oneof(fc.record({ rooms: fc.jsonValue(), except: fc.jsonValue() }), fc.jsonValue()),
        rooms: fc.oneof(fc.array(fc.oneof(fc.string(), fc.integer())), fc.jsonValue()),
        sid: fc.oneof(fc.string(), fc.jsonValue()),
        requestId: fc.oneof(fc.string(), fc.jsonValue()),
        packet: fc.record({ type: fc.constantFrom(2, 5), data: fc.array(fc.jsonValue()) }),
      },
      { requiredKeys: [] },
    );
    const samples = fc
      .sample(order, 1_000)
      .flatMap((fields) => [Buffer.from(JSON.stringify(fields)), Buffer.from(encode(fields))]);
    for (const sample of samples) expect(kinds.has(decode(sample).kind)).toBe(true);
    fc.assert(
      fc.property(fc.nat(), fc.nat(), fc.nat(255), (which, where, byte) => {
        const bytes = Buffer.from(samples[which % samples.length] ?? []);
        bytes[where % bytes.length] = byte;
        return kinds.has(decode(bytes).kind);
      }),
      { numRuns: 100_000 },
    );
  }, 30_000);
});
