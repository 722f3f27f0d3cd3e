import { describe, expect, setDefaultTimeout, test } from "bun:test";
import fc from "fast-check";
import { readUtf8 } from "../../../codec/utf8.ts";
import { enginePayloadV3, enginePayloadV4 } from "../../../../test/support/official-parsers.ts";
import type { EnginePacket } from "../../../../test/support/official-parsers.ts";
import type { Frame } from "../../../core/carrier.ts";
import {
  decodePayloadV3Binary,
  decodePayloadV3Text,
  decodePayloadV4,
  encodePayloadV3Binary,
  encodePayloadV3Text,
  encodePayloadV4,
  textPacketV3,
} from "./payload.ts";

// For a machine that does much else besides.
setDefaultTimeout(60_000);

const runs = 100_000;
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");
const v3Message = (...bytes: readonly number[]): Uint8Array => Uint8Array.of(4, ...bytes);

describe("the vectors of compat section 12", () => {
  const frames: readonly Frame[] = ['451-["b",{"_placeholder":true,"num":0},"é€"]', v3Message(1, 2), "430[]"];
  const text = '44:451-["b",{"_placeholder":true,"num":0},"é€"]6:b4AQI=5:430[]';
  const binary = Buffer.concat([
    hex("00 04 07 ff"),
    Buffer.from('451-["b",{"_placeholder":true,"num":0},"é€"]'),
    hex("01 03 ff 04 01 02"),
    hex("00 05 ff 34 33 30 5b 5d"),
  ]);

  test("EIO-09 text form, in UTF-16 units", () => {
    expect(encodePayloadV3Text(["3", ...frames])).toBe(`1:3${text}`);
    expect(decodePayloadV3Text(`1:3${text}`)).toEqual(["3", ...frames]);
    expect(encodePayloadV3Text(["4€"])).toBe("2:4€");
    expect(encodePayloadV3Text(["4\u{1f600}"])).toBe("3:4\u{1f600}");
  });

  test("EIO-09 binary form, in bytes", () => {
    expect(encodePayloadV3Binary(["3", ...frames])).toEqual(Buffer.concat([hex("00 01 ff 33"), binary]));
    expect(decodePayloadV3Binary(binary)).toEqual(frames);
  });

  test("EIO-08 version 4", () => {
    expect(encodePayloadV4(["4a", Uint8Array.of(1, 2), "2"])).toBe("4a\u001ebAQI=\u001e2");
    expect(decodePayloadV4("4a\u001ebAQI=\u001e2")).toEqual(["4a", Buffer.of(1, 2), "2"]);
    expect(decodePayloadV4("b")).toEqual([Buffer.alloc(0)]);
  });
});

describe("what is no payload", () => {
  const badV4 = [
    "",
    "a",
    "7",
    "4a\u001e",
    "\u001e4a",
    "4a\u001e\u001e4b",
    "b?",
    "b====",
    "b=A",
    "bA=\nB",
    "bAQ\u000bI=",
    "bAQ\u00a0I=",
    "b=\n=\n=",
    "bAQI=\u001ebA.QI",
    "é",
  ];
  test.each(badV4)("EIO-17 EIO-08 version 4: %j", (body) => {
    expect(decodePayloadV4(body)).toBeUndefined();
  });

  const badText = [
    "",
    "4a",
    ":4a",
    "0:",
    "3:4a",
    "2:4ab",
    "2:4a2",
    "-1:4",
    "1.0:4",
    " 1:4",
    "0x1:4",
    "1e0:4",
    "99999999999:4",
    "1:7",
    "2:b4x",
    "3:b4?",
    "3:b3A",
  ];
  test.each(badText)("EIO-17 EIO-09 text form: %j", (body) => {
    expect(decodePayloadV3Text(body)).toBeUndefined();
  });

  const badBinary = [
    "02 01 ff 34", // neither text nor binary
    "00 01 34", // a length without its end
    "00 ff 34", // no length
    "00 02 ff 34", // shorter than announced
    "00 0c ff 343434343434343434343434", // 12 is no digit
    "00 01 ff 37", // no such packet type
    "00 01 ff ff", // not UTF-8
    "01 01 ff 03", // binary that is no message
    "01 00 ff", // empty
    "00 00 ff",
    "00 01 01 01 01 01 01 01 01 01 01 01 ff 34",
    "00 01 ff 34 00",
  ];
  test.each(badBinary)("EIO-17 EIO-09 binary form: %s", (body) => {
    expect(decodePayloadV3Binary(hex(body))).toBeUndefined();
  });

  test("EIO-09 EIO-10 text packets of version 3 may carry base64, of a message alone", () => {
    expect(textPacketV3("b4AQI=")).toEqual(Buffer.of(4, 1, 2));
    expect(textPacketV3("4b4AQI=")).toBe("4b4AQI=");
    for (const packet of ["", "b", "b3AQI=", "bAQI=", "b4A!", "x", "7"])
      expect(textPacketV3(packet)).toBeUndefined();
  });

  test("EIO-08 EIO-09 base64 is read with line breaks, blanks and the URL alphabet, to the byte", () => {
    const blank = fc.constantFrom("\n", "\r\n", " ", "\t", "");
    const spelled = fc.tuple(
      fc.uint8Array({ maxLength: 300 }),
      fc.boolean(),
      fc.array(blank, { minLength: 1 }),
    );
    fc.assert(
      fc.property(spelled, ([data, isUrl, blanks]) => {
        const digits = Buffer.from(data).toString(isUrl ? "base64url" : "base64");
        const text = Array.from(digits, (digit, at) => digit + (blanks[at % blanks.length] ?? "")).join("");
        expect(decodePayloadV4(`b${text}\n`)).toEqual([Buffer.from(data)]);
        expect(textPacketV3(`b4\n${text}`)).toEqual(Buffer.from(v3Message(...data)));
      }),
      { numRuns: 5_000 },
    );
  });

  test("EIO-17 bytes that are not UTF-8 are no text; a byte order mark is kept", () => {
    expect(readUtf8(hex("34 ff"))).toBeUndefined();
    expect(readUtf8(hex("34 ed a0 80"))).toBeUndefined();
    expect(readUtf8(hex("ef bb bf 34"))).toBe("\ufeff4");
  });
});

