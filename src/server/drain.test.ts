import { expect, test } from "bun:test";
import { closeAll, lastWords } from "./drain.ts";
import type { Clock } from "./drain.ts";

/** A clock that stands still unless somebody sleeps; every sleep takes some time too long, as real ones do. */
function fakeClock(lateMs = 0): Clock {
  let now = 1_000;
  return {
    now: () => now,
    sleep: async (ms) => {
      now += ms + lateMs;
    },
  };
}

/** Closes `count` clients and notes when each close went out, in ms since the beginning. */
async function drain(count: number, drainMs: number, clock = fakeClock()): Promise<readonly number[]> {
  const started = clock.now();
  const times = Array.from({ length: count }, () => Number.NaN);
  const clients = times.map((_, index) => ({
    close: (reason: string) => {
      expect(reason).toBe("shutdown");
      expect(times[index]).toBeNaN();
      times[index] = clock.now() - started;
    },
  }));
  await closeAll(clients, drainMs, clock);
  return times;
}

for (const count of [1, 2, 10, 999]) {
  test(`SEC-14 fewer than 1,000 clients are closed within 1 s: ${count}`, async () => {
    const times = await drain(count, 60_000);
    expect(Math.max(...times)).toBeLessThan(1_000);
  });
}

test("SEC-14 many are spread over the drain time, in no part of it more than 1.5 times as many as on average", async () => {
  for (const [count, drainMs] of [
    [1_000, 5_000],
    [18_000, 10_000],
    [18_000, 60_000],
  ] as const) {
    const times = await drain(count, drainMs);
    expect(Math.max(...times)).toBeLessThan(drainMs);
    const seconds = Math.floor(drainMs / 1_000);
    const perSecond = Array.from(
      { length: seconds },
      (_, second) => times.filter((time) => Math.floor(time / 1_000) === second).length,
    );
    expect(Math.max(...perSecond)).toBeLessThanOrEqual((1.5 * count) / seconds);
    expect(Math.min(...perSecond)).toBeGreaterThanOrEqual((0.5 * count) / seconds);
  }
});

test("SEC-14 steps that come late are made up for: the drain time holds", async () => {
  const times = await drain(5_000, 4_000, fakeClock(150));
  expect(Math.max(...times)).toBeLessThan(4_000 + 200);
});

test("SEC-14 the order is not the order of arrival", async () => {
  const times = await drain(500, 10_000);
  const early = times.slice(0, 250).reduce((sum, time) => sum + time, 0);
  const late = times.slice(250).reduce((sum, time) => sum + time, 0);
  // In the order of arrival the later half would wait three times as long as the earlier one.
  expect(late / early).toBeLessThan(1.5);
  expect(early / late).toBeLessThan(1.5);
});

test("without time, or without clients, it is over at once", async () => {
  expect(new Set(await drain(3_000, 0))).toEqual(new Set([0]));
  expect(await drain(0, 10_000)).toEqual([]);
});

test("SEC-14 in real time, too", async () => {
  const started = performance.now();
  let closed = 0;
  await closeAll(
    Array.from({ length: 300 }, () => ({ close: () => void closed++ })),
    10_000,
  );
  expect(closed).toBe(300);
  expect(performance.now() - started).toBeGreaterThan(500);
});

test("SEC-14 the end waits for last words that nobody fetched yet, a second at most, and not where there are none", async () => {
  const times: number[] = [];
  for (const unsaidMs of [0, 45, 60_000]) {
    const clock = fakeClock();
    const started = clock.now();
    const side = { hasUnsaid: () => clock.now() - started < unsaidMs };
    expect(await lastWords([{}, side], clock)).toBe(unsaidMs > 0);
    times.push(clock.now() - started);
  }
  expect(times).toEqual([0, 50, 1_000]);
});
