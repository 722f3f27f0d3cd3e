import { afterEach, expect, jest, test } from "bun:test";
import { Echoes } from "./echoes.ts";

afterEach(() => {
  jest.useRealTimers();
});

test("what is back in time says to how many it went, what is not says nothing, and one timer serves all", async () => {
  jest.useFakeTimers();
  let now = 0;
  const advance = (ms: number): void => {
    now += ms;
    jest.advanceTimersByTime(ms);
  };
  const echoes = new Echoes(() => now);
  const early = echoes.wait("early");
  const late = echoes.wait("late");
  advance(1_000);
  const later = echoes.wait("later");
  expect(jest.getTimerCount()).toBe(1);
  echoes.settle("early", 3);
  echoes.settle("unknown", 1);
  expect(await early).toBe(3);
  advance(1_000);
  expect(await late).toBeUndefined();
  echoes.settle("late", 5);
  expect(jest.getTimerCount()).toBe(1);
  advance(1_000);
  expect(await later).toBeUndefined();
  expect(jest.getTimerCount()).toBe(0);
});
