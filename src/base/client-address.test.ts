import { expect, test } from "bun:test";
import { isIP } from "node:net";
import fc from "fast-check";
import { addressKey, isLoopback } from "./client-address.ts";

test.each([
  ["192.0.2.7", "192.0.2.7"],
  ["::ffff:192.0.2.7", "192.0.2.7"],
  ["::FFFF:c000:207", "192.0.2.7"],
  ["0:0:0:0:0:ffff:192.0.2.7", "192.0.2.7"],
  ["2001:db8:1:2::1", "2001:db8:1:2"],
  ["2001:0db8:0001:0002:ffff:ffff:ffff:ffff", "2001:db8:1:2"],
  ["2001:db8:1:2:3:4:192.0.2.7", "2001:db8:1:2"],
  ["2001:db8::", "2001:db8:0:0"],
  ["fe80::1%eth0", "fe80:0:0:0"],
  ["::", "0:0:0:0"],
  ["", ""],
  ["unix", "unix"],
  ["x".repeat(500), "x".repeat(64)],
])("SEC-15 T12 %s counts as %s", (address, key) => {
  expect(addressKey(address)).toBe(key);
});

test("SEC-15 T12 the next /64 is another client", () => {
  expect(addressKey("2001:db8:1:3::1")).not.toBe(addressKey("2001:db8:1:2::1"));
});

test.each(["127.0.0.1", "127.255.255.254", "::1", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1", "::ffff:7f00:1"])(
  "SEC-15 %s is loopback",
  (address) => {
    expect(isLoopback(address)).toBe(true);
  },
);

test.each([
  "128.0.0.1",
  "10.127.0.1",
  "::",
  "::2",
  "1::1",
  "::ffff:10.0.0.1",
  "",
  "127.0.0.1.evil.example",
  "127.1",
  "localhost",
])("SEC-15 %s is not", (address) => {
  expect(isLoopback(address)).toBe(false);
});

/** Eight groups, often zero, and the ways in which they may be written. */
const group = fc.oneof(fc.constant(0), fc.constant(0xffff), fc.nat(0xffff));
const groups = fc.array(group, { minLength: 8, maxLength: 8 });

function spellings(address: readonly number[]): string[] {
  const plain = address.map((group) => group.toString(16));
  const padded = plain.map((group) => group.padStart(4, "0").toUpperCase());
  const [g = 0, h = 0] = address.slice(6);
  const dotted = [...plain.slice(0, 6), [g >> 8, g & 255, h >> 8, h & 255].join(".")];
  const compressed = new URL(`http://[${plain.join(":")}]/`).hostname.slice(1, -1);
  return [plain.join(":"), padded.join(":"), dotted.join(":"), compressed, `${compressed}%eth0`];
}

test("SEC-15 T12 100,000 addresses: all spellings of one have one key", () => {
  const property = fc.property(groups, (address) => {
    const written = spellings(address);
    expect(new Set(written.map(addressKey)).size).toBe(1);
    expect(new Set(written.map(isLoopback)).size).toBe(1);
  });
  fc.assert(property, { numRuns: 100_000 });
}, 60_000);

test("SEC-15 T12 100,000 texts: anything has a short key, and none but an address is loopback", () => {
  const text = fc.string({ unit: fc.constantFrom(":", "f", "1", ".", "%", "127"), maxLength: 80 });
  const property = fc.property(text, (address) => {
    expect(addressKey(address).length).toBeLessThanOrEqual(64);
    if (isIP(address) === 0) expect(isLoopback(address)).toBe(false);
  });
  fc.assert(property, { numRuns: 100_000 });
}, 60_000);
