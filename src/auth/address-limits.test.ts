import { expect, test } from "bun:test";
import { AddressLimits } from "./address-limits.ts";
import type { AddressRefusal } from "./address-limits.ts";
import { isLoopback } from "../base/client-address.ts";

const proxy = "198.51.100.1";

function create({ connections = 3, handshakes = 100 } = {}) {
  const clock = { now: 0 };
  const limits = new AddressLimits({
    limits: { connectionsPerAddress: connections, handshakesPerAddress: handshakes },
    now: () => clock.now,
    isExempt: (address) => isLoopback(address) || address === proxy,
  });
  return { clock, limits };
}

/** Lets the address in and gives the release; fails the test when it is refused. */
function admitted(answer: (() => void) | AddressRefusal): () => void {
  if (typeof answer === "string") throw new Error(`refused: ${answer}`);
  return answer;
}

test("SEC-06 T12 connections at once are limited per address; one that goes makes room for one", () => {
  const { limits } = create();
  const releases = [1, 2, 3].map(() => admitted(limits.admit("192.0.2.1")));
  expect(limits.admit("192.0.2.1")).toBe("connections_per_address");
  admitted(limits.admit("192.0.2.2"));
  releases[0]?.();
  releases[0]?.();
  admitted(limits.admit("192.0.2.1"));
  expect(limits.admit("192.0.2.1")).toBe("connections_per_address");
});

test("SEC-06 T12 nothing is kept of an address without connections", () => {
  const { limits } = create();
  const releases = Array.from({ length: 1_000 }, (_, index) =>
    admitted(limits.admit(`2001:db8:0:${index}::1`)),
  );
  admitted(limits.admit("127.0.0.1"));
  expect(limits.size).toBe(1_000);
  for (const release of releases) release();
  expect(limits.size).toBe(0);
});

test("SEC-06 T12 handshakes: ten seconds' worth in one burst, then the rate", () => {
  const { clock, limits } = create({ handshakes: 4, connections: 1_000 });
  const count = (): number => {
    let passed = 0;
    for (let index = 0; index < 100; index++) {
      const answer = limits.admit("192.0.2.1");
      if (answer === "handshake_rate") break;
      admitted(answer)();
      passed++;
    }
    return passed;
  };
  expect(count()).toBe(40);
  admitted(limits.admit("192.0.2.2"));
  clock.now = 1_000;
  expect(count()).toBe(4);
});

test("SEC-15 loopback and a trusted proxy are not one client", () => {
  const { limits } = create({ connections: 1, handshakes: 1 });
  for (const address of ["127.0.0.1", "::1", "::ffff:127.0.0.1", proxy]) {
    for (let index = 0; index < 2_000; index++) admitted(limits.admit(address));
  }
});

test("SEC-15 T12 the addresses of one IPv6 network count together, spellings of one address too", () => {
  const { limits } = create({ connections: 1 });
  admitted(limits.admit("2001:db8:0:1::1"));
  expect(limits.admit("2001:db8:0:1:dead:beef::")).toBe("connections_per_address");
  admitted(limits.admit("2001:db8:0:2::1"));
  admitted(limits.admit("::ffff:192.0.2.1"));
  expect(limits.admit("192.0.2.1")).toBe("connections_per_address");
});