// Frames as they are queued for a client, of either version.
const textFrame = fc
  .tuple(fc.constantFrom("0", "2", "3", "4", "6"), fc.string({ unit: "grapheme", maxLength: 20 }))
  .map(([type, text]) => type + text.replaceAll("\u001e", ""));
const bytes = fc.uint8Array({ maxLength: 12 });
const framesV4 = fc.array(fc.oneof(textFrame, bytes), { minLength: 1, maxLength: 5 });
const framesV3 = fc.array(
  fc.oneof(
    textFrame,
    bytes.map((data) => v3Message(...data)),
  ),
  { minLength: 1, maxLength: 5 },
);

/** Equal to what a decoder gives, which makes Buffers. */
const plain = (frames: readonly Frame[] | undefined): unknown =>
  frames?.map((frame) => (typeof frame === "string" ? frame : [...frame]));

const typeNames = ["open", "close", "ping", "pong", "message", "upgrade", "noop"];
const toEngine = (frame: Frame, version: 3 | 4): EnginePacket => {
  if (typeof frame !== "string")
    return { type: "message", data: Buffer.from(version === 4 ? frame : frame.subarray(1)) };
  const type = typeNames[Number(frame[0])] ?? "";
  return frame.length > 1 ? { type, data: frame.slice(1) } : { type };
};

describe("round trips", () => {
  test("EIO-08 version 4", () => {
    fc.assert(
      fc.property(framesV4, (frames) =>
        expect(plain(decodePayloadV4(encodePayloadV4(frames)))).toEqual(plain(frames)),
      ),
    );
  });

  test("EIO-09 version 3, both forms", () => {
    fc.assert(
      fc.property(framesV3, (frames) => {
        expect(plain(decodePayloadV3Text(encodePayloadV3Text(frames)))).toEqual(plain(frames));
        expect(plain(decodePayloadV3Binary(encodePayloadV3Binary(frames)))).toEqual(plain(frames));
      }),
    );
  });
});

describe("against the official parsers", () => {
  test("EIO-08 version 4: the same bytes, read alike", () => {
    fc.assert(
      fc.property(framesV4, (frames) => {
        const packets = frames.map((frame) => toEngine(frame, 4));
        const payload = encodePayloadV4(frames);
        expect(payload).toBe(enginePayloadV4.encode(packets));
        expect(enginePayloadV4.decode(payload)).toEqual(packets);
      }),
      { numRuns: 2_000 },
    );
  });

  test("EIO-09 version 3: the same bytes, read alike", () => {
    fc.assert(
      fc.property(framesV3, (frames) => {
        const packets = frames.map((frame) => toEngine(frame, 3));
        const text = encodePayloadV3Text(frames);
        expect(text).toBe(String(enginePayloadV3.encode(packets, false)));
        // The client's parser leaves `data` out where it is empty.
        expect(enginePayloadV3.decode(text)).toEqual(packets);
        if (frames.every((frame) => typeof frame === "string")) return;
        const binary = encodePayloadV3Binary(frames);
        expect(binary).toEqual(Buffer.from(enginePayloadV3.encode(packets, true)));
      }),
      { numRuns: 2_000 },
    );
  });

  test("EIO-17 version 4: nothing that the official parser refuses is accepted", () => {
    fc.assert(
      fc.property(nearV4, (body) => {
        const frames = decodePayloadV4(body);
        if (!frames) return;
        const packets = enginePayloadV4.decode(body);
        expect(packets.some(({ type }) => type === "error")).toBe(false);
        expect(packets).toEqual(frames.map((frame) => toEngine(frame, 4)));
      }),
      { numRuns: runs },
    );
  });

  test("EIO-17 version 3: nothing that the official parser refuses is accepted", () => {
    fc.assert(
      fc.property(nearV3Text, (body) => {
        const frames = decodePayloadV3Text(body);
        // An empty body is ours to take: no packets. The official parser calls it an error.
        if (!frames || body === "") return;
        const packets = enginePayloadV3.decode(body);
        expect(packets).toEqual(frames.map((frame) => toEngine(frame, 3)));
      }),
      { numRuns: runs },
    );
  });
});

