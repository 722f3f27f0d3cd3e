import { expect, test } from "bun:test";
import { LoopLag } from "./loop-lag.ts";

/** A watch with a clock that moves by the given steps, one tick after each. */
function watch(steps: readonly number[]): LoopLag {
  let now = 0;
  const lag = new LoopLag(() => now);
  for (const step of steps) {
    now += step;
    lag.tick();
  }
  return lag;
}

test("nothing was seen yet", () => {
  expect(watch([]).read()).toEqual({ p50: 0, p99: 0, max: 0 });
});

test("a loop on time has no lag, an early turn neither", () => {
  expect(watch([200, 200, 190, 200]).read()).toEqual({ p50: 0, p99: 0, max: 0 });
});

test("median, 99th percentile and maximum, in seconds", () => {
  const steps = Array.from({ length: 100 }, (_, index) => 201 + index);
  expect(watch(steps).read()).toEqual({ p50: 0.05, p99: 0.099, max: 0.1 });
});

test("one stop of the loop is seen for a minute, however often it is read", () => {
  const minute = Array.from({ length: 299 }, () => 200);
  const seen = watch([1_200, ...minute]);
  expect(seen.read().max).toBe(1);
  expect(seen.read().max).toBe(1);
  expect(watch([1_200, ...minute, 200]).read().max).toBe(0);
});

/** A started watch that counts its readings of the clock, and can wait for the next so many. */
function started() {
  let readings = 0;
  let wanted = Infinity;
  let done = Promise.withResolvers<void>();
  const lag = new LoopLag(() => {
    if (++readings >= wanted) done.resolve();
    return performance.now();
  });
  lag.start();
  const more = (count: number): Promise<void> => {
    wanted = readings + count;
    done = Promise.withResolvers();
    return done.promise;
  };
  return { lag, more, readings: () => readings };
}

test("the timer runs by itself, and stops", async () => {
  const one = started();
  const other = started();
  await one.more(2);
  one.lag.stop();
  const seen = one.readings();
  await other.more(3);
  other.lag.stop();
  expect(one.readings()).toBe(seen);
});
