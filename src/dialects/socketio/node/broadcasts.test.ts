import type { SkipReason } from "../../../vocabulary/reasons.ts";
import { describe, expect, test } from "bun:test";
import { encode } from "@msgpack/msgpack";
import { Emitter } from "@socket.io/redis-emitter";
import fc from "fast-check";
import { Decoder } from "socket.io-parser";
import type { BackendMessage, Publication } from "../../../core/publication.ts";
import { nodeFeeds } from "./broadcasts.ts";
import { encodeEvent } from "../packet.ts";

const feeds = nodeFeeds({ key: "socket.io", gatewayId: "own" });

function broadcast(payload: string | Buffer, channel = "socket.io#/#"): BackendMessage {
  const bytes = typeof payload === "string" ? Buffer.from(payload.replaceAll(" ", ""), "hex") : payload;
  const message = feeds[0]?.decode({ channel, payload: bytes });
  if (!message) throw new Error("Expected a feed of broadcasts");
  return message;
}

function publication(payload: string | Buffer, channel?: string): Publication {
  const message = broadcast(payload, channel);
  if (message.kind !== "publication")
    throw new Error(`Expected a publication, got ${JSON.stringify(message)}`);
  return message;
}

/** `[uid, packet, opts]` as bytes. */
function triple(packet: unknown, options: unknown = {}, uid: unknown = "emitter"): Buffer {
  return Buffer.from(encode([uid, packet, options], { useBigInt64: true }));
}

const event = (...data: readonly unknown[]): unknown => ({ type: 2, data, nsp: "/" });
const argsOf = (...data: readonly unknown[]): readonly string[] =>
  publication(triple(event("x", ...data))).args;

/** What a current client makes of the publication, by the official parser; throws where the client would close. */
function asClient(message: Publication): unknown[] {
  const decoder = new Decoder();
  const packets: { readonly data?: unknown }[] = [];
  decoder.on("decoded", (packet) => {
    packets.push(packet);
  });
  decoder.add(encodeEvent(message).slice(1));
  for (const bytes of message.attachments) decoder.add(bytes);
  const [packet] = packets;
  if (!Array.isArray(packet?.data)) throw new Error("Expected one event");
  return packet.data as unknown[];
}

const buffers = (length: number): unknown => Array.from({ length }, () => Buffer.alloc(0));

const plain = { except: [], skip: [], volatile: false, attachments: [] };

