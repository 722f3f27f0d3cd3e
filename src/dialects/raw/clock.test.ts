import { expect, test } from "bun:test";
import type { RawConnection } from "./raw-connection.ts";
import { createRawClock } from "./clock.ts";

/** What a client heard of these ticks. */
function heard(startedAt: number, ...ticks: readonly number[]): readonly number[] {
  const seen: number[] = [];
  const client = { tick: (now: number) => void seen.push(now) } as unknown as RawConnection;
  const tick = createRawClock(new Set([client]), startedAt);
  for (const now of ticks) tick(now);
  return seen;
}

test("W4R-09 ticks in time reach every client", () => {
  expect(heard(0, 250, 500, 1_500)).toEqual([250, 500, 1_500]);
});

test("WSC-10 W4R-09 the first tick after a pause is left out: answers of clients are there, but unread", () => {
  expect(heard(0, 250, 90_000, 90_250)).toEqual([250, 90_250]);
  expect(heard(0, 60_000, 60_250)).toEqual([60_250]);
});

test("WSC-10 a process that is always late still ends who is gone", () => {
  expect(heard(0, 2_000, 4_000, 6_000, 8_000)).toEqual([4_000, 8_000]);
});

test("clients that come later hear it, too", () => {
  const clients = new Set<RawConnection>();
  const tick = createRawClock(clients, 0);
  tick(250);
  let seen = 0;
  clients.add({ tick: () => void seen++ } as unknown as RawConnection);
  tick(500);
  clients.clear();
  tick(750);
  expect(seen).toBe(1);
});