const chunk = fc.oneof(
  fc.constantFrom(
    "\u001e",
    "b",
    "b4",
    "bAQI=",
    "b4AQI=",
    "4a",
    "2",
    "3",
    "6",
    "40",
    "42",
    "=",
    ":",
    "1:4",
    "2:4€",
    "6:b4AQI=",
  ),
  fc.nat({ max: 20 }).map(String),
  fc.string({ unit: "grapheme", maxLength: 5 }),
);
const pieces = fc.array(chunk, { maxLength: 8 }).map((parts) => parts.join(""));
const nearV4 = fc.oneof(pieces, fc.string({ unit: "grapheme", maxLength: 30 }));
/** Good payloads with one character changed, too. */
const nearV3Text = fc.oneof(
  pieces,
  fc.tuple(framesV3, fc.nat(), fc.string({ maxLength: 2 })).map(([frames, at, patch]) => {
    const text = encodePayloadV3Text(frames);
    const start = at % text.length;
    return text.slice(0, start) + patch + text.slice(start + 1);
  }),
);
const nearV3Binary = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc
    .array(fc.constantFrom(0, 1, 2, 4, 9, 10, 0x34, 0x80, 0xff), { maxLength: 20 })
    .map((list) => Uint8Array.from(list)),
  fc.tuple(framesV3, fc.nat(), fc.nat({ max: 255 })).map(([frames, at, patch]) => {
    const body: Uint8Array = encodePayloadV3Binary(frames);
    body[at % body.length] = patch;
    return body;
  }),
);

describe("whatever comes", () => {
  test("T3 EIO-17 version 4 never throws", () => {
    fc.assert(
      fc.property(nearV4, (body) => {
        for (const frame of decodePayloadV4(body) ?? []) {
          expect(typeof frame !== "string" || /^[0-6]/.test(frame)).toBe(true);
        }
      }),
      { numRuns: runs },
    );
  });

  test("T3 EIO-17 version 3 text form never throws", () => {
    fc.assert(
      fc.property(nearV3Text, (body) => {
        for (const frame of decodePayloadV3Text(body) ?? []) {
          expect(typeof frame === "string" ? /^[0-6]/.test(frame) : frame[0] === 4).toBe(true);
        }
      }),
      { numRuns: runs },
    );
  });

  test("T3 EIO-17 version 3 binary form never throws", () => {
    fc.assert(
      fc.property(nearV3Binary, (body) => {
        for (const frame of decodePayloadV3Binary(body) ?? []) {
          expect(typeof frame === "string" ? /^[0-6]/.test(frame) : frame[0] === 4).toBe(true);
        }
      }),
      { numRuns: runs },
    );
  });

  test("T3 a megabyte of anything is judged in linear time", () => {
    const fillers = [
      "1",
      ":",
      "1:",
      "0:",
      "1:4",
      "4",
      "b",
      "A",
      "\n",
      "A ",
      "=",
      "=\n",
      "\u001e",
      "2\u001e",
      "\u00ff",
      "\u0000",
      "\u0001",
    ];
    for (const filler of fillers) {
      const body = filler.repeat(1_000_000 / filler.length);
      const bytes = Buffer.from(body, "latin1");
      for (const decode of [
        () => decodePayloadV4(body),
        () => decodePayloadV4(`b${body}`),
        () => decodePayloadV4(`b${body}?`),
        () => decodePayloadV3Text(body),
        () => decodePayloadV3Binary(bytes),
        () => decodePayloadV3Binary(Buffer.concat([Buffer.of(0), bytes])),
      ]) {
        const started = performance.now();
        decode();
        // A few milliseconds; minutes if it were quadratic.
        expect(performance.now() - started).toBeLessThan(10_000);
      }
    }
  });
});