describe("vectors of the real packages", () => {
  const binary =
    "93a7656d697474657283a47479706502a46461746192a178c40201ffa36e7370a12f83a5726f6f6d7391a172a5666c61677380a665786365707490";
  const chat =
    "93a7656d697474657283a47479706502a46461746193a178c0d6ff00000000a36e7370a52f6368617483a5726f6f6d7392a161a162a5666c61677381a8766f6c6174696c65c3a665786365707491a163";

  test("NRE-01 NRE-03 redis-emitter 5.1: binary to one room", () => {
    expect(publication(binary, "socket.io#/#r#")).toEqual({
      kind: "publication",
      namespace: "/",
      rooms: ["r"],
      except: [],
      skip: [],
      event: "x",
      args: ['{"_placeholder":true,"num":0}'],
      attachments: [Buffer.of(1, 255)],
      volatile: false,
    });
  });

  test("NRE-02 NRE-05 redis-emitter 5.1: namespace, two rooms, except, volatile, undefined, date", () => {
    const message = publication(chat, "socket.io#/chat#");
    expect(message).toEqual({
      kind: "publication",
      namespace: "/chat",
      rooms: ["a", "b"],
      except: ["c"],
      skip: [],
      event: "x",
      args: ["null", '"1970-01-01T00:00:00.000Z"'],
      attachments: [],
      volatile: true,
    });
    expect(encodeEvent(message)).toBe('42/chat,["x",null,"1970-01-01T00:00:00.000Z"]');
  });

  test("NRE-01 redis-adapter 8.3: a server's broadcast", () => {
    const bytes =
      "93a674766266373083a47479706502a46461746193a178c40201ff81a16e01a36e7370a12f83a5726f6f6d7391a172a665786365707490a5666c61677380";
    const message = publication(bytes, "socket.io#/#r#");
    expect(message).toMatchObject({
      namespace: "/",
      rooms: ["r"],
      event: "x",
      attachments: [Buffer.of(1, 255)],
    });
    expect(message.args).toEqual(['{"_placeholder":true,"num":0}', '{"n":1}']);
  });

  test("NRE-02 redis-adapter 8.3: a numeric room and an integer past 32 bits", () => {
    const bytes =
      "93a674766266373083a47479706502a46461746192a16ecf0000010000000000a36e7370a12f83a5726f6f6d73912aa665786365707490a5666c61677380";
    expect(publication(bytes, "socket.io#/#42#")).toMatchObject({ rooms: ["42"], args: ["1099511627776"] });
  });

  test("NRE-03 NRE-05 socket.io-emitter 3.2: undefined, date, ArrayBuffer, undefined in an object", () => {
    const dated =
      "93a7656d697474657283a47479706502a46461746193a178d40000d7000000000000000000a36e7370a12f82a5726f6f6d7390a5666c61677380";
    expect(publication(dated).args).toEqual(["null", '"1970-01-01T00:00:00.000Z"']);
    const buffer =
      "93a7656d697474657283a47479706502a46461746193a178c70200010281a175d40000a36e7370a12f82a5726f6f6d7390a5666c61677380";
    expect(publication(buffer)).toMatchObject({
      args: ['{"_placeholder":true,"num":0}', "{}"],
      attachments: [Buffer.of(1, 2)],
    });
  });

  test("NRE-03 NRE-04 socket.io-emitter 2.0: type 5 for binary, a namespace without slash", () => {
    const bytes =
      "93a7656d697474657283a47479706505a46461746192a178c40201ffa36e7370a12f82a5726f6f6d7390a5666c61677380";
    expect(publication(bytes).attachments).toEqual([Buffer.of(1, 255)]);
    const of =
      "93a7656d697474657283a47479706502a46461746192a178cb3ff8000000000000a36e7370a46368617482a5726f6f6d7391a172a5666c61677380";
    expect(publication(of, "socket.io#chat#r#")).toMatchObject({
      namespace: "/chat",
      rooms: ["r"],
      args: ["1.5"],
    });
  });

  test("NRE-05 socket.io-emitter 1.1: raw strings are text, its binary is rejected", () => {
    const text = `93a7656d697474657283a47479706502a46461746192a178da0028${"79".repeat(40)}a36e7370a12f82a5726f6f6d7390a5666c61677381a8766f6c6174696c65c3`;
    expect(publication(text)).toMatchObject({ args: [`"${"y".repeat(40)}"`], volatile: true });
    const bytes =
      "93a7656d697474657283a47479706505a46461746192a178d8000201ffa36e7370a12f82a5726f6f6d7390a5666c61677380";
    expect(broadcast(bytes)).toEqual({ kind: "skipped", reason: "msgpack_ext", isJunk: true });
  });

  test("NRE-05 a broken character: U+FFFD in packets of type 2, junk in those of type 5", () => {
    const packet = (type: string): string =>
      `93a7656d697474657283a474797065${type}a46461746192a178a361e4b8a36e7370a12f82a5726f6f6d7390a5666c61677380`;
    expect(publication(packet("02")).args).toEqual(['"a\ufffd"']);
    expect(broadcast(packet("05"))).toMatchObject({ kind: "skipped", reason: "msgpack_utf8", isJunk: true });
  });

  test("T3 each vector cut at any byte is junk", () => {
    for (const whole of [binary, chat]) {
      for (let size = 0; size < whole.length; size += 2) {
        expect(broadcast(whole.slice(0, size))).toMatchObject({ kind: "skipped", isJunk: true });
      }
    }
  });
});

