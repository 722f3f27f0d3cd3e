import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { RawPublication } from "../../codec/raw-publication.ts";
import type { Publication } from "../../core/publication.ts";
import { toRooms } from "../raw/format.ts";
import { createSocketFormat, createStreamFormat } from "./format.ts";

function event(name: string, args: readonly string[], attachments: readonly Uint8Array[] = []): Publication {
  return { kind: "publication", ...toRooms(["r"]), event: name, args, attachments, volatile: false };
}

const bare = (payload: string | Uint8Array): Publication =>
  new RawPublication(toRooms(["r"]), typeof payload === "string" ? Buffer.from(payload) : payload);

const socket = createSocketFormat();
const stream = createStreamFormat(false);

const said = (publication: Publication): string => String(socket.encode(publication, "r")[0]);

describe("a publication", () => {
  test.each([
    ["an argument", event("e", ["1"]), '{"room":"r","event":"e","data":1}'],
    ["several", event("e", ["1", '"b"']), '{"room":"r","event":"e","data":[1,"b"]}'],
    ["none", event("e", []), '{"room":"r","event":"e","data":null}'],
    [
      "SIO-15 large numbers",
      event("e", ["12345678901234567890.10"]),
      '{"room":"r","event":"e","data":12345678901234567890.10}',
    ],
    [
      "binary values",
      event("e", ['{"f":{"_placeholder":true,"num":0}}'], [Uint8Array.of(0, 255)]),
      '{"room":"r","event":"e","data":{"f":{"base64":"AP8="}},"hasBinary":true}',
    ],
    [
      "a bare payload of JSON",
      bare('{"a":12345678901234567890}'),
      '{"room":"r","data":{"a":12345678901234567890}}',
    ],
    ["a bare text", bare("12:00"), '{"room":"r","data":"12:00"}'],
    ["what only looks like JSON", bare("{a}"), '{"room":"r","data":"{a}"}'],
    ["an empty one", bare(""), '{"room":"r","data":""}'],
    ["bare bytes", bare(Uint8Array.of(0xff)), '{"room":"r","binary":"/w=="}'],
  ])("%s", (_name, publication, text) => {
    expect(said(publication)).toBe(text);
  });
});

/** The events of a stream, read by the rules of the standard. */
function events(text: string): { readonly type: string; readonly data: string }[] {
  const found: { type: string; data: string }[] = [];
  let [type, data]: [string, string[]] = ["message", []];
  for (const line of text.split(/\r\n|\n|\r/)) {
    const [, field = "", value = ""] = /^([^:]*)(?:: ?([^]*))?$/.exec(line) ?? [];
    if (field === "event") type = value;
    else if (field === "data") data.push(value);
    else if (line === "" && data.length > 0) {
      found.push({ type, data: data.join("\n") });
      [type, data] = ["message", []];
    }
  }
  return found;
}

test("T23 S11 whatever is said in a room is one event of the stream, with equal data", () => {
  const hostile = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom("\n\nevent: gap\ndata: x\n\n", "\r", "\r\n", "\u2028", "\ufeff", "\0", "id: 1", "data:"),
  );
  const json = fc.jsonValue().map((value) => JSON.stringify(value, null, "\r\n"));
  const publication = fc.oneof(
    fc.tuple(hostile, json).map(([name, data]) => event(name, [data])),
    hostile.map((text) => bare(text.toWellFormed())),
    json.map((text) => bare(text)),
  );
  fc.assert(
    fc.property(publication, hostile, (said, room) => {
      const [found, ...more] = events(String(stream.encode(said, room)[0]));
      expect(more).toEqual([]);
      expect(found?.type).toBe("message");
      const expected: unknown = JSON.parse(String(socket.encode(said, room)[0]));
      expect(JSON.parse(found?.data ?? "")).toEqual(expected);
    }),
    { numRuns: 5_000, seed: 23 },
  );
});
