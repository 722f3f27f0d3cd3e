import { expect, test } from "bun:test";
import { Pulse } from "./pulse.ts";

/** A pulse whose canary was accepted by Redis, and has not come back. */
function owing(): Pulse {
  const pulse = new Pulse();
  pulse.accepted(pulse.heard);
  return pulse;
}

function ticks(pulse: Pulse, count: number): Pulse {
  for (let index = 0; index < count; index++) pulse.tick();
  return pulse;
}

test("F4 an accepted canary that does not come back in 2 s on an idle connection means deaf, 4 s on a busy one", () => {
  expect([1, 2].map((count) => ticks(owing(), count).isDeaf(true))).toEqual([false, true]);
  expect([3, 4].map((count) => ticks(owing(), count).isDeaf(false))).toEqual([false, true]);
});

test("F4 without an accepted canary silence proves nothing", () => {
  expect(ticks(new Pulse(), 100).isDeaf(true)).toBe(false);
});

test("F4 any message is a life sign, also one that overtook the reply to the canary", () => {
  const pulse = ticks(owing(), 1);
  pulse.hear();
  expect(ticks(pulse, 100).isDeaf(true)).toBe(false);

  const { heard } = pulse;
  pulse.hear();
  pulse.accepted(heard);
  expect(ticks(pulse, 100).isDeaf(true)).toBe(false);
});

test("F4 a tick tells whether anything was heard since the last", () => {
  const pulse = new Pulse();
  pulse.hear();
  expect([pulse.tick(), pulse.tick()]).toEqual([true, false]);
});

test("F4 a new connection has to be proved again, and owes nothing for canaries of the old one", () => {
  const pulse = owing();
  pulse.prove();
  const { heard } = pulse;
  pulse.restart();
  expect(pulse.isProved).toBe(false);
  pulse.accepted(heard);
  expect(ticks(pulse, 100).isDeaf(true)).toBe(false);
});

test("F4 a refused canary unproves, with the reason, until one is heard", () => {
  const pulse = new Pulse();
  pulse.prove();
  pulse.refuse("NOPERM");
  expect([pulse.isProved, pulse.refusal]).toEqual([false, "NOPERM"]);
  pulse.prove();
  expect([pulse.isProved, pulse.refusal]).toEqual([true, undefined]);
});

test("PSQ-17 tokens are letters and digits, and no two are equal", () => {
  const pulses = Array.from({ length: 100 }, () => new Pulse());
  const tokens = pulses.flatMap((pulse) => Array.from({ length: 10 }, () => pulse.nextToken("0123abcd")));
  expect(new Set(tokens).size).toBe(1_000);
  expect(tokens.filter((token) => !/^[a-z0-9]{33,47}$/.test(token))).toEqual([]);
});