describe("the emitter itself", () => {
  const sent: { readonly channel: string; readonly payload: Buffer }[] = [];
  const emitter = new Emitter({
    publish: (channel: string, payload: Buffer) => sent.push({ channel, payload }),
  });
  const last = (): Publication => {
    const message = sent.pop();
    if (!message) throw new Error("Expected the emitter to publish");
    return publication(message.payload, message.channel);
  };

  test("NRE-02 no room is the whole namespace", () => {
    emitter.emit("x");
    expect(last()).toEqual({
      kind: "publication",
      namespace: "/",
      rooms: undefined,
      event: "x",
      args: [],
      ...plain,
    });
    emitter.of("chat").emit("x");
    expect(last()).toMatchObject({ namespace: "/chat", rooms: undefined });
  });

  test("NRE-02 several rooms are a union, rooms and sids can be left out", () => {
    emitter.to(["a", "b"]).except(["c", "sid"]).emit("x");
    expect(last()).toMatchObject({ rooms: ["a", "b"], except: ["c", "sid"] });
  });

  test("NRE-02 flags other than volatile are ignored", () => {
    emitter.compress(true).emit("x");
    expect(last().volatile).toBe(false);
    emitter.volatile.compress(false).emit("x");
    expect(last().volatile).toBe(true);
  });

  test("SIO-15 values of every kind arrive at a client as they left", () => {
    const values = ["é\u2028\u0000", 1.5, -7, 2 ** 40, true, null, [[], {}], { a: { b: [1, "2"] } }];
    emitter.emit("x", ...values);
    expect(asClient(last())).toEqual(["x", ...values]);
  });

  test("NRE-03 binary at any depth becomes attachments in order", () => {
    emitter.emit("x", Buffer.of(1), { a: [Buffer.of(2), { b: Buffer.of(3) }] });
    const message = last();
    expect(message.attachments).toEqual([Buffer.of(1), Buffer.of(2), Buffer.of(3)]);
    expect(asClient(message)).toEqual(["x", Buffer.of(1), { a: [Buffer.of(2), { b: Buffer.of(3) }] }]);
  });
});

describe("routing", () => {
  test("NRE-02 the packet names the namespace, the channel does not", () => {
    expect(publication(triple(event("x")), "socket.io#/other#").namespace).toBe("/");
    expect(publication(triple({ type: 2, data: ["x"] }), "socket.io#/other#").namespace).toBe("/");
    expect(publication(triple({ type: 2, data: ["x"], nsp: null })).namespace).toBe("/");
  });

  test("NRE-02 SIO-15 numeric rooms are their decimal digits", () => {
    const options = { rooms: [42, -1, 1.5, 2n ** 63n], except: [7] };
    expect(publication(triple(event("x"), options))).toMatchObject({
      rooms: ["42", "-1", "1.5", "9223372036854775808"],
      except: ["7"],
    });
  });

  test("NRE-04 one message per room: each copy is for its channel's room, and nobody gets two", () => {
    const bytes = triple(event("x"), { rooms: ["a", "b", 3], except: ["z"], flags: {} });
    expect(publication(bytes, "socket.io#/#a#")).toMatchObject({ rooms: ["a"], except: ["z"] });
    expect(publication(bytes, "socket.io#/#b#")).toMatchObject({ rooms: ["b"], except: ["z", "a"] });
    expect(publication(bytes, "socket.io#/#3#")).toMatchObject({ rooms: ["3"], except: ["z", "a", "b"] });
  });

  test("NRE-04 one message for several rooms, or on a channel of none of them, is for all", () => {
    const bytes = triple(event("x"), { rooms: ["a", "b"] });
    expect(publication(bytes, "socket.io#/#")).toMatchObject({ rooms: ["a", "b"], except: [] });
    expect(publication(bytes, "socket.io#/#c#")).toMatchObject({ rooms: ["a", "b"], except: [] });
    expect(publication(bytes, "socket.io#emitter")).toMatchObject({ rooms: ["a", "b"], except: [] });
  });

  test("NRE-04 names of rooms and namespaces may hold the separator", () => {
    const bytes = triple({ type: 2, data: ["x"], nsp: "/a#b" }, { rooms: ["c#d", "e#f"] });
    expect(publication(bytes, "socket.io#/a#b#e#f#")).toMatchObject({ rooms: ["e#f"], except: ["c#d"] });
  });

  test("NRE-04 two elements without uid, on the channel of the first emitters", () => {
    const bytes = Buffer.from(
      encode([
        { type: 2, data: ["x", 1] },
        { rooms: ["a"], flags: { volatile: true } },
      ]),
    );
    expect(publication(bytes, "socket.io#emitter")).toMatchObject({
      namespace: "/",
      rooms: ["a"],
      args: ["1"],
      volatile: true,
    });
  });

  test("NRE-04 PHP writes empty maps as empty lists", () => {
    expect(publication(triple(event("x"), { rooms: [], flags: [] })).rooms).toBeUndefined();
    expect(publication(triple(event("x"), [])).rooms).toBeUndefined();
    expect(publication(triple(event("x"), { rooms: {}, except: {} })).rooms).toBeUndefined();
  });
});

