import { expect, setDefaultTimeout, test } from "bun:test";
import { createClientId, isClientId } from "../../core/client-id.ts";
import { createSid } from "./sid.ts";

// For a machine that does much else besides.
setDefaultTimeout(60_000);

const shape = /^[A-Za-z0-9_-]{20}$/;

test("EIO-05 SIO-02 T14 ids are 20 characters of base64url, and none comes twice", () => {
  const count = 100_000;
  for (const create of [createSid, createClientId]) {
    const ids = new Set<string>();
    for (let made = 0; made < count; made++) ids.add(create());
    expect(ids.size).toBe(count);
    expect([...ids].every((id) => shape.test(id))).toBe(true);
  }
});

test("T14 every random bit is set half of the time, and says nothing about the next", () => {
  const count = 20_000;
  // 15 bytes of a sid, 13 of a client's id; six standard deviations of a fair coin.
  const tolerance = 3 * Math.sqrt(count);
  for (const [create, bits] of [
    [createSid, 120],
    [createClientId, 104],
  ] as const) {
    const ones = Array.from({ length: bits }, () => 0);
    const changes = Array.from({ length: bits }, () => 0);
    let earlier = Buffer.from(create(), "base64url");
    for (let made = 0; made < count; made++) {
      const id = Buffer.from(create(), "base64url");
      for (let bit = 0; bit < bits; bit++) {
        const mask = 1 << (bit & 7);
        if (((id[bit >> 3] ?? 0) & mask) !== 0) ones[bit] = (ones[bit] ?? 0) + 1;
        if ((((id[bit >> 3] ?? 0) ^ (earlier[bit >> 3] ?? 0)) & mask) !== 0)
          changes[bit] = (changes[bit] ?? 0) + 1;
      }
      earlier = id;
    }
    for (const sum of [...ones, ...changes]) expect(Math.abs(sum - count / 2)).toBeLessThan(tolerance);
  }
});

test("WSE-07 a client's id is known as one everywhere, other names are not", () => {
  for (let made = 0; made < 1_000; made++) expect(isClientId(createClientId())).toBe(true);
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
  ];
  for (const name of names) expect(isClientId(name)).toBe(false);
  // Of 20,000 other names of that shape, 0.3 are mistaken on average; 8 would be one run in 10^12.
  let mistaken = 0;
  for (let made = 0; made < 20_000; made++) if (isClientId(createSid())) mistaken++;
  expect(mistaken).toBeLessThan(8);
});
