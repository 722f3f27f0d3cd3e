// What the gateway says on the queue: the exact bytes, and that our own reader understands them.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { encodeCallback, encodeEmit } from "./encode.ts";
import type { PythonEmit } from "./encode.ts";
import { pythonFeed } from "./queue.ts";

const emit: PythonEmit = {
  event: "x",
  args: [],
  attachments: [],
  namespace: "/",
  room: null,
  hostId: "ours",
};

function dataOf(parts: Partial<PythonEmit>): string {
  return /"data":(.*),"binary"/.exec(encodeEmit({ ...emit, ...parts }))?.[1] ?? "";
}

describe("emits", () => {
  test("PSQ-20 all fields, always", () => {
    expect(encodeEmit({ ...emit, args: ['{"time":1}'], room: "time" })).toBe(
      '{"method":"emit","event":"x","data":{"time":1},"binary":false,"namespace":"/","room":"time","skip_sid":null,"callback":null,"host_id":"ours"}',
    );
    expect(encodeEmit({ ...emit, event: 'a"\n€', namespace: "/é", room: ["a", "b"] })).toBe(
      '{"method":"emit","event":"a\\"\\n€","data":null,"binary":false,"namespace":"/é","room":["a","b"],"skip_sid":null,"callback":null,"host_id":"ours"}',
    );
  });

  test("PSQ-20 data: null, the one value, or the list of all", () => {
    expect(dataOf({ args: [] })).toBe("null");
    expect(dataOf({ args: ["12345678901234567890"] })).toBe("12345678901234567890");
    expect(dataOf({ args: ['"a"'] })).toBe('"a"');
    expect(dataOf({ args: ["[1,2]"] })).toBe("[[1,2]]");
    expect(dataOf({ args: ["1", "[2]"] })).toBe("[1,[2]]");
  });

  test("PSQ-20 binary in the shape of 5.15.1", () => {
    const parts = { args: ['"a"', '{"_placeholder":true,"num":0}'], attachments: [Uint8Array.of(0, 255)] };
    expect(dataOf(parts)).toBe('[["a",{"_placeholder":true,"num":0}],"AP8="]');
    expect(encodeEmit({ ...emit, ...parts })).toContain('"binary":true');
  });

  test("PSQ-20 PSQ-09 what was written is read as the same, 5,000 times", () => {
    const feed = pythonFeed({ channel: "c", gatewayId: "ours", pickle: false });
    // A single null is no argument at all for every reader.
    const args = fc.array(fc.json({ maxDepth: 2 })).filter((list) => list.length !== 1 || list[0] !== "null");
    const room = fc.oneof(fc.constant(null), fc.string(), fc.array(fc.string()));
    const parts = fc.record({ event: fc.string(), namespace: fc.string(), room, args });
    fc.assert(
      fc.property(parts, fc.uint8Array(), (given, bytes) => {
        const binary = bytes.length > 0;
        const all = binary ? [...given.args, '{"_placeholder":true,"num":0}'] : given.args;
        const message = {
          ...emit,
          ...given,
          event: `-${given.event}`,
          args: all,
          attachments: binary ? [bytes] : [],
        };
        expect(feed.decode({ channel: "c", payload: Buffer.from(encodeEmit(message)) })).toEqual({
          kind: "publication",
          namespace: given.namespace,
          rooms: given.room === null ? undefined : [given.room].flat(),
          except: [],
          skip: [],
          event: `-${given.event}`,
          args: all,
          attachments: message.attachments.map((item) => Buffer.from(item)),
          volatile: false,
        });
      }),
      { numRuns: 5_000 },
    );
  }, 60_000);
});

test("PSQ-10 a callback carries what the emit's callback held", () => {
  expect(
    encodeCallback({ hostId: 'h"', callback: ['"room"', '"/chat"', "7"], args: ["1", '{"a":[]}'] }),
  ).toBe(
    '{"method":"callback","host_id":"h\\"","sid":"room","namespace":"/chat","id":7,"args":[1,{"a":[]}]}',
  );
});