describe("arguments", () => {
  test("SIO-15 integers past 2^53 keep their digits", () => {
    expect(argsOf(9_007_199_254_740_993n, -(2n ** 63n), 2n ** 64n - 1n)).toEqual([
      "9007199254740993",
      "-9223372036854775808",
      "18446744073709551615",
    ]);
  });

  test("SIO-15 NaN and Infinity are null", () => {
    expect(argsOf(Number.NaN, [Infinity], { a: -Infinity })).toEqual(["null", "[null]", '{"a":null}']);
  });

  test("NRE-05 a date that is none is null", () => {
    expect(publication("93 a165 82 a474797065 02 a464617461 92 a178 d700 7fffffffffffffff 80").args).toEqual([
      "null",
    ]);
  });

  test("NRE-05 undefined is null in lists and left out of objects", () => {
    const bytes = "93 a165 82 a474797065 02 a464617461 93 a178 d40000 92 d40000 82 a161 d40000 a162 01 80";
    expect(publication(bytes).args).toEqual(["null", '[null,{"b":1}]']);
  });

  test("T20 keys of prototypes pass as data and reach no prototype", () => {
    const data = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"toString":0}';
    const map =
      "83 a95f5f70726f746f5f5f 81 a8706f6c6c75746564 01 ab636f6e7374727563746f72 81 a970726f746f74797065 81 a8706f6c6c75746564 01 a8746f537472696e67 00";
    const bytes = `93 a165 82 a474797065 02 a464617461 92 a178 ${map} 80`;
    expect(publication(bytes).args).toEqual([data]);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });

  test("T20 an envelope's fields are its own", () => {
    expect(broadcast(triple({ constructor: { type: 2 }, data: ["x"] }))).toMatchObject({
      reason: "node_packet",
    });
    expect(publication(triple(event("x"), { rooms: ["__proto__", "toString"] })).rooms).toEqual([
      "__proto__",
      "toString",
    ]);
  });

  test.each([
    ["in range", { _placeholder: true, num: 0 }],
    ["out of range", { _placeholder: true, num: 7 }],
    ["negative", { _placeholder: true, num: -1 }],
    ["huge", { _placeholder: true, num: 2 ** 53 }],
    ["a name of a function", { _placeholder: true, num: "splice" }],
    ["truthy, as python-socketio and old clients take it", { _placeholder: 1, num: 0 }],
    ["nested", { a: [{ b: { _placeholder: true, num: 0 } }] }],
  ])("T4 a forged placeholder (%s) beside an attachment is junk", (_name, forged) => {
    for (const data of [
      [forged, Buffer.of(1)],
      [Buffer.of(1), forged],
    ]) {
      expect(broadcast(triple(event("x", ...data)))).toEqual({
        kind: "skipped",
        reason: "placeholder_invalid",
        isJunk: true,
      });
    }
  });

  test("T4 without attachments a client gets such an object as it is", () => {
    const forged = { _placeholder: true, num: 7 };
    expect(asClient(publication(triple(event("x", forged))))).toEqual(["x", forged]);
  });

  test("T4 whatever the data, a client gets it unchanged or not at all", () => {
    const key = fc.constantFrom("_placeholder", "num", "__proto__", "a");
    const { any } = fc.letrec<{ any: unknown }>((tie) => ({
      any: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom<unknown>(true, 0, 1, -1, "0", null),
        fc.uint8Array({ maxLength: 3 }).map((bytes) => Buffer.from(bytes)),
        fc.array(tie("any"), { maxLength: 4 }),
        fc.dictionary(key, tie("any"), { maxKeys: 3, noNullPrototype: true }),
      ),
    }));
    let delivered = 0;
    fc.assert(
      fc.property(fc.array(any, { maxLength: 4 }), (data) => {
        const message = broadcast(triple(event("x", ...data)));
        if (message.kind === "publication" && message.attachments.length <= 10) {
          delivered++;
          expect(asClient(message)).toEqual(["x", ...data]);
        }
      }),
      { numRuns: 2_000 },
    );
    expect(delivered).toBeGreaterThan(500);
  });

  test("T3 text and attachments are bounded", () => {
    expect(broadcast(triple(event("x", "\u0001".repeat(6_000_000))))).toMatchObject({
      reason: "arguments_size",
    });
    expect(publication(triple(event("x", buffers(1_000)))).attachments).toHaveLength(1_000);
    expect(broadcast(triple(event("x", buffers(1_001))))).toMatchObject({
      reason: "attachment_limit",
    });
  });
});

