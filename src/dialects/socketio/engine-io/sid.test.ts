import { expect, setDefaultTimeout, test } from "bun:test";
import { clientIdIn, createClientId } from "../../../base/client-id.ts";
import { createSid } from "./sid.ts";

// For a machine that does much else besides.
setDefaultTimeout(60_000);

const shape = /^[A-Za-z0-9_-]{20}$/;

test("EIO-05 SIO-02 T14 ids are 20 characters of base64url, and none comes twice", () => {
  const count = 10_000;
  for (const create of [createSid, createClientId]) {
    const ids = new Set<string>();
    for (let made = 0; made < count; made++) ids.add(create());
    expect(ids.size).toBe(count);
    expect([...ids].every((id) => shape.test(id))).toBe(true);
  }
});

test("T14 every random byte gets into the id: each bit of it is seen set and unset", () => {
  // 15 bytes of a sid, 13 of a client's id. That a bit is the same 100 times is one run in 10^28.
  for (const [create, bytes] of [
    [createSid, 15],
    [createClientId, 13],
  ] as const) {
    const ids = Array.from({ length: 100 }, () => Buffer.from(create(), "base64url").subarray(0, bytes));
    for (let at = 0; at < bytes; at++) {
      expect(ids.reduce((bits, id) => bits | (id[at] ?? 0), 0)).toBe(0xff);
      expect(ids.reduce((bits, id) => bits & (id[at] ?? 0), 0xff)).toBe(0);
    }
  }
});

test("WSE-07 a client's id is known as one everywhere, other names are not", () => {
  for (let made = 0; made < 1_000; made++) {
    const id = createClientId();
    for (const name of [id, `/a#b#${id}`]) expect(clientIdIn("/a#b", name)).toBe(id);
  }
  const id = createClientId();
  const names = [
    "",
    "time",
    `${id}x`,
    id.slice(1),
    ` ${id.slice(1)}`,
    `${id.slice(0, 19)}é`,
    "a".repeat(20),
    "notifications-global",
    `${id}#`,
    `/chat#${id}#x`,
    `/chat/${id}`,
    `/#${id}`,
    `/chats#${id}`,
  ];
  for (const name of names) expect(clientIdIn("/chat", name)).toBeUndefined();
  // Of 20,000 other names of that shape, 0.3 are mistaken on average; 8 would be one run in 10^12.
  let mistaken = 0;
  for (let made = 0; made < 20_000; made++) if (clientIdIn("/", createSid()) !== undefined) mistaken++;
  expect(mistaken).toBeLessThan(8);
});
