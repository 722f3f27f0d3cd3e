// The clock of a raw dialect's clients: it forwards the gateway's ticks, but not the first one after a pause of the whole
// process, when the answers of clients are there but unread.

import type { PlainClient } from "./plain-client.ts";

/** Ticks come several times a second: later than this, something held up the whole process. */
const lateMs = 1_000;

/** @returns what to call with each tick. */
export function createPlainClock(clients: Iterable<PlainClient>, startedAt: number): (now: number) => void {
  let lastTick = startedAt;
  let wasLate = false;
  return (now) => {
    wasLate = now - lastTick > lateMs && !wasLate;
    lastTick = now;
    if (wasLate) return;
    for (const client of clients) client.tick(now);
  };
}