describe("skipped", () => {
  test.each(["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"])(
    "SIO-13 NRE-10 the reserved event %s is dropped",
    (name) => {
      expect(broadcast(triple(event(name, 1)))).toEqual({
        kind: "skipped",
        reason: "event_reserved",
        isJunk: true,
      });
    },
  );

  test("NRE-10 our own messages are ignored", () => {
    const skipped = { kind: "skipped", reason: "own_message", isJunk: false } as const;
    expect(broadcast(triple(event("x"), {}, "own"))).toEqual(skipped);
    expect(publication(triple(event("x"), {}, "other")).event).toBe("x");
  });

  test.each([
    ["a small map", Buffer.from(encode({ uid: "a", type: 3 }))],
    ["a map with a length of 16 bits", Buffer.from("de0000", "hex")],
    ["a map with a length of 32 bits", Buffer.from("df00000000", "hex")],
  ])("NRE-09 %s is the streams adapter's business", (_name, payload) => {
    expect(broadcast(payload)).toEqual({ kind: "skipped", reason: "node_cluster_message", isJunk: false });
  });

  test.each<readonly [string, unknown, string]>([
    ["one element", [event("x")], "node_shape"],
    ["four elements", ["u", event("x"), {}, {}], "node_shape"],
    ["no list", "x", "node_shape"],
    ["no packet", ["u", null, {}], "node_packet"],
    ["a packet that is a list", ["u", [2, ["x"], "/"], {}], "node_packet"],
    ["a packet without type", ["u", { data: ["x"] }, {}], "node_packet"],
    ["an acknowledgement", ["u", { type: 3, data: ["x"] }, {}], "node_packet"],
    ["a type as text", ["u", { type: "2", data: ["x"] }, {}], "node_packet"],
    ["data that is no list", ["u", { type: 2, data: "x" }, {}], "node_packet"],
    ["a namespace that is no text", ["u", { type: 2, data: ["x"], nsp: 1 }, {}], "node_packet"],
    ["no event", ["u", { type: 2, data: [] }, {}], "node_event"],
    ["an event that is no text", ["u", { type: 2, data: [1] }, {}], "node_event"],
    ["no options", ["u", event("x"), null], "node_target"],
    ["options as text", ["u", event("x"), "r"], "node_target"],
    ["options as a date", ["u", event("x"), new Date(0)], "node_target"],
    ["options as bytes", ["u", event("x"), Buffer.of(1)], "node_target"],
    ["options as a full list", ["u", event("x"), ["r"]], "node_target"],
    ["rooms as text", ["u", event("x"), { rooms: "r" }], "node_target"],
    ["rooms as a map", ["u", event("x"), { rooms: { a: 1 } }], "node_target"],
    ["a room that is null", ["u", event("x"), { rooms: ["r", null] }], "node_target"],
    ["a room that is a list", ["u", event("x"), { rooms: [["r"]] }], "node_target"],
    ["a room that is NaN", ["u", event("x"), { rooms: [Number.NaN] }], "node_target"],
    ["an exception that is a map", ["u", event("x"), { except: [{}] }], "node_target"],
  ])("NRE-02 T3 %s is junk, never a broadcast to all", (_name, value, reason) => {
    expect(broadcast(Buffer.from(encode(value)))).toEqual({
      kind: "skipped",
      reason: reason as SkipReason,
      isJunk: true,
    });
  });

  test("T3 100,000 damaged broadcasts give a message or a reason", () => {
    const samples = fc.sample(
      fc
        .tuple(fc.jsonValue(), fc.array(fc.string({ maxLength: 5 }), { maxLength: 3 }))
        .map(([value, rooms]) => triple(event("x", value, Buffer.of(1)), { rooms, except: [], flags: {} })),
      500,
    );
    fc.assert(
      fc.property(fc.nat(), fc.nat(), fc.nat(255), (which, where, byte) => {
        const bytes = Buffer.from(samples[which % samples.length] ?? []);
        bytes[where % bytes.length] = byte;
        const message = broadcast(bytes, "socket.io#/#a#");
        return message.kind === "publication" || message.kind === "skipped";
      }),
      { numRuns: 100_000 },
    );
  }, 30_000);
});

