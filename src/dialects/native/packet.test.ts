import { expect, test } from "bun:test";
import { isRoomName } from "../../core/room-name.ts";
import { errorMessage, isEventName, joinedMessage, readBase64 } from "./packet.ts";

test("what may be the name of a room or an event", () => {
  for (const room of ["time", " ", "a::b", "a,b", "é"]) expect(isRoomName(room)).toBe(true);
  for (const room of ["", "\ud800", "x\ufffd", "\0", "time\n", "\u007f", "\u0085"])
    expect(isRoomName(room)).toBe(false);
  expect(isEventName("update", 256)).toBe(true);
  for (const event of ["", "connect", "disconnect", "x".repeat(257)])
    expect(isEventName(event, 256)).toBe(false);
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