describe("subscriptions", () => {
  test("NRE-01 NRE-07 both are patterns, and no channel matches both", () => {
    expect(feeds.map(({ filter }) => [filter.kind, filter.name])).toEqual([
      ["pattern", "socket.io#*"],
      ["pattern", "socket.io-request#/*"],
    ]);
  });

  test("T19 a key's glob characters stand for themselves", () => {
    const [first, second] = nodeFeeds({ key: String.raw`a*b?[c]\d`, gatewayId: "own" });
    expect(first?.filter.name).toBe(String.raw`a\*b\?\[c\]\\d#*`);
    expect(second?.filter.name).toBe(String.raw`a\*b\?\[c\]\\d-request#/*`);
  });

  test("PSQ-17 canaries are recognised by every gateway and belong to no server's namespace", () => {
    const others = nodeFeeds({ key: "socket.io", gatewayId: "another" });
    expect(feeds.map(({ filter }) => filter.canary.channel)).toEqual([
      "socket.io#/belfry#canary-own#",
      "socket.io-request#/belfry-canary#",
    ]);
    for (const [index, { filter }] of feeds.entries()) {
      const { channel } = filter.canary;
      const payload = Buffer.from(filter.canary.encode("Token7"));
      expect(others[index]?.filter.canary.decode({ channel, payload })).toBe("Token7");
      expect(
        filter.canary.decode({ channel: `${channel}x`.replace("belfry", "b"), payload }),
      ).toBeUndefined();
      for (let size = 0; size < payload.length; size++) {
        expect(filter.canary.decode({ channel, payload: payload.subarray(0, size) })).toBeUndefined();
      }
    }
  });

  test("PSQ-17 to a server that does decode it, the canary is a message for nobody it has", () => {
    const canary = feeds[0]?.filter.canary;
    const payload = Buffer.from(canary?.encode("t".repeat(300)) ?? "");
    expect(broadcast(payload, canary?.channel)).toMatchObject({ kind: "skipped", reason: "node_packet" });
  });
});
